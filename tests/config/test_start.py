"""Who starts the embedded services, and who does not: processes of the product, each
with a folder of its own in which a started service would leave its lock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery.beat import Service
from django.conf import settings

from config import embedded
from config.celery import app
from tests.support.processes import ROOT, stop
from tests.support.worker import environment

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
        FERNET_KEYS="another key of some length",
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


@pytest.fixture
def spoilt(tmp_path):
    """A folder that nobody may write to, with what an older beat has left there."""
    place = tmp_path / "checkout"
    (place / "var").mkdir(parents=True)
    (place / "var" / "beat-schedule").write_bytes(b"\0garbage\xff" * 100)
    for folder in (place / "var", place):
        folder.chmod(0o555)
    yield place
    for folder in (place, place / "var"):
        folder.chmod(0o755)


def test_beat_starts_beside_a_spoilt_file_and_writes_none(spoilt, tmp_path):
    (line,) = re.findall(r"^beat: (.*)$", (ROOT / "Procfile").read_text(), re.MULTILINE)
    before = sorted(spoilt.rglob("*"))
    log = tmp_path / "log"
    with log.open("wb") as output:
        beat = subprocess.Popen(
            ["/bin/sh", "-c", f"{line} --loglevel debug"],
            cwd=spoilt,
            env=environment(
                PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                PYTHONPATH=str(ROOT),
            ),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 60
        while "Waking up" not in log.read_text():
            assert beat.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
    finally:
        stop(beat)
    assert sorted(spoilt.rglob("*")) == before


def test_a_minute_after_its_start_beat_has_sent_everything_once(
    monkeypatch, time_machine, spoilt
):
    """So that a beat that is started anew each day sends what is due once a day."""
    sent = []
    time_machine.move_to(datetime.now(UTC))
    scheduler = Service(
        app,
        scheduler_cls=app.conf.beat_scheduler,
        schedule_filename=str(spoilt / "var" / "beat-schedule"),
    ).get_scheduler()
    monkeypatch.setattr(
        scheduler, "apply_entry", lambda entry, producer: sent.append(entry.task)
    )
    scheduler.tick()
    assert sent == []
    time_machine.shift(timedelta(seconds=61))
    for _ in range(2 * len(settings.CELERY_BEAT_SCHEDULE)):
        scheduler.tick()
    tasks = [plan["task"] for plan in settings.CELERY_BEAT_SCHEDULE.values()]
    assert sorted(sent) == sorted(tasks)


PRODUCTION = {
    "DATABASE_URL": "postgres://connector:x@127.0.0.1:1/connector",
    "REDIS_URL": "redis://127.0.0.1:1",
    "SECRET_KEY": "0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMN",
    "FERNET_KEYS": "a key of some length and more",
    "ALLOWED_HOSTS": "connector.example.com",
}


def test_what_django_asks_of_a_deployment_is_so_by_default(folder):
    out = run(
        folder, "manage.py", "check", "--deploy", "--fail-level=WARNING", **PRODUCTION
    )
    assert "no issues" in out


def test_no_server_with_a_database_shows_its_errors(folder):
    with pytest.raises(AssertionError, match="DEBUG shows settings"):
        run(folder, "manage.py", "check", **PRODUCTION, DEBUG="1")
    run(folder, "manage.py", "check", DEBUG="1")


def test_blanks_around_a_key_are_none_of_its_own_and_yet_open_what_they_closed(folder):
    keys = run(
        folder,
        "-c",
        "import config.settings as s; print(s.FERNET_KEYS, s.SECRET_KEY_FALLBACKS)",
        **{
            **PRODUCTION,
            "FERNET_KEYS": "the newest key of all, the one before",
            "SECRET_KEY_FALLBACKS": "the old one",
        },
    )
    newest, before = "the newest key of all", "the one before"
    assert keys.strip() == f"{[newest, before, f' {before}']} ['the old one']"
