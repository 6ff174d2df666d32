"""The embedded services, with real processes that come, go and are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import environ
import kombu
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
import redis

from config import embedded
from config.broker import broker_url

# Joins, says the addresses, and leaves when its standard input ends. The module is
# imported without its package, whose Celery takes longer than all the rest.
USER = """
import json, os, sys, time
from pathlib import Path
import embedded

embedded.join(Path(sys.argv[1]))
addresses = embedded.addresses(Path(sys.argv[1]))
if sys.argv[2] == "fork that ends" and not os.fork():
    sys.exit()
if sys.argv[2] == "fork that stays" and not os.fork():
    os.closerange(0, 3)
    time.sleep(60)
print(json.dumps([addresses.database_url, addresses.redis_url]), flush=True)
sys.stdin.read()
"""


class User:
    """A process, in a session of its own, that uses the services of a folder."""

    def __init__(self, folder: Path, behaviour: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, folder, behaviour],
            cwd=Path(embedded.__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def addresses(self) -> embedded.Addresses:
        assert self.process.stdout
        return embedded.Addresses(*json.loads(self.process.stdout.readline()))

    def leave(self) -> None:
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=30)

    def interrupt(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.communicate(timeout=30)

    def kill_with_forks(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=30)


@contextmanager
def using(
    folder: Path, behaviour: str = ""
) -> Iterator[tuple[User, embedded.Addresses]]:
    user = User(folder, behaviour)
    try:
        yield user, user.addresses()
    finally:
        user.kill_with_forks()


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests share one database folder, since making one takes a second."""
    return tmp_path_factory.mktemp("shared") / "var"


@pytest.fixture
def folder(shared_folder: Path) -> Iterator[Path]:
    yield shared_folder

    def is_left() -> bool:
        # Once more if a killed process was not quite gone yet.
        embedded.leave(shared_folder)
        return not services(shared_folder)

    wait_until(is_left)


def services(folder: Path) -> dict[str, int]:
    """The pid of each server that works in this folder, however it was started."""
    found = {}
    for process in psutil.process_iter(["name", "cwd", "cmdline"]):
        about = process.info
        if about["name"] not in {"postgres", "valkey-server"} or not about["cmdline"]:
            continue
        is_own_child = about["cmdline"][0].startswith("postgres:")
        works_in = Path(about["cwd"] or "/")
        if works_in.is_relative_to(folder.resolve()) and not is_own_child:
            found[about["name"]] = process.pid
    return found


