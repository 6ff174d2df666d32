"""Each numbered check with the value that it refuses, and who does not start then."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.checks import run_checks
from django.core.management.base import SystemCheckError

from config import checks
from config.celery import app
from tests.support.processes import ROOT

GOOD_KEY = "a good key of some length"
BAD = [
    ("E001", {"LEASE_SECONDS": 130.0, "HTTP_TIMEOUT": 65.0}),
    ("E002", {"RETENTION_DAYS": 0}),
    ("E002", {"AUDIT_RETENTION_DAYS": 0}),
    ("E003", {"PEX_CALLS_PER_MINUTE": -1}),
    ("E003", {"CMIC_CALLS_PER_SECOND": -1}),
    ("E003", {"CMIC_CALLS_IN_FLIGHT": -1}),
    ("E004", {"SYNC_LANES": 0}),
    ("E005", {"LOST_ANSWER_DELAYS": []}),
    ("E005", {"LOST_ANSWER_DELAYS": [-1.0]}),
    ("E005", {"LOST_ANSWER_DELAYS": [300.0, 60.0]}),
    ("E005", {"LOST_ANSWER_DELAYS": [float("nan")]}),
    ("E006", {"HTTP_TIMEOUT": 0.0}),
    ("E006", {"EMAIL_TIMEOUT": -1.0}),
    ("E007", {"FERNET_KEYS": [GOOD_KEY, " "]}),
    ("E007", {"FERNET_KEYS": [GOOD_KEY, "\udcff"]}),
    ("E011", {"FERNET_KEYS": ["fifteen letters", GOOD_KEY]}),
    ("E010", {"CONNECTOR_PRIVATE_HOSTS": ["https://cmic.example.com"]}),
    ("E010", {"CONNECTOR_PRIVATE_HOSTS": ["*.example.com"]}),
    ("E010", {"CONNECTOR_PRIVATE_HOSTS": ["10.0.0.8"]}),
    ("E010", {"CONNECTOR_PRIVATE_HOSTS": ["cmic.example.com", "cmic:8443"]}),
    ("E012", {"PROXY_COUNT": -1}),
    ("E013", {"SESSION_IDLE_MINUTES": 0}),
    ("E013", {"LOGIN_TRIES": 0}),
    ("E013", {"LOGIN_LOCK_MINUTES": 0}),
]
GOOD = [
    {"LEASE_SECONDS": 130.1, "HTTP_TIMEOUT": 65.0},
    {"RETENTION_DAYS": 1},
    {"PEX_CALLS_PER_MINUTE": 0, "CMIC_CALLS_PER_SECOND": 0, "CMIC_CALLS_IN_FLIGHT": 0},
    {"SYNC_LANES": 1},
    {"LOST_ANSWER_DELAYS": [0.0]},
    {"LOST_ANSWER_DELAYS": [60.0, 60.0, 300.0]},
    {"FERNET_KEYS": ["é" * 16, "k"]},
    {"ALLOWED_HOSTS": []},
    {"CONNECTOR_PRIVATE_HOSTS": ["CMiC.example.com", " cmic-test"]},
]


def change(settings, values):
    for name, value in values.items():
        setattr(settings, name, value)


def numbers(**options):
    found = run_checks(tags=[checks.TAG], **options)
    return [message.id.removeprefix("connector.") for message in found]


@pytest.mark.parametrize(("number", "values"), BAD, ids=str)
def test_a_bad_value_has_a_number_and_a_sentence_that_names_it(
    settings, number, values
):
    change(settings, values)
    (found,) = run_checks(tags=[checks.TAG])
    assert found.id == f"connector.{number}"
    assert all(name in found.msg for name in values)
    with pytest.raises(SystemCheckError, match=number):
        checks.refuse_errors()


@pytest.mark.parametrize("values", GOOD, ids=str)
def test_the_nearest_good_value_passes(settings, values):
    change(settings, values)
    assert numbers() == []
    checks.refuse_errors()


def test_no_key_is_shown(settings):
    settings.FERNET_KEYS = ["a secret key that is long", " "]
    with pytest.raises(SystemCheckError) as raised:
        checks.refuse_errors()
    assert "Key 2 " in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_web_without_hosts_does_not_start_but_a_worker_does(settings):
    settings.ALLOWED_HOSTS = []
    checks.refuse_errors()
    with pytest.raises(SystemCheckError, match="E008"):
        checks.refuse_errors(is_web=True)
    settings.ALLOWED_HOSTS = ["connector.example.com"]
    checks.refuse_errors(is_web=True)


def test_everything_wrong_is_said_at_once(settings):
    settings.SYNC_LANES = settings.RETENTION_DAYS = 0
    with pytest.raises(SystemCheckError, match=r"(?s)E002.*E004"):
        checks.refuse_errors()


def test_worker_and_beat_refuse_before_they_connect(settings, monkeypatch):
    settings.SYNC_LANES = 0
    monkeypatch.setattr("config.embedded.start_if_needed", pytest.fail)
    with pytest.raises(SystemCheckError, match="E004"):
        app.loader.on_worker_init()


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "celery", "-A", "config", "worker", "--pool", "threads"),
        ("-m", "celery", "-A", "config", "beat", "--pidfile="),
        ("-c", "import config.wsgi"),
        ("manage.py", "check"),
    ],
    ids=["worker", "beat", "web", "check"],
)
def test_a_wrong_lease_starts_nothing(command, tmp_path):
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "CONNECTOR_VAR_DIR": str(tmp_path / "var"),
            "LEASE_SECONDS": "130",
            "HTTP_TIMEOUT": "65",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert "(connector.E001) LEASE_SECONDS (130)" in done.stderr
    assert not (tmp_path / "var" / "users.lock").exists()
