"""Why Redis cannot be used, in words that hold no secret of its address. (No Django.)

Redis itself is not quoted: a refusal may repeat a command, and one of them brings the
password.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDoneError
from threading import Lock
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError
from redis.retry import Retry

_ANSWERS = (
    (redis.BusyLoadingError, "has just started and is still loading its data: wait."),
    (redis.OutOfMemoryError, "has no memory left: give it more, or see what fills it."),
    (redis.ReadOnlyError, "is a read-only replica: set REDIS_URL to the primary."),
    (redis.MaxConnectionsError, "takes no more connections: allow it more of them."),
    (
        NoPermissionError,
        "does not let the user in REDIS_URL use all commands and keys.",
    ),
)
# The first word of an answer that has no type of its own.
_WORDS = {
    "MISCONF": "cannot write to its disk and takes nothing: its own log says why.",
    "ERR max number": "takes no more connections: allow it more of them.",
}
_CHECK_ADDRESS = "Check REDIS_URL, and that Redis runs there."
_ASK_SECONDS = 2.0

_asker = ThreadPoolExecutor(1, "redis-trouble")
_asked: dict[str, Future[str]] = {}
_lock = Lock()


def cause_of(error: BaseException, url: str) -> str:
    """A sentence or two that begin with a capital: what is wrong and what to do."""
    place = place_of(url)
    chain = list(_chain(error))
    for each in chain:
        if said := _cause(each, place, url):
            return said
    kinds = ", ".join(dict.fromkeys(type(each).__name__ for each in chain))
    return f"{place} cannot be used ({kinds}). {_CHECK_ADDRESS}"


def trouble_with(url: str) -> str:
    """Asks Redis whether it answers; "" if it does, else as `cause_of`.

    Returns within two seconds, however long names take to be looked up.
    """
    with _lock:
        asked = _asked.get(url)
        if asked is None or asked.done():
            asked = _asked[url] = _asker.submit(_ask, url)
    try:
        return asked.result(_ASK_SECONDS)
    except NotDoneError:
        return _silent(place_of(url), url)


def place_of(url: str) -> str:
    """Host and port, or the socket, without user and password."""
    parts = urlsplit(url)
    if parts.scheme in ("unix", "redis+socket"):
        return f"Redis at {unquote(parts.path)}"
    return f"Redis at {parts.hostname or 'localhost'}:{parts.port or 6379}"


def _ask(url: str) -> str:
    try:
        with redis.Redis.from_url(
            url,
            socket_timeout=_ASK_SECONDS,
            socket_connect_timeout=_ASK_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as connection:
            connection.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return cause_of(error, url)
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The causes of an error before the error: the first of all knows best."""
    seen: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and each not in seen:
        seen.append(each)
        each = each.__cause__ or each.__context__
    yield from reversed(seen)


def _cause(error: BaseException, place: str, url: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error, place)
    if isinstance(error, ssl.SSLError):
        return (
            f"{place} did not complete a TLS handshake. If it does not use TLS, begin "
            "REDIS_URL with redis:// instead of rediss://."
        )
    if isinstance(error, socket.gaierror):
        return f"The host name of {place} cannot be resolved. {_CHECK_ADDRESS}"
    if isinstance(error, TimeoutError | redis.TimeoutError):
        return _silent(place, url)
    if isinstance(error, ConnectionRefusedError):
        return f"{place} refuses connections. {_CHECK_ADDRESS}"
    if isinstance(error, FileNotFoundError):
        return f"{place} is not there. {_CHECK_ADDRESS}"
    if isinstance(error, PermissionError):
        return f"{place} may not be opened by this account. Check its permissions."
    if isinstance(error, redis.AuthenticationError):
        return (
            f"{place} refuses the user name or password. Correct them in REDIS_URL; "
            "in there, % is written %25, / %2F, : %3A, ? %3F, # %23 and @ %40."
        )
    return _answer(error, place) or _closed(error, place, url)


def _certificate(error: ssl.SSLCertVerificationError, place: str) -> str:
    reason = error.verify_message.rstrip(".") or "it cannot be verified"
    way_out = (
        "Use the name that the certificate is for."
        if "mismatch" in reason.lower()
        else "Renew it on the server."
        if "expired" in reason.lower()
        else "Name the file of the authority that signed it in REDIS_CA_FILE."
    )
    return f"The certificate of {place} is not trusted: {reason}. {way_out}"


def _answer(error: BaseException, place: str) -> str:
    """For an error that Redis has answered with, if it is a known one."""
    if not isinstance(error, redis.RedisError):
        return ""
    for kind, said in _ANSWERS:
        if isinstance(error, kind):
            return f"{place} {said}"
    for word, said in _WORDS.items():
        if str(error).startswith((word, word.removeprefix("ERR "))):
            return f"{place} {said}"
    return ""


def _closed(error: BaseException, place: str, url: str) -> str:
    is_closed = isinstance(error, ConnectionResetError | BrokenPipeError) or (
        isinstance(error, redis.ConnectionError) and "closed" in str(error).lower()
    )
    if not is_closed:
        return ""
    hint = (
        " Where it wants TLS, REDIS_URL begins with rediss:// instead of redis://."
        if url.startswith("redis://")
        else ""
    )
    return f"{place} closes the connection.{hint}"


def _silent(place: str, url: str) -> str:
    is_secure = url.startswith("rediss://")
    hint = " and whether it speaks TLS there" if is_secure else ""
    return f"{place} does not answer. Check REDIS_URL, any firewall between{hint}."