def wait_until(is_true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def ask_both(addresses: embedded.Addresses) -> None:
    with psycopg.connect(addresses.database_url) as connection:
        row = connection.execute(
            "SELECT current_database(), current_setting('TimeZone'), "
            "current_setting('server_encoding')"
        ).fetchone()
    assert row == ("connector", "UTC", "UTF8")
    with redis.Redis.from_url(addresses.redis_url) as client:
        assert client.ping()


def test_the_first_user_starts_both_and_the_last_one_stops_both(tmp_path):
    folder = tmp_path / "var"
    with using(folder) as (first, addresses):
        ask_both(addresses)
        started = services(folder)
        assert set(started) == {"postgres", "valkey-server"}
        with using(folder) as (second, same_addresses):
            assert same_addresses == addresses
            first.leave()
            assert services(folder) == started
            ask_both(addresses)
            second.leave()
    wait_until(lambda: not services(folder))


def test_they_outlive_the_killed_process_that_started_them(folder):
    with using(folder) as (starter, _), using(folder) as (second, addresses):
        started = services(folder)
        starter.kill()
        ask_both(addresses)
        assert services(folder) == started
        second.leave()
    wait_until(lambda: not services(folder))


def test_they_outlive_a_ctrl_c_in_the_terminal_of_their_starter(folder):
    with using(folder) as (starter, _), using(folder) as (_second, addresses):
        started = services(folder)
        starter.interrupt()
        ask_both(addresses)
        assert services(folder) == started


def test_what_a_killed_user_left_running_is_shared_and_stopped_by_the_next(folder):
    with using(folder) as (only, _):
        started = services(folder)
        only.kill()
    assert services(folder) == started
    with using(folder) as (following, addresses):
        ask_both(addresses)
        assert services(folder) == started
        following.leave()
    wait_until(lambda: not services(folder))


def test_a_process_that_never_joined_stops_what_killed_users_left_behind(folder):
    with using(folder) as (only, _):
        only.kill()
    embedded.leave(folder)
    wait_until(lambda: not services(folder))


def test_a_fork_that_ends_stops_nothing(folder):
    with using(folder, "fork that ends") as (user, addresses):
        children = psutil.Process(user.process.pid).children()
        wait_until(
            lambda: all(child.status() == psutil.STATUS_ZOMBIE for child in children)
        )
        ask_both(addresses)


def test_a_fork_does_not_keep_them_up_when_its_parent_has_left(folder):
    with using(folder, "fork that stays") as (user, _):
        user.leave()
        wait_until(lambda: not services(folder))


def test_a_fork_keeps_them_up_when_its_parent_was_killed(folder):
    with using(folder, "fork that stays") as (user, addresses):
        user.kill()
        embedded.leave(folder)
        ask_both(addresses)


def test_queued_messages_are_still_there_after_a_stop_and_after_a_kill(folder):
    for count in range(3):
        with using(folder) as (user, addresses):
            with redis.Redis.from_url(addresses.redis_url) as client:
                assert client.llen("queue") == count
                client.rpush("queue", "message")
            if count == 1:
                os.kill(services(folder)["valkey-server"], signal.SIGKILL)
            user.leave()


@pytest.mark.parametrize("killed", ["postgres", "valkey-server"])
def test_a_service_that_was_killed_is_started_again_at_the_same_address(folder, killed):
    with using(folder) as (_, addresses):
        before = services(folder)
        os.kill(before[killed], signal.SIGKILL)
        wait_until(lambda: killed not in services(folder))
        with using(folder) as (_, same_addresses):
            assert same_addresses == addresses
            ask_both(addresses)
            assert services(folder)[killed] != before[killed]


def test_users_that_come_at_the_same_moment_share_one_start(folder):
    users = [User(folder, "") for _ in range(3)]
    try:
        said = {user.addresses() for user in users}
        assert len(said) == 1
        ask_both(said.pop())
    finally:
        for user in users:
            user.kill_with_forks()


def test_a_very_long_path_with_unusual_characters_works(tmp_path):
    folder = tmp_path / ("Deep checkout, it's an é/" * 12) / "var"
    with using(folder) as (user, addresses):
        ask_both(addresses)
        user.leave()
    wait_until(lambda: not services(folder))


def test_django_environ_reads_the_database_url(tmp_path):
    folder = tmp_path / "With Capitals"
    with using(folder) as (user, addresses):
        config = environ.Env().db_url_config(addresses.database_url)
        assert config["ENGINE"] == "django.db.backends.postgresql"
        # As Django's backend puts them together when HOST and PORT are empty.
        assert (config["HOST"], config["PORT"]) == ("", "")
        with psycopg.connect(
            dbname=config["NAME"], user=config["USER"], **config["OPTIONS"]
        ) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        user.leave()


def test_redis_and_celery_read_the_redis_url(tmp_path):
    folder = tmp_path / "Capitals at 100 %"
    with using(folder) as (user, addresses):
        with redis.Redis.from_url(addresses.redis_url) as client:
            assert client.ping()
        with kombu.Connection(broker_url(addresses.redis_url)) as broker:
            broker.ensure_connection(max_retries=1)
        user.leave()


def test_without_the_wheels_the_sentence_says_what_to_set(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="Set DATABASE_URL and REDIS_URL, or inst"):
        embedded.join(folder)


def test_only_what_is_asked_for_is_started(folder):
    embedded.join(folder, database=False)
    assert set(services(folder)) == {"valkey-server"}
    embedded.join(folder, database=False)
    embedded.leave(folder)
    assert not services(folder)
