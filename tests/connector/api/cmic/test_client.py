"""The CMiC client against the simulated CMiC, over real sockets."""

import hashlib
from datetime import date
from decimal import Decimal
from urllib.parse import urljoin

import pytest

from connector.api.cmic.client import CmicClient
from connector.api.cmic.flysheets import Layout, payload
from connector.api.cmic.oauth import OAuthCredentials
from connector.api.cmic.types import (
    CodeKind,
    Document,
    Invoice,
    InvoiceLine,
    LineType,
    Location,
    Problem,
)
from connector.api.exceptions import (
    AccessDeniedError,
    ApiTimeoutError,
    AuthenticationError,
    ContradictoryAnswerError,
    InvalidRequestError,
    RateLimitError,
    ServerError,
    TokenAddressError,
    UnexpectedResponseError,
    UnprovenAnswerError,
)
from connector.api.wire.exchange import Timeouts
from tests.simulators.contractor import build_contractor
from tests.support.factories import ANYWHERE

LOCATION = Location(
    "0AC3DE23133C61F0E063AF811DAC5CAD", "ADC78973BD751170E053508010AC2DB4"
)
PDF = Document(b"%PDF-1.4 receipt", "application/pdf", "PEX-1.pdf")


def connect(sim, **options):
    options = {"username": "ACME||APIUSER", "password": "sandbox-password", **options}
    return CmicClient(
        sim.url, reach=ANYWHERE, timeouts=Timeouts(connect=2, answer=2), **options
    )


def codes_of(sim, kind):
    pages = connect(sim).iter_code_pages(kind, "001")
    return [code for page in pages for code in page]


def invoice(number="PEX-1", amount="118.40"):
    codes = ("017401", "02.100", "4000")
    return Invoice(
        company="001",
        vendor="PEX01",
        group="PEX",
        number=number,
        on=date(2026, 3, 31),
        currency="USD",
        description="Hardware store - J Doe",
        valid_flag="Y",
        amount=Decimal(amount),
        lines=(InvoiceLine(LineType.JOB, codes, Decimal(amount)),),
    )


def upload(client, number="PEX-1"):
    return client.upload_invoice(payload(invoice(number), Layout(), LOCATION), PDF)


@pytest.mark.parametrize("encoding", ["multipart", "json"])
def test_an_uploaded_invoice_is_in_the_books_field_by_field(sim, encoding):
    answer = upload(connect(sim, upload_encoding=encoding))
    (stored,) = sim.invoices()
    assert stored.header == {
        "Apri_Comp_Code": "001",
        "Apri_Ven_Code": "PEX01",
        "Apri_Group_Code": "PEX",
        "Apri_Inv_Code": "PEX-1",
        "Apri_Inv_Date": "2026/03/31",
        "Apri_Due_Date": "2026/03/31",
        "Apri_Curr_Code": "USD",
        "Apri_Desc": "Hardware store - J Doe",
        "Apri_Orig_Amt": "118.40",
        "Apri_Amt": "118.40",
        "Apri_Valid_Flag": "Y",
        "Apri_Job_Code": "017401",
    }
    assert stored.lines == [
        {
            "Aprid_Line_Num": "1",
            "Aprid_Comp_Code": "001",
            "Aprid_Type_Code": "J",
            "Aprid_Jobdepteqp_Code": "017401",
            "Aprid_Costaccount_Code": "02.100",
            "Aprid_Costtran_Code": "4000",
            "Aprid_Amt": "118.40",
            "Aprid_Desc": "Hardware store - J Doe",
        }
    ]
    assert stored.file == PDF.content
    assert (stored.file_name, stored.encoding) == ("PEX-1.pdf", encoding)
    assert answer.invoice_uuid == stored.uuid


def test_reference_data_is_read_to_its_end_in_pages_of_a_thousand(sim):
    codes = codes_of(sim, CodeKind.CATEGORY)
    categories = build_contractor().categories
    assert len(codes) == sum(each.company == "001" for each in categories)
    assert all(code.company == "001" for code in codes)


def test_pages_are_followed_where_the_server_gives_fewer_than_asked(sim, monkeypatch):
    monkeypatch.setattr("connector.api.cmic.client.PAGE_SIZE", 7)
    codes = [code.code for code in codes_of(sim, CodeKind.JOB)]
    assert len(codes) == len(set(codes)) == 25


