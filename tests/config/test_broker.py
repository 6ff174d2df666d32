"""One address of Redis for messages and limits, and what of it cannot be meant."""

from __future__ import annotations

import logging

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from kombu.exceptions import OperationalError

from config.broker import broker_url, redis_address
from config.celery import app
from tests.support.network.servers import make_certificate
from tests.support.network.valkey import own_valkey, tls_in_front
from tests.support.processes import free_port


@pytest.mark.parametrize("query", ["", "?client_name=connector"])
def test_certificates_are_verified_unless_it_is_said_otherwise(query):
    url = f"rediss://u:p%40@redis.example.com/0{query}"
    assert "ssl_cert_reqs=required" in redis_address(url, "", is_insecure=False)
    insecure = redis_address(url, "", is_insecure=True)
    assert "ssl_cert_reqs=none" in insecure
    assert insecure.startswith(url)


def test_messages_go_over_tls_by_the_file_of_who_signed(tmp_path):
    certificate = make_certificate(tmp_path, "127.0.0.1")
    with (
        own_valkey(tmp_path / "valkey") as valkey,
        tls_in_front(valkey, certificate) as port,
    ):
        url = f"rediss://127.0.0.1:{port}/0"
        trusted = redis_address(url, str(certificate), is_insecure=False)
        with app.connection_for_write(broker_url(trusted)) as broker:
            app.send_task("sync.recover", queue="manual", connection=broker)
            assert broker.default_channel.client.llen("manual") == 1
        doubted = redis_address(url, "", is_insecure=False)
        with (
            app.connection_for_write(broker_url(doubted)) as broker,
            pytest.raises(redis.ConnectionError, match="self-signed"),
        ):
            broker.connect()


def test_the_log_says_why_no_message_comes_and_shows_no_password(caplog):
    port = free_port(0)
    with (
        caplog.at_level(logging.ERROR),
        app.connection_for_write(f"redis://u:secret@127.0.0.1:{port}/0") as broker,
        pytest.raises(OperationalError),
    ):
        broker.ensure_connection(None, 1, timeout=0.1)
    assert f"Redis at 127.0.0.1:{port} refuses connections." in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("url", "ca_file", "is_insecure", "words"),
    [
        ("rediss://:secret@h/0?ssl_cert_reqs=none", "", False, "REDIS_INSECURE_TLS"),
        ("redis://:secret@h/0", "pyproject.toml", False, "must begin with rediss"),
        ("redis://:secret@h/0", "", True, "must begin with rediss"),
        ("unix:///tmp/x", "", True, "must begin with rediss"),
        ("rediss://:secret@h/0", "pyproject.toml", True, "not both"),
        ("rediss://:secret@h/0", "/no/file", False, "No such file"),
        ("rediss://:secret@h/0", "pyproject.toml", False, "holds no certificate"),
        ("rediss://:secret@h:port/0", "", False, "cannot be read"),
        ("rediss:///0", "", False, "names no host"),
    ],
)
def test_what_cannot_be_meant_is_refused(url, ca_file, is_insecure, words):
    with pytest.raises(ImproperlyConfigured, match=words) as raised:
        redis_address(url, ca_file, is_insecure=is_insecure)
    assert "secret" not in str(raised.value)
