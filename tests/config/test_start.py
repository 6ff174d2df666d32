"""Who starts the embedded services, and who does not: processes of the product, each
with a folder of its own in which a started service would leave its lock."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings

from config import embedded
from config.celery import app
from tests.support.processes import ROOT

GIVEN = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FERNET_KEYS")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "var"


def run(folder, *arguments, **given):
    """A Python program in the environment of a checkout, `given` and nothing else."""
    inherited = {name: os.environ[name] for name in os.environ if name not in GIVEN}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            **inherited,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "CONNECTOR_VAR_DIR": str(folder),
            **given,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def was_used(folder):
    return (folder / "users.lock").exists()


@pytest.mark.parametrize(
    "program",
    [
        ("-c", "import config.settings"),
        ("-c", "import django; django.setup(); import sync.tasks, config.urls"),
        ("manage.py", "check"),
    ],
    ids=["settings", "everything", "check"],
)
def test_reading_settings_and_checking_them_starts_nothing(folder, program):
    run(folder, *program)
    assert not was_used(folder)


def test_a_command_starts_what_was_not_given_and_leaves_nothing_running(folder):
    run(folder, "manage.py", "makemigrations", "--check", "--dry-run")
    assert was_used(folder)
    for name in ("postgresql/postmaster.pid", "valkey/valkey.pid"):
        assert not (folder / name).exists()


def test_with_both_addresses_given_nothing_is_started(folder):
    run(
        folder,
        *("manage.py", "makemigrations", "--check", "--dry-run"),
        DATABASE_URL=settings.DATABASE_URL,
        REDIS_URL=settings.REDIS_URL,
        SECRET_KEY="a key",
        FERNET_KEYS="another key",
    )
    assert not was_used(folder)


@pytest.mark.parametrize("database", [True, False])
@pytest.mark.parametrize("broker", [True, False])
def test_only_what_was_not_given_is_joined(
    folder, settings, monkeypatch, database, broker
):
    settings.VAR_DIR = folder
    settings.IS_EMBEDDED, settings.IS_BROKER_EMBEDDED = database, broker
    joined = []
    monkeypatch.setattr(
        embedded, "join", lambda folder, **services: joined.append((folder, services))
    )
    embedded.start_if_needed()
    missing = {"database": database, "broker": broker}
    assert joined == ([(folder, missing)] if database or broker else [])


def test_worker_and_beat_start_what_was_not_given(monkeypatch):
    started = []
    monkeypatch.setattr(embedded, "start_if_needed", lambda: started.append(True))
    app.loader.on_worker_init()
    assert started
