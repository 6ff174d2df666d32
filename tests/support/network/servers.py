"""Ports of this machine that answer as a test says, plainly or over TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

YES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


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


def stay_silent(connected):
    while connected.recv(1024):
        pass


def over_tls(certificate, answer):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def answer_over_tls(connected):
        with context.wrap_socket(connected, server_side=True) as secured:
            answer(secured)

    return answer_over_tls


def make_certificate(folder: Path, *names: str, days: int = 1) -> Path:
    """A file with a certificate for these addresses, signed with its own key, and that
    key; with fewer than no days it has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    found = [
        x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        for name in names
    ]
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=9))
        .not_valid_after(today + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(found), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"certificate-{'-'.join(names)}-{days}.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path
