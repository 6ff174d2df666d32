"""Where a call breaks on the wire, what is certain then, and how long a half takes."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.api.exceptions import ApiConnectionError, ApiTimeoutError
from connector.api.http import ApiClient
from connector.api.wire import exchange
from connector.api.wire.exchange import Timeouts
from tests.support.factories import ANYWHERE

MEGABYTE = 1024 * 1024
YES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def client(url, **timeouts):
    return ApiClient(
        url,
        reach=ANYWHERE,
        authorization=lambda: "x",
        timeouts=Timeouts(**timeouts),
    )


@contextmanager
def serving(answer):
    """A port on which each connection is given to `answer`, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)

        def serve():
            while True:
                try:
                    connected, _ = server.accept()
                except OSError:
                    return
                with connected:
                    try:
                        answer(connected)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def read_request(connected):
    """Headers and body come apart; the body of these tests is `{}`."""
    heard = b""
    while not heard.endswith(b"{}"):
        heard += connected.recv(65536)
    return heard


def alert(connected):
    connected.recv(1024)
    connected.sendall(bytes.fromhex("15030300020250"))


def reset(connected):
    connected.recv(1024)
    connected.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", True, 0)
    )


def hang_up(connected):
    connected.recv(1024)


def speak_plainly(connected):
    connected.recv(1024)
    connected.sendall(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")


def stay_silent(connected):
    while connected.recv(1024):
        pass


@pytest.mark.parametrize("how", [alert, reset, hang_up, speak_plainly, stay_silent])
def test_a_handshake_that_fails_has_sent_nothing(how):
    with serving(how) as port:
        caller = client(f"https://127.0.0.1:{port}", connect=0.5, answer=5)
        with pytest.raises(ApiConnectionError) as raised:
            caller.call("POST", "thing", body={})
    assert not raised.value.may_have_succeeded


def make_certificate(folder, *names):
    """A file with key and certificate of these hosts, by nobody that is trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    here = x509.IPAddress(ip_address("127.0.0.1"))
    return make_certificate(tmp_path_factory.mktemp("tls"), here)


def over_tls(certificate, answer):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def answer_over_tls(connected):
        with context.wrap_socket(connected, server_side=True) as secured:
            answer(secured)

    return answer_over_tls


def test_a_certificate_that_nobody_knows_gets_nothing(certificate):
    with serving(over_tls(certificate, hang_up)) as port:
        caller = client(f"https://127.0.0.1:{port}", connect=2, answer=2)
        with pytest.raises(ApiConnectionError):
            caller.call("POST", "thing", body={})


def test_what_breaks_after_the_handshake_may_have_succeeded(certificate):
    with serving(over_tls(certificate, hang_up)) as port:
        caller = client(f"https://127.0.0.1:{port}", connect=2, answer=2)
        caller._session.verify = str(certificate)
        with pytest.raises(ApiTimeoutError) as raised:
            caller.call("POST", "thing", body={})
    assert raised.value.may_have_succeeded


def test_an_answer_over_tls_is_read_whole(certificate):
    def answer(secured):
        read_request(secured)
        secured.sendall(YES)

    with serving(over_tls(certificate, answer)) as port:
        caller = client(f"https://127.0.0.1:{port}", connect=2, answer=2)
        caller._session.verify = str(certificate)
        assert caller.call("POST", "thing", body={}).body == b"{}"


def test_a_large_body_on_a_slow_line_has_its_own_time():
    size, rate = 8 * MEGABYTE, 8 * MEGABYTE

    def read_slowly(connected):
        read = 0
        while read < size:
            piece = len(connected.recv(65536))
            read += piece
            time.sleep(piece / rate)
        connected.sendall(YES)

    with serving(read_slowly) as port:
        caller = client(f"http://127.0.0.1:{port}", connect=0.2, answer=2)
        file = ("file", ("a.pdf", b"x" * size, "application/pdf"))
        assert caller.call("POST", "thing", files=[file]).status == 200


def test_a_request_that_is_never_taken_whole_may_have_arrived(monkeypatch):
    monkeypatch.setattr(exchange, "_SLOWEST", 1024 * MEGABYTE)
    done = threading.Event()
    with serving(lambda connected: done.wait(10)) as port:
        caller = client(f"http://127.0.0.1:{port}", connect=0.2, answer=5)
        file = ("file", ("a.pdf", b"x" * 16 * MEGABYTE, "application/pdf"))
        with pytest.raises(ApiTimeoutError, match="take the whole request") as raised:
            caller.call("POST", "thing", files=[file])
        done.set()
    assert raised.value.may_have_succeeded


def test_headers_that_drip_are_cut_off_as_a_whole():
    def drip(connected):
        connected.recv(65536)
        connected.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connected.sendall(b"X-More: 1\r\n")
            time.sleep(0.05)

    with serving(drip) as port:
        caller = client(f"http://127.0.0.1:{port}", connect=1, answer=0.4)
        started = time.monotonic()
        with pytest.raises(ApiTimeoutError, match="did not answer within"):
            caller.call("POST", "thing", body={})
        assert time.monotonic() - started < 2


def test_a_connection_is_used_again_and_each_call_has_its_own_time():
    heard = []

    def answer_twice(connected):
        for _ in range(2):
            heard.append(read_request(connected))
            time.sleep(0.3)
            connected.sendall(YES)

    with serving(answer_twice) as port:
        caller = client(f"http://127.0.0.1:{port}", connect=1, answer=0.5)
        for _ in range(2):
            assert caller.call("POST", "thing", body={}).body == b"{}"
    assert len(heard) == 2
