"""Transport faults and statuses become the errors that callers can act on."""

import socket
import threading
from contextlib import contextmanager
from decimal import Decimal

import pytest
import responses

from connector.api.exceptions import (
    AccessDeniedError,
    ApiConnectionError,
    ApiTimeoutError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)
from connector.api.http import ApiClient
from connector.api.wire.exchange import Timeouts
from tests.support.factories import ANYWHERE

BASE = "https://api.example.com/base"


def client(base=BASE, **options):
    return ApiClient(
        base,
        reach=ANYWHERE,
        authorization=lambda: "token top-secret",
        secrets=["top-secret"],
        **options,
    )


@pytest.fixture
def http():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.mark.parametrize(
    ("status", "error", "retryable", "doubtful"),
    [
        (400, InvalidRequestError, False, False),
        (401, AuthenticationError, False, False),
        (403, AccessDeniedError, False, False),
        (404, NotFoundError, False, False),
        (408, ServerError, True, True),
        (409, ConflictError, False, False),
        (413, InvalidRequestError, False, False),
        (422, InvalidRequestError, False, False),
        (429, RateLimitError, True, False),
        (500, ServerError, True, True),
        (503, ServerError, True, True),
        (302, UnexpectedResponseError, False, True),
    ],
)
def test_a_status_becomes_an_error(http, status, error, retryable, doubtful):
    http.post(f"{BASE}/thing", status=status, body="no")
    with pytest.raises(error) as raised:
        client().call("POST", "thing", body={})
    assert type(raised.value) is error
    assert raised.value.retryable is retryable
    assert raised.value.may_have_succeeded is doubtful


def test_numbers_are_decimals_from_the_text_on(http):
    http.get(f"{BASE}/thing", body='{"amount": 118.40, "count": 3}')
    data = client().call("GET", "thing").json()
    assert data == {"amount": Decimal("118.40"), "count": 3}
    assert str(data["amount"]) == "118.40"


@pytest.mark.parametrize("body", ["<html>maintenance</html>", "", "[" * 100_000])
def test_a_yes_that_is_no_json_is_unexpected(http, body):
    http.get(f"{BASE}/thing", body=body)
    with pytest.raises(UnexpectedResponseError):
        client().call("GET", "thing").json()


def test_a_number_that_is_none_costs_its_field_and_not_the_answer(http):
    body = '{"a": NaN, "b": -1e9999999999999999999, "c": ' + "9" * 5000 + "}"
    http.get(f"{BASE}/thing", body=body)
    data = client().call("GET", "thing").json()
    assert all(isinstance(value, str) for value in data.values())


def test_a_get_is_repeated_once_after_a_server_error(http):
    http.get(f"{BASE}/thing", status=502)
    http.get(f"{BASE}/thing", json={"ok": True})
    assert client().call("GET", "thing").json() == {"ok": True}


def test_a_moment_to_retry_at_counts_from_the_answers_own_date(http):
    headers = {
        "Date": "Mon, 02 Mar 2020 12:00:00 GMT",
        "Retry-After": "Mon, 02 Mar 2020 12:00:42 GMT",
    }
    http.get(f"{BASE}/thing", status=429, headers=headers)
    with pytest.raises(RateLimitError) as raised:
        client().call("GET", "thing")
    assert raised.value.retry_after == 42


def test_a_post_is_never_repeated(http):
    http.post(f"{BASE}/thing", status=502)
    with pytest.raises(ServerError):
        client().call("POST", "thing", body={})
    assert len(http.calls) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("-3", 0.0),
        ("1e300", 3600.0),
        ("nan", None),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_read_where_it_makes_sense(http, header, seconds):
    headers = {"Retry-After": header} if header else {}
    http.get(f"{BASE}/thing", status=429, headers=headers)
    with pytest.raises(RateLimitError) as raised:
        client().call("GET", "thing")
    assert raised.value.retry_after == seconds


def test_a_secret_that_the_other_side_repeats_goes_nowhere(http, caplog):
    http.get(f"{BASE}/thing", status=400, body="bad token top-secret")
    with caplog.at_level("DEBUG"), pytest.raises(InvalidRequestError) as raised:
        client().call("GET", "thing")
    assert "top-secret" not in str(raised.value)
    assert "top-secret" not in raised.value.detail
    assert "top-secret" not in caplog.text


def test_credentials_never_follow_a_redirect(http):
    http.get(f"{BASE}/thing", status=301, headers={"Location": "https://evil.example/"})
    with pytest.raises(UnexpectedResponseError, match="redirect"):
        client().call("GET", "thing")
    assert len(http.calls) == 1


def test_a_closed_port_was_never_reached():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ApiConnectionError, match=f"http://127.0.0.1:{port}"):
        client(f"http://127.0.0.1:{port}").call("POST", "thing", body={})


def test_a_name_that_does_not_resolve_was_never_reached():
    with pytest.raises(ApiConnectionError):
        client("https://no-such-host.invalid").call("POST", "thing", body={})


@contextmanager
def listening(answer):
    """A server that reads a request and then does what `answer` says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_connection_that_breaks_after_the_request_may_have_succeeded():
    with (
        listening(lambda connection: None) as url,
        pytest.raises(ApiTimeoutError) as raised,
    ):
        client(url).call("POST", "thing", body={})
    assert raised.value.may_have_succeeded


def test_an_answer_that_never_comes_may_have_succeeded():
    done = threading.Event()
    with listening(lambda connection: done.wait(10)) as url:
        patient = client(url, timeouts=Timeouts(connect=1, answer=0.2))
        with pytest.raises(ApiTimeoutError, match="did not answer within"):
            patient.call("POST", "thing", body={})
        done.set()


def test_an_answer_that_drips_is_cut_off_as_a_whole():
    done = threading.Event()

    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not done.wait(0.05):
            try:
                connection.sendall(b"x" * 70_000)
            except OSError:
                return

    with listening(drip) as url:
        patient = client(url, timeouts=Timeouts(connect=1, answer=0.3))
        with pytest.raises(ApiTimeoutError):
            patient.call("POST", "thing", body={})
        done.set()


def test_an_answer_that_is_too_large_is_refused(http):
    http.get(f"{BASE}/thing", body=b"x" * 2000)
    with pytest.raises(UnexpectedResponseError, match="1000 bytes"):
        client().call("GET", "thing", max_bytes=1000)


def test_the_machines_own_netrc_does_not_replace_our_credentials(
    http, tmp_path, monkeypatch
):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine api.example.com login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    http.get(
        f"{BASE}/thing",
        json={},
        match=[
            responses.matchers.header_matcher({"Authorization": "token top-secret"})
        ],
    )
    client().call("GET", "thing")
