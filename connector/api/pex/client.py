"""The calls to PEX that the connector makes, and nothing about why it makes them.

Paths, parameters and paging follow api/pex.md; where PEX is silent, its §11 decides.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from connector.api.exceptions import (
    AccessDeniedError,
    ApiResponseError,
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    UnexpectedResponseError,
)
from connector.api.http import Limits
from connector.api.pex.reading import (
    UnreadableError,
    read_eastern,
    read_id,
    read_text,
)
from connector.api.pex.tags import TagCalls
from connector.api.pex.types import (
    Attachment,
    Note,
    Purchase,
    PurchaseList,
    TokenInfo,
    read_notes,
)
from connector.api.wire.addresses import Reach
from connector.api.wire.exchange import Timeouts
from connector.api.wire.transport import Answer

T = TypeVar("T")

NOTE_LIMIT = 200
_PAGE_SIZE = 1000
# What PEX lists in one answer at the most.
_MOST_ROWS = 30_000
_LONGEST_WINDOW = timedelta(days=365)
# A receipt of 32 MB in base64, and some words around it.
_ATTACHMENT_BYTES = 44 * 1024 * 1024
_DEAD_TOKEN = (
    "token expired or does not exist",
    "password has changed",
    "user is not active",
)


class _Content(msgspec.Struct):
    Content: bytes


@dataclass(frozen=True, slots=True)
class RenewedToken:
    token: str
    expires_at: datetime | None


class PexClient(TagCalls):
    """PEX with one external API token.

    Every method raises the errors of `connector.api.exceptions`. Days are US Eastern.
    """

    credentials_advice = "Enter a valid external API token."

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        reach: Reach,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(
            base_url,
            reach=reach,
            authorization=lambda: f"token {token}",
            secrets=[token],
            timeouts=timeouts,
            limits=limits,
        )

    def explain(self, answer: Answer) -> tuple[str, str]:
        """PEX says no as ``{"Message": "..."}`` (§1.8)."""
        try:
            data = answer.json()
        except UnexpectedResponseError:
            if "<html" in answer.text[:500].casefold():
                return "", ""
            return super().explain(answer)
        return "", read_text(data.get("Message")) if isinstance(data, Mapping) else ""

    def error_type(self, answer: Answer, detail: str) -> type[ApiResponseError]:
        """A dead token is 401 or 403, told apart by its sentence (§1.3, §1.8)."""
        if any(sentence in detail.casefold() for sentence in _DEAD_TOKEN):
            return AuthenticationError
        return super().error_type(answer, detail)

    def check_token(self) -> TokenInfo:
        """Who the token belongs to and when it dies (§1.3)."""
        data = self.call("GET", "V4/Token/Current").json()
        return self._parsed(TokenInfo.from_api, data)

    def renew_token(self) -> RenewedToken:
        """A new token; PEX allows it in the last month of life only (§1.3)."""
        data = self._object(self.call("POST", "V4/Token/Renew").json())
        token = read_text(data.get("Token"))
        if not token:
            raise self._unexpected("a renewed token without the token")
        return RenewedToken(
            token, self._parsed(read_eastern, data.get("TokenExpiration"))
        )

    def list_purchases(self, first: date, last: date) -> PurchaseList:
        """Every card transaction from the start of `first` to the end of `last`.

        Pendings and declines included, vendor bill payments not; each transaction
        once, although PEX repeats boundary rows (§1.6, P1).
        """
        found: dict[int, Purchase] = {}
        unidentified = 0
        is_whole, is_cut = True, False
        for start, end in _spans(first, last):
            for pages, rows in self._iter_details(start, end):
                count = 0
                for row in rows:
                    count += 1
                    try:
                        purchase = Purchase.from_api(row)
                    except UnreadableError:
                        unidentified += 1
                    else:
                        found[purchase.transaction_id] = purchase
                has_all = _has_all(pages, count)
                is_whole = is_whole and has_all
                is_cut = is_cut or (count > 0 and not has_all)
        is_whole = is_whole and not unidentified
        return PurchaseList(tuple(found.values()), unidentified, is_whole, is_cut)

    def _iter_details(
        self, start: str, end: str
    ) -> Iterator[tuple[Any, Iterator[Any]]]:
        """What PEX says of its pages, and the rows, of each answer for one window;
        above 30,000 rows PEX cuts and says where to go on (§1.6)."""
        while True:
            answer = self.call(
                "GET",
                "V4/Details/AllCardholderTransactions",
                name="AllCardholderTransactions",
                params={
                    "StartDate": start,
                    "EndDate": end,
                    "IncludePendings": "True",
                    "IncludeDeclines": "True",
                    "IncludeVendorBillPay": "False",
                },
            )
            rest, rows = answer.json_rows("TransactionList")
            pages = self._object(rest).get("Pages")
            yield pages, rows
            if not isinstance(pages, Mapping):
                return
            number = pages.get("NumberOfPages")
            if number in (None, 0, "0"):
                return
            count = read_id(number)
            if count is None:
                raise self._unexpected("a number of pages that cannot be read")
            if count == 1:
                return
            next_start = pages.get("LastTimeRetrieved")
            if not isinstance(next_start, str) or next_start <= start:
                raise self._unexpected(
                    "more than one page of transactions, but not where the next starts"
                )
            start = next_start

    def find_receipted(self, first: date, last: date) -> dict[int, bool] | None:
        """Which settled purchases have attachments, or None if the token may not ask.

        The newer listing is the only one that tells (§2.3, P1).
        """
        found: dict[int, bool] = {}
        try:
            for start, end in _spans(first, last):
                for row in self._iter_newer(start, end):
                    transaction_id = read_id(row.get("TransactionId"))
                    flag = row.get("HasAttachments")
                    if transaction_id is not None and isinstance(flag, bool):
                        found[transaction_id] = flag
        except (AccessDeniedError, NotFoundError):
            return None
        return found

    def _iter_newer(self, start: str, end: str) -> Iterator[Mapping[str, Any]]:
        """Pages of the newer listing, whose page parameter has two spellings (§2.1)."""
        page, spelling, count, has_more, first = 1, "PageIndex", 0, True, ""
        while True:
            try:
                data = self._newer_page(start, end, page, spelling)
            except (InvalidRequestError, NotFoundError):
                if has_more:
                    raise
                return  # Beyond the end there is no page.
            pagination = self._object(data.get("Pagination") or {})
            if page > 1 and pagination.get("PageIndex", page) != page:
                if spelling == "page":
                    raise self._unexpected("the same page of purchases again")
                spelling = "page"
                continue
            rows = self._list(data.get("Results"))
            if rows and str(rows[0]) == first:
                raise self._unexpected("the same page of purchases again")
            first = str(rows[0]) if rows else ""
            yield from (row for row in rows if isinstance(row, Mapping))
            count += len(rows)
            total = pagination.get("TotalCount")
            has_more = isinstance(total, int) and count < total
            # A full page is not the last, whatever is said of the total.
            if not rows or not (has_more or len(rows) >= _PAGE_SIZE):
                return
            page += 1

    def _newer_page(
        self, start: str, end: str, page: int, spelling: str
    ) -> Mapping[str, Any]:
        return self._object(
            self.call(
                "GET",
                "V4/Transactions/Cardholder/Purchases",
                name="Purchases",
                params={
                    "MinDate": start,
                    "MaxDate": end,
                    "Pending": "False",
                    "SortBy": "TransactionTime",
                    "OrderBy": "Asc",
                    spelling: page,
                    "PageSize": _PAGE_SIZE,
                },
            ).json()
        )

    def list_cardholders(self) -> dict[int, str]:
        """Names by card account, all in one call (§6)."""
        data = self._object(
            self.call("GET", "V4/Details/AccountDetails", name="AccountDetails").json()
        )
        names: dict[int, str] = {}
        for row in self._list(data.get("CHAccountList")):
            if not isinstance(row, Mapping):
                continue
            account_id = read_id(row.get("AccountId"))
            parts = (read_text(row.get("FirstName")), read_text(row.get("LastName")))
            if account_id is not None:
                names[account_id] = " ".join(filter(None, parts))[:200]
        return names

    def list_notes(
        self, transaction_id: int, account_id: int | None, on: date
    ) -> tuple[Note, ...]:
        """The notes that the purchase has now.

        Reads the one purchase; where the token may not, the cardholder's list of the
        day `on` that the purchase was made (§2.1, P6).
        """
        try:
            data = self.call(
                "GET", f"V4/Transactions/Cardholder/Purchases/{transaction_id}"
            ).json()
            return self._notes_of(transaction_id, self._object(data), "Notes")
        except (AccessDeniedError, NotFoundError):
            if account_id is None:
                raise
        for row in self._account_rows(account_id, on):
            if read_id(row.get("TransactionId")) == transaction_id:
                return self._notes_of(transaction_id, row, "TransactionNotes")
        raise self._unexpected(f"a list of {on} without transaction {transaction_id}")

    def list_purchases_of(self, account_id: int, on: date) -> list[Purchase]:
        """A cardholder's transactions of the day `on`, as `list_purchases` has them
        (§2.1)."""
        return [
            Purchase.from_api(row)
            for row in self._account_rows(account_id, on)
            if read_id(row.get("TransactionId")) is not None
        ]

    def _account_rows(self, account_id: int, on: date) -> list[Mapping[str, Any]]:
        data = self.call(
            "GET",
            f"V4/Details/TransactionDetails/{account_id}",
            params={"StartDate": _start_of(on), "EndDate": _end_of(on)},
        ).json()
        rows = self._list(self._object(data).get("TransactionList"))
        return [row for row in rows if isinstance(row, Mapping)]

    def add_note(self, transaction_id: int, text: str) -> int | None:
        """Write a note, visible to the cardholder; returns its id (§3.1).

        Not idempotent: after an error that `may_have_succeeded`, read before writing.
        """
        data = self.call(
            "POST",
            "V4/Note",
            body={
                "TransactionId": transaction_id,
                "NoteText": text[:NOTE_LIMIT],
                "Pending": False,
                "VisibleToCardholder": True,
                "SystemGenerated": True,
            },
        ).json()
        return read_id(self._object(data).get("Id"))

    def list_attachments(self, transaction_id: int) -> list[Attachment]:
        """In order of creation. PEX answers 404 where there are none (§4)."""
        try:
            answer = self.call("GET", f"V4/Transactions/{transaction_id}/Attachments")
        except NotFoundError:
            return []
        entries = self._list(self._object(answer.json()).get("Attachments"))
        attachments = [self._parsed(Attachment.from_api, entry) for entry in entries]
        return sorted(attachments, key=lambda each: each.created_at)

    def download_attachment(self, transaction_id: int, attachment_id: str) -> bytes:
        """The file itself (§4, P8); `UnreadableError` if PEX has none to give."""
        attachment = quote(attachment_id, safe="")
        answer = self.call(
            "GET",
            f"V4/Transactions/{transaction_id}/Attachment/{attachment}",
            params={"AttachmentLinkType": "Full"},
            max_bytes=_ATTACHMENT_BYTES,
        )
        try:
            # Straight from the answer into bytes: as a text between them it would be
            # held three times, by every lane.
            return msgspec.json.decode(answer.body, type=_Content).Content
        except (msgspec.MsgspecError, RecursionError):
            content = self._object(answer.json()).get("Content")
        if not isinstance(content, str):
            raise UnreadableError("PEX sent it without content.")
        if content.startswith("data:"):
            content = content.partition(",")[2]
        try:
            return base64.b64decode(content, validate=True)
        except ValueError as error:
            raise UnreadableError("PEX sent it in no readable form.") from error

    def _notes_of(
        self, transaction_id: int, row: Mapping[str, Any], name: str
    ) -> tuple[Note, ...]:
        """An answer about something else, or without notes, does not say “none”."""
        is_readable = name in row and isinstance(row[name], list | None)
        if not is_readable or read_id(row.get("TransactionId")) != transaction_id:
            raise self._unexpected(f"transaction {transaction_id} without its notes")
        return read_notes(row[name])


def _has_all(pages: Any, count: int) -> bool:
    """Whether an answer of `count` rows lacks none, as far as PEX tells.

    Pages that follow are counted with their own answers.
    """
    counts = pages if isinstance(pages, Mapping) else {}
    total = counts.get("TotalRecords")
    if isinstance(total, int) and not isinstance(total, bool):
        return total <= count or (read_id(counts.get("NumberOfPages")) or 1) > 1
    return 0 < count < _MOST_ROWS


def _spans(first: date, last: date) -> Iterator[tuple[str, str]]:
    """The window in pieces of at most 12 months, as PEX's wall-clock texts (P1)."""
    start = first
    while start <= last:
        end = min(last, start + _LONGEST_WINDOW - timedelta(days=1))
        yield _start_of(start), _end_of(end)
        start = end + timedelta(days=1)


def _start_of(day: date) -> str:
    return f"{day.isoformat()}T00:00:00"


def _end_of(day: date) -> str:
    return f"{day.isoformat()}T23:59:59"
