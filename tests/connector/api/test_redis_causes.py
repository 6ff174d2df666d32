"""What keeps us from Redis is told in words, and no password with it: against a real
Valkey, with and without TLS before it."""

from __future__ import annotations

import pytest
import redis

from config.broker import redis_address
from connector.api.exceptions import LimiterAwayError
from connector.api.limits import cmic_limits
from connector.api.redis_causes import cause_of, trouble_with
from tests.support.network.servers import make_certificate
from tests.support.network.valkey import own_valkey, tls_in_front
from tests.support.processes import free_port

PASSWORD = "pass/w0rd"
ESCAPED = "pass%2Fw0rd"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory):
    with own_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def locked(valkey):
    """The same, with a password."""
    with redis.Redis.from_url(valkey.url) as connection:
        connection.config_set("requirepass", PASSWORD)
        yield valkey
        connection.execute_command("AUTH", PASSWORD)
        connection.config_set("requirepass", "")


@pytest.fixture
def tls(valkey, tmp_path):
    """A port with TLS and the file of who signed its certificate."""
    certificate = make_certificate(tmp_path, "127.0.0.1")
    with tls_in_front(valkey, certificate) as port:
        yield port, str(certificate)


def secure(port, ca_file="", *, host="127.0.0.1", is_insecure=False):
    return redis_address(
        f"rediss://user:{ESCAPED}@{host}:{port}/0", ca_file, is_insecure=is_insecure
    )


def without_user(url):
    return url.replace(f"user:{ESCAPED}@", "")


def said(url):
    """What is told of the address, by the page and by a call that is to be counted."""
    told = trouble_with(url)
    with (
        pytest.raises(LimiterAwayError) as raised,
        cmic_limits(url, "https://cmic.example", per_second=1, in_flight=1).permit(""),
    ):
        pass
    assert raised.value.message.endswith(told)
    assert raised.value.retry_after == 5
    assert "pass" not in raised.value.message.replace("password", "")
    return told


def test_a_certificate_that_nobody_known_signed_is_not_trusted(tls):
    port, _ = tls
    told = said(secure(port))
    assert f"The certificate of Redis at 127.0.0.1:{port} is not trusted: self" in told
    assert told.endswith("REDIS_CA_FILE.")


def test_a_certificate_is_trusted_by_the_file_of_who_signed_it(tls):
    port, ca_file = tls
    assert trouble_with(without_user(secure(port, ca_file))) == ""


def test_a_certificate_for_another_name_is_not_trusted(valkey, tmp_path):
    certificate = make_certificate(tmp_path, "redis.example.com")
    with tls_in_front(valkey, certificate) as port:
        told = said(secure(port, str(certificate)))
    assert told.endswith("Use the name that the certificate is for.")


def test_a_certificate_that_has_expired_is_not_trusted(valkey, tmp_path):
    certificate = make_certificate(tmp_path, "127.0.0.1", days=-1)
    with tls_in_front(valkey, certificate) as port:
        assert "has expired. Renew it" in said(secure(port, str(certificate)))


def test_with_the_switch_no_certificate_is_verified(valkey, tmp_path):
    certificate = make_certificate(tmp_path, "redis.example.com", days=-1)
    with tls_in_front(valkey, certificate) as port:
        assert trouble_with(without_user(secure(port, is_insecure=True))) == ""


def test_a_wrong_password_is_told_and_not_shown(tls, locked):
    port, ca_file = tls
    assert "refuses the user name or password" in said(secure(port, ca_file))
    assert "refuses the user name or password" in said(
        without_user(secure(port, ca_file))
    )


def test_the_right_password_goes_over_tls(tls, locked):
    port, ca_file = tls
    url = secure(port, ca_file).replace("user:", ":")
    assert trouble_with(url) == ""


def test_a_server_without_tls_is_told(tmp_path):
    with own_valkey(tmp_path) as plain, redis.Redis.from_url(plain.url) as connection:
        port = free_port(0)
        connection.config_set("port", port)
        assert said(secure(port)).endswith("whether it speaks TLS there.")


def test_tls_that_is_not_spoken_is_told(tls):
    port, _ = tls
    told = said(f"redis://127.0.0.1:{port}/0")
    assert "closes the connection" in told
    assert "begins with rediss://" in told


def test_a_name_that_is_not_known_is_told():
    told = said("redis://redis.invalid:6380/0")
    assert told.startswith(
        "The host name of Redis at redis.invalid:6380 cannot be resolved."
    )


def test_a_refused_connection_is_told():
    port = free_port(0)
    assert said(f"redis://127.0.0.1:{port}/0").startswith(
        f"Redis at 127.0.0.1:{port} refuses connections."
    )


def test_a_socket_that_is_not_there_is_told(tmp_path):
    assert "is not there" in said(f"unix://{tmp_path}/valkey.sock")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (redis.BusyLoadingError("x"), "loading its data"),
        (redis.OutOfMemoryError("x"), "no memory left"),
        (redis.ReadOnlyError("x"), "a read-only replica"),
        (redis.ResponseError("MISCONF errors writing to the AOF"), "its disk"),
        (redis.ConnectionError("max number of clients reached"), "no more connections"),
        (redis.TimeoutError("Timeout reading from h:1"), "does not answer"),
        (
            redis.ResponseError("unknown command 'AUTH', with args: 'pass/w0rd'"),
            "cannot be used (ResponseError)",
        ),
    ],
    ids=str,
)
def test_an_answer_of_redis_is_told_in_our_words(error, words):
    told = cause_of(error, f"redis://:{ESCAPED}@h:1/0")
    assert words in told
    assert "pass" not in told
