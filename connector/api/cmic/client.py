"""The calls to CMiC that the connector makes, and nothing about why it makes them.

Paths, query language and encodings follow api/cmic.md; where CMiC is silent, its §8
decides. Links in answers are never followed: their scheme and port are wrong (§1.1).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any

from connector.api.cmic.answers import verdict_of
from connector.api.cmic.modules import is_not_licensed, module_state
from connector.api.cmic.oauth import OAuthCredentials, OAuthToken
from connector.api.cmic.paging import (
    PAGE_SIZE,
    Page,
    Row,
    iter_pages,
    parse_page,
    read_at_rest,
)
from connector.api.cmic.reference import MODULES, RESOURCES, code_in, text
from connector.api.cmic.types import (
    Code,
    CodeKind,
    Document,
    FoundInvoice,
    ModuleState,
    UploadAnswer,
)
from connector.api.exceptions import (
    AccessDeniedError,
    ApiResponseError,
    AuthenticationError,
    ConnectorError,
    ContradictoryAnswerError,
    NotFoundError,
    UnexpectedResponseError,
    UnprovenAnswerError,
)
from connector.api.http import ApiClient, Limits
from connector.api.parsing import cents, clean, read_number
from connector.api.wire.addresses import Reach
from connector.api.wire.exchange import Timeouts
from connector.api.wire.transport import Answer

# Seconds that a page of a long list may wait for its turn: to begin the list anew would
# cost all the pages before it.
_PATIENCE = 30.0
# A question is part of the address, which servers and what stands before them take up
# to 8,000 characters: a number costs about 40 of them.
_NUMBERS_A_CALL = 150
_REGISTERED = "ap-rest-api/rest/1/apreginv"
_VOUCHERS = "ap-rest-api/rest/1/apallvouchers"
_InvoiceList = tuple[str, str, str]
# Path, what its columns begin with, order. An invoice that becomes a voucher between
# the two lists is in the second.
_INVOICE_LISTS: tuple[_InvoiceList, ...] = (
    (_REGISTERED, "Apri", "ApriVUuid:asc"),
    (_VOUCHERS, "Vou", "default"),
)
_INVOICE_KEYS = ("ApriVUuid", "ApriInvCode", "VouNum", "VouInvCode")
_UPLOAD = "ecm-rest-api/jersey/v1/UploadData/uploadApRegInvoice"


class CmicClient(ApiClient):
    """CMiC with one service account, by Basic or by OAuth 2 client credentials.

    Every method raises the errors of `connector.api.exceptions`.
    """

    system = "CMiC"
    credentials_advice = "Enter valid CMiC credentials."

    def __init__(
        self,
        base_url: str,
        *,
        reach: Reach,
        username: str = "",
        password: str = "",
        oauth: OAuthCredentials | None = None,
        upload_encoding: str = "multipart",
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._token: OAuthToken | None = None
        if oauth is None:
            pair = base64.b64encode(f"{username}:{password}".encode()).decode()
            super().__init__(
                base_url,
                reach=reach,
                authorization=lambda: f"Basic {pair}",
                secrets=[pair, password],
                timeouts=timeouts,
                limits=limits,
            )
        else:
            self._token = OAuthToken(oauth, timeouts or Timeouts(), reach)
            super().__init__(
                base_url,
                reach=reach,
                authorization=self._token.authorization,
                secrets=[oauth.client_secret],
                timeouts=timeouts,
                limits=limits,
            )
        self._upload_encoding = upload_encoding

    def redact(self, text: str) -> str:
        text = super().redact(text)
        return self._token.redact(text) if self._token is not None else text

    def call(self, method: str, path: str, **options: Any) -> Answer:
        """As `ApiClient.call`; an access token that CMiC refuses is replaced once.

        A token may end before its time, and a call that was refused for it was
        certainly not taken.
        """
        try:
            return super().call(method, path, **options)
        except AuthenticationError:
            if self._token is None or not self._token.forget():
                raise
        return super().call(method, path, **options)

    def explain(self, answer: Answer) -> tuple[str, str]:
        """Newer releases say no in JSON, older ones in text, Oracle in tags (§1.6)."""
        data = _json(answer)
        verdict = verdict_of(answer.text, data)
        if verdict.is_error or data is not None:
            return verdict.code, verdict.sentence
        if "<html" in answer.text[:500].casefold():
            return "", ""
        return super().explain(answer)

    def error_type(self, answer: Answer, detail: str) -> type[ApiResponseError]:
        """A missing licence is a 400 with a sentence (§1.3)."""
        if answer.status < 500 and is_not_licensed(detail):
            return AccessDeniedError
        return super().error_type(answer, detail)

    def check(self) -> list[ModuleState]:
        """Whether each module that the product needs answers (F3)."""
        return [self.check_module(name) for name in MODULES]

    def check_module(self, name: str) -> ModuleState:
        resource = RESOURCES[MODULES[name]]
        try:
            self._page(resource.path, {"limit": 1})
        except ConnectorError as error:
            return module_state(
                name, error, self.base_url, is_oauth=self._token is not None
            )
        return module_state(name, None)

    def require_answer(self) -> None:
        """Raises unless invoices and Image Manager answer; a refusal is an answer."""
        for path in (_REGISTERED, RESOURCES[CodeKind.SOURCE].path):
            try:
                self._page(path, {"limit": 1})
            except (AccessDeniedError, NotFoundError):
                continue

    def iter_code_pages(self, kind: CodeKind, company: str) -> Iterator[list[Code]]:
        """All codes of a kind, of one company where CMiC keeps them so (D9).

        As CMiC pages them, because a long list takes minutes; a page may be empty.
        """
        resource = RESOURCES[kind]
        column = resource.company_column
        params = {"orderBy": resource.order_by}
        if column and company:
            params["q"] = f"{column} = {_quoted(company)}"
        pages = self._iter_pages(resource.path, params, resource.place, _PATIENCE)
        for rows in pages:
            yield [
                code
                for row in rows
                # A filter was once seen silently not applied (§1.4): check again.
                if not column or not company or code_in(row, column) == company
                for code in resource.read(row)
                if code.code
            ]

    def find_invoice(
        self, company: str, vendor: str, number: str
    ) -> FoundInvoice | None:
        """The invoice of that number, registered or voucher; None if neither (D8).

        An error means unknown, never absent.
        """
        return self.find_invoices(company, vendor, [number]).get(number)

    def find_invoices(
        self, company: str, vendor: str, numbers: Sequence[str]
    ) -> dict[str, FoundInvoice]:
        """Those invoices by number, registered or voucher, asked in portions (D8).

        An error means unknown, never absent.
        """
        found: dict[str, FoundInvoice] = {}
        for start in range(0, len(numbers), _NUMBERS_A_CALL):
            portion = numbers[start : start + _NUMBERS_A_CALL]
            wanted = [f"= {_quoted(each)}" for each in portion]
            for list_of in _INVOICE_LISTS:
                pages = self._invoice_pages(list_of, company, vendor, "InvCode", wanted)
                for invoice in chain.from_iterable(pages):
                    if invoice.number in portion:
                        found.setdefault(invoice.number, invoice)
        return found

    def find_invoices_since(
        self, company: str, vendor: str, since: date
    ) -> dict[str, FoundInvoice]:
        """The vendor's invoices dated `since` or later by number, vouchers going before
        registered ones (D8). What a clerk has given an older date is not among them.
        """
        wanted = [f">= '{since.isoformat()}T00:00:00-0500'"]

        def read(list_of: _InvoiceList) -> list[list[FoundInvoice]]:
            pages = self._invoice_pages(list_of, company, vendor, "InvDate", wanted)
            return list(pages)

        found: dict[str, FoundInvoice] = {}
        for list_of in _INVOICE_LISTS:
            pages = read_at_rest(partial(read, list_of))
            found |= {each.number: each for each in chain.from_iterable(pages)}
        return found

    def _invoice_pages(
        self,
        list_of: _InvoiceList,
        company: str,
        vendor: str,
        column: str,
        wanted: Sequence[str],
    ) -> Iterator[list[FoundInvoice]]:
        path, prefix, order = list_of
        one_of = " or ".join(f"{prefix}{column} {each}" for each in wanted)
        q = (
            f"{prefix}CompCode = {_quoted(company)} and "
            f"{prefix}VenCode = {_quoted(vendor)} and "
            + (f"({one_of})" if len(wanted) > 1 else one_of)
        )

        def identify(row: Row) -> tuple[str, ...]:
            return tuple(text(row, name) for name in _INVOICE_KEYS)

        for rows in self._iter_pages(path, {"q": q, "orderBy": order}, identify):
            yield [
                _found_invoice(row, prefix)
                for row in rows
                if code_in(row, f"{prefix}CompCode") == company
                and code_in(row, f"{prefix}VenCode") == vendor
            ]

    def upload_invoice(
        self, payload: Mapping[str, Any], document: Document
    ) -> UploadAnswer:
        """Create a registered invoice with its document, in one call (§2, D2).

        Not idempotent: after an error that `may_have_succeeded`, look before sending.
        """
        if self._upload_encoding == "json":
            body = {
                **payload,
                "imageName": document.file_name,
                "imageData": base64.b64encode(document.content).decode(),
            }
            answer = self.call("POST", _UPLOAD, name="upload", body=body)
        else:
            answer = self.call(
                "POST",
                _UPLOAD,
                name="upload",
                files=[
                    (
                        "payload",
                        (None, json.dumps(payload).encode(), "application/json"),
                    ),
                    (
                        "file",
                        (document.file_name, document.content, document.content_type),
                    ),
                ],
            )
        return self._upload_answer(answer)

    def _upload_answer(self, answer: Answer) -> UploadAnswer:
        """A 2xx is a yes only with an id of what was stored, and without an error.

        Raises `ContradictoryAnswerError` for an error, `UnprovenAnswerError` without an
        id: in both CMiC may have it all the same.
        """
        body = self.redact(answer.text[:4000])
        verdict = verdict_of(answer.text, _json(answer))
        facts: dict[str, Any] = {
            "system": self.system,
            "status": answer.status,
            "body": body,
        }
        if verdict.is_error:
            detail = self.redact(verdict.sentence) or clean(body, 500)
            raise ContradictoryAnswerError(
                f"CMiC answered {answer.status}, but with an error: {detail}",
                detail=detail,
                **facts,
            )
        if not verdict.is_proven:
            raise UnprovenAnswerError(
                f"CMiC answered {answer.status}, but without the id of an invoice or "
                "of its image.",
                **facts,
            )
        return UploadAnswer(answer.status, body, verdict.invoice_uuid, verdict.image_id)

    def _iter_pages(
        self,
        path: str,
        params: Mapping[str, Any],
        identify: Callable[[Row], Hashable],
        patience: float = 0.0,
    ) -> Iterator[list[Row]]:
        def ask(offset: int) -> Page:
            page = {**params, "limit": PAGE_SIZE, "offset": offset}
            return self._page(path, page)

        return iter_pages(ask, path, identify, patience=patience)

    def _page(self, path: str, params: Mapping[str, Any]) -> Page:
        data = self.call("GET", path, params=params).json()
        return parse_page(data, params["limit"], path, self.base_url)


def _found_invoice(row: Mapping[str, Any], prefix: str) -> FoundInvoice:
    return FoundInvoice(
        number=text(row, f"{prefix}InvCode"),
        amount=_amount(row.get("ApriAmt" if prefix == "Apri" else "VouInvAmt")),
        on=_day(row.get(f"{prefix}InvDate")),
        uuid=text(row, "ApriVUuid")[:64],
        voucher_number=text(row, "VouNum") or text(row, "ApriVouNum"),
    )


def _amount(value: Any) -> Decimal | None:
    """As PEX's amounts are read; a real fraction of a cent stays, and is no amount of
    ours. None where it is no number."""
    try:
        number = read_number(value)
    except ValueError:
        return None
    money = cents(number)
    return number if money is None else money


def _day(value: Any) -> date | None:
    try:
        return datetime.fromisoformat(value).date()
    except (TypeError, ValueError):
        return None


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _json(answer: Answer) -> Any:
    """None where the body is none."""
    try:
        return answer.json()
    except UnexpectedResponseError:
        return None