def test_a_page_that_the_limits_hold_up_is_waited_for(sim, monkeypatch):
    monkeypatch.setattr("connector.api.cmic.client.PAGE_SIZE", 10)
    sim.faults.set("throttled", times=1, match="jcjob")
    assert len(codes_of(sim, CodeKind.JOB)) == 25


def test_closed_jobs_and_inactive_rows_are_inactive(sim):
    jobs = {code.code: code for code in codes_of(sim, CodeKind.JOB)}
    assert not jobs["016210"].is_active
    assert jobs["017401"].is_active


def test_another_companys_rows_are_left_out_where_the_filter_is_ignored(sim):
    sim.faults.set("filter_ignored")
    vendors = codes_of(sim, CodeKind.VENDOR)
    assert {vendor.company for vendor in vendors} == {"001"}


def test_all_sources_is_not_offered(sim):
    sources = codes_of(sim, CodeKind.SOURCE)
    assert [source.code for source in sources] == [LOCATION.source_uuid]


def test_components_are_read_along_with_transaction_codes(sim):
    codes = codes_of(sim, CodeKind.TRANSACTION_CODE)
    kinds = {code.kind for code in codes}
    assert kinds == {CodeKind.COMPONENT, CodeKind.TRANSACTION_CODE}


def test_an_invoice_is_found_by_its_number_registered_or_voucher(sim):
    client = connect(sim)
    assert client.find_invoice("001", "PEX01", "PEX-1") is None
    upload(client)
    found = client.find_invoice("001", "PEX01", "PEX-1")
    assert found.amount == Decimal("118.40")
    sim.convert_to_voucher("PEX-1")
    as_voucher = client.find_invoice("001", "PEX01", "PEX-1")
    assert as_voucher.amount == Decimal("118.40")
    assert as_voucher.voucher_number


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("118.39999999999999", "118.40"),
        ("118.404", "118.404"),
        ("118.4", "118.40"),
        ("118", "118.00"),
    ],
)
def test_an_amount_of_cmic_is_read_to_the_cent_and_never_rounded_to_ours(
    sim, said, amount
):
    sim.add_invoice("PEX-1", Decimal(said), date(2026, 3, 31))
    client = connect(sim)
    assert str(client.find_invoice("001", "PEX01", "PEX-1").amount) == amount
    sim.convert_to_voucher("PEX-1")
    assert str(client.find_invoice("001", "PEX01", "PEX-1").amount) == amount


def test_a_look_up_whose_filter_is_ignored_finds_nothing_wrong(sim):
    upload(connect(sim), "PEX-2")
    sim.faults.set("filter_ignored")
    assert connect(sim).find_invoice("001", "PEX01", "PEX-1") is None


def test_a_look_up_that_fails_is_no_absence(sim):
    sim.faults.set("lookup_error")
    with pytest.raises((ServerError, ApiTimeoutError)):
        connect(sim).find_invoice("001", "PEX01", "PEX-1")


def test_a_quote_in_a_code_stays_a_code(sim):
    assert connect(sim).find_invoice("001", "PEX01", "' or '1' = '1") is None


@pytest.mark.parametrize(
    ("fault", "params", "error"),
    [
        ("server_error", {"status": 503}, ServerError),
        ("server_error_after_store", {}, ServerError),
        ("reset_before_store", {}, ApiTimeoutError),
        ("reset_after_store", {}, ApiTimeoutError),
        ("error_in_ok", {}, ContradictoryAnswerError),
        ("garbage_ok", {"stored": True}, UnprovenAnswerError),
        ("redirect", {}, UnexpectedResponseError),
    ],
)
def test_a_lost_answer_is_never_taken_for_a_refusal(sim, fault, params, error):
    sim.faults.set(fault, match="PEX-1", **params)
    with pytest.raises(error) as raised:
        upload(connect(sim))
    assert raised.value.may_have_succeeded


@pytest.mark.parametrize(
    ("fault", "params", "error"),
    [
        ("throttled", {}, RateLimitError),
        ("unauthorised", {}, AuthenticationError),
        ("forbidden", {"module": "ecm"}, AccessDeniedError),
        ("not_licensed", {"module": "ecm"}, AccessDeniedError),
        ("refuse_upload", {"message": "The period is closed."}, InvalidRequestError),
    ],
)
def test_a_refusal_is_certain(sim, fault, params, error):
    sim.faults.set(fault, **params)
    with pytest.raises(error) as raised:
        upload(connect(sim))
    assert not raised.value.may_have_succeeded
    assert sim.invoices() == []


@pytest.mark.parametrize("mode", ["nexus", "ora"])
def test_cmics_own_sentence_is_told(sim, mode):
    sim.error_mode = mode
    sim.faults.set("refuse_upload", message="The period is closed.")
    with pytest.raises(InvalidRequestError) as raised:
        upload(connect(sim))
    assert raised.value.detail == "The period is closed."


def test_each_module_has_its_own_sentence(sim):
    sim.faults.set("forbidden", module="jc")
    sim.faults.set("not_licensed", module="ecm")
    states = {state.name: state for state in connect(sim).check()}
    assert {name: state.is_ok for name, state in states.items()} == {
        "gl": True,
        "ap": True,
        "jc": False,
        "ecm": False,
    }
    assert "no role for Job Costing" in states["jc"].message
    assert "not licensed" in states["ecm"].message


def test_a_wrong_password_is_said_for_every_module(sim):
    states = connect(sim, password="wrong").check()
    assert all("user name or password" in state.message for state in states)


def test_oauth_asks_for_one_token_and_uses_it(sim):
    oauth = OAuthCredentials(
        token_url=f"{sim.url}/oauth2/token",
        client_id="sandbox-client",
        client_secret="sandbox-secret",
    )
    client = CmicClient(sim.url, reach=ANYWHERE, oauth=oauth)
    upload(client)
    client.find_invoice("001", "PEX01", "PEX-1")
    token_calls = [call for call in sim.calls if call.path.endswith("/oauth2/token")]
    assert len(token_calls) == 1
    assert len(sim.invoices()) == 1


def test_a_token_that_ended_before_its_time_is_replaced_once(sim):
    oauth = OAuthCredentials(
        f"{sim.url}/oauth2/token", "sandbox-client", "sandbox-secret", scope="early"
    )
    client = CmicClient(sim.url, reach=ANYWHERE, oauth=oauth)
    client.find_invoice("001", "PEX01", "PEX-1")
    sim.access.tokens.clear()
    upload(client)
    uploads = [
        call
        for call in sim.calls
        if call.method == "POST" and "UploadData" in call.path
    ]
    assert [call.status for call in uploads] == [401, 200]
    assert len(sim.invoices()) == 1


def test_an_access_token_that_cmic_repeats_goes_nowhere(sim):
    oauth = OAuthCredentials(
        f"{sim.url}/oauth2/token", "sandbox-client", "sandbox-secret"
    )
    client = CmicClient(sim.url, reach=ANYWHERE, oauth=oauth)
    token = client._authorization().removeprefix("Bearer ")
    sim.faults.set("refuse_upload", message=f"bad token {token}")
    with pytest.raises(InvalidRequestError) as raised:
        upload(client)
    assert token not in f"{raised.value} {raised.value.detail}"


def test_refused_oauth_credentials_are_an_authentication_error(sim):
    oauth = OAuthCredentials(f"{sim.url}/oauth2/token", "sandbox-client", "wrong")
    with pytest.raises(AuthenticationError):
        CmicClient(sim.url, reach=ANYWHERE, oauth=oauth).find_invoice(
            "001", "PEX01", "PEX-1"
        )


def test_a_token_address_that_does_not_exist_is_a_fault_of_the_settings(sim):
    url = urljoin(sim.url, "/elsewhere/token")
    oauth = OAuthCredentials(url, "sandbox-client", "sandbox-secret")
    client = CmicClient(sim.url, reach=ANYWHERE, oauth=oauth)
    with pytest.raises(TokenAddressError) as raised:
        client.find_invoice("001", "PEX01", "PEX-1")
    assert str(raised.value) == (
        f"The OAuth token address {url} does not exist: it answers 404. Correct it "
        "under Manage credentials; the customer's CMiC administrator knows it."
    )
    assert not raised.value.retryable
    assert not raised.value.may_have_succeeded
    states = {state.problem for state in client.check()}
    assert states == {Problem.NO_TOKEN_ADDRESS}


def test_the_documents_bytes_arrive_as_they_are(sim):
    content = bytes(range(256)) * 500
    body = payload(invoice(), Layout(), LOCATION)
    connect(sim).upload_invoice(body, Document(content, "image/png", "PEX-1.png"))
    (stored,) = sim.invoices()
    assert hashlib.sha256(stored.file).digest() == hashlib.sha256(content).digest()
    assert stored.content_type == "image/png"
