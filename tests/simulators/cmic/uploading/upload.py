"""Reads and checks what `uploadApRegInvoice` receives, as a careful CMiC would.

Storing it, and the faults around it, are left to `app` and `books`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from werkzeug import Request
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

from tests.simulators.cmic.books import Books, Document, Line, StoredInvoice
from tests.simulators.cmic.errors import RefusalError
from tests.simulators.cmic.reading.reference import CURRENCIES
from tests.simulators.cmic.uploading.distribution import check_codes, check_job
from tests.simulators.cmic.uploading.flysheet import LABELS, FlysheetLayout

NUMBER_LENGTH = 20
COLUMNS = {"number": "APRI_INV_CODE", "description": "APRI_DESC"}
AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,2})?")
DAY = re.compile(r"(\d{4}|\d{2})/(\d{2})/(\d{2})")


@dataclass(frozen=True)
class Submission:
    encoding: str
    payload: dict[str, Any]
    document: Document

    def number(self, layout: FlysheetLayout) -> str:
        header = self.payload.get("headerData")
        column = layout.header_columns["number"]
        return str(header.get(column, "")) if isinstance(header, dict) else ""


@dataclass(frozen=True)
class _Part:
    content: bytes
    content_type: str
    file_name: str = ""


def read_submission(request: Request) -> Submission:
    """Either encoding; raises RefusalError when neither can be read."""
    kind, options = parse_options_header(request.headers.get("Content-Type"))
    if kind == "multipart/form-data" and options.get("boundary"):
        return _from_multipart(request.get_data(), options["boundary"])
    if kind == "application/json":
        return _from_json(request.get_data())
    raise RefusalError("Unsupported Media Type", "WSD-0000", 415)


def _from_multipart(body: bytes, boundary: str) -> Submission:
    parts = _parts(body, boundary)
    if "payload" not in parts:
        raise RefusalError("Part payload is missing.")
    if "file" not in parts:
        raise RefusalError("Document is missing.")
    if parts["payload"].content_type != "application/json":
        raise RefusalError("Part payload must be application/json.")
    file = parts["file"]
    document = Document(file.content, file.file_name, file.content_type)
    payload = _object(parts["payload"].content)
    return Submission("multipart", payload, _checked(document))


def _parts(body: bytes, boundary: str) -> dict[str, _Part]:
    decoder = MultipartDecoder(boundary.encode())
    decoder.receive_data(body)
    decoder.receive_data(None)
    parts: dict[str, _Part] = {}
    head: Field | File | None = None
    content = b""
    try:
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, Field | File):
                head, content = event, b""
            elif isinstance(event, Data) and head is not None:
                content += event.data
                if not event.more_data:
                    parts[head.name] = _part(head, content)
    except ValueError as error:
        raise RefusalError(f"Malformed multipart body: {error}") from error
    return parts


def _part(head: Field | File, content: bytes) -> _Part:
    kind, _ = parse_options_header(head.headers.get("Content-Type", ""))
    return _Part(content, kind, getattr(head, "filename", "") or "")


def _from_json(body: bytes) -> Submission:
    payload = _object(body)
    name = payload.pop("imageName", "")
    data = payload.pop("imageData", "")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise RefusalError("imageData is not valid base64.") from None
    return Submission("json", payload, _checked(Document(content, str(name))))


def _object(text: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(text, parse_float=Decimal)
    except ValueError:
        raise RefusalError("Payload is not valid JSON.") from None
    if not isinstance(payload, dict):
        raise RefusalError("Payload must be a JSON object.")
    return payload


def _checked(document: Document) -> Document:
    if not document.content or not document.file_name:
        raise RefusalError("Document is missing.")
    return document


def examine(
    submission: Submission, books: Books, layout: FlysheetLayout, *, strict: bool
) -> StoredInvoice:
    """The invoice to store; raises RefusalError with the first thing wrong.

    Without `strict`, wrong codes and an unbalanced distribution only make it not valid.
    """
    payload = submission.payload
    _check_place(payload, books)
    if payload.get("headerFlysheet") != layout.header:
        raise RefusalError(f"Flysheet {payload.get('headerFlysheet')} is not found.")
    if payload.get("detailFlysheet") != layout.detail:
        raise RefusalError(f"Flysheet {payload.get('detailFlysheet')} is not found.")
    header = layout.read_header(payload.get("headerData"))
    _check_header(header, books)
    _check_length(header, "description", layout.description_bytes)
    lines = _read_lines(payload.get("detailData"), layout)
    invoice = _invoice(header, lines)
    invoice.payload = payload
    invoice.document = submission.document
    invoice.encoding = submission.encoding
    fault = _distribution_fault(invoice, books)
    if fault and strict:
        raise fault
    invoice.is_valid = fault is None and header.get("valid", "Y") == "Y"
    return invoice


def _check_place(payload: dict[str, Any], books: Books) -> None:
    sources = {source.uuid: source for source in books.contractor.sources}
    source = sources.get(payload.get("srcUuid", ""))
    if source is None:
        raise RefusalError("Source is not valid.", "WSD-0000")
    if source.name == "All Sources":
        raise RefusalError("Source All Sources cannot be used for uploads.", "WSD-0000")
    for kind in books.contractor.document_types:
        if (kind.uuid, kind.source_uuid) == (payload.get("docTypeUuid"), source.uuid):
            return
    raise RefusalError(
        f"Document type is not valid for source {source.name}.", "WSD-0000"
    )


def _check_header(header: dict[str, str], books: Books) -> None:
    codes = books.contractor
    company = header["company"]
    if all(row.code != company for row in codes.companies):
        raise RefusalError(f"Company code {company} is not valid.")
    if not any(
        (row.company, row.code, row.active) == (company, header["vendor"], True)
        for row in codes.vendors
    ):
        raise _not_valid("Vendor code", header["vendor"], company)
    if all(
        (row.company, row.code) != (company, header["group"]) for row in codes.groups
    ):
        raise _not_valid("Invoice Registry Group code", header["group"], company)
    _check_length(header, "number", NUMBER_LENGTH)
    if header.get("currency", "USD") not in CURRENCIES:
        raise RefusalError(f"Currency code {header['currency']} is not valid.")
    if header.get("valid", "Y") not in ("Y", "N"):
        raise RefusalError("Valid Flag must be Y or N.")
    if job := header.get("job"):
        check_job(books.contractor, company, job)


def _not_valid(label: str, code: str, company: str) -> RefusalError:
    return RefusalError(f"{label} {code} is not valid for company {company}.")


def _check_length(values: dict[str, str], meaning: str, longest: int) -> None:
    """As the screen counts, and then as the column does."""
    text = values.get(meaning, "")
    if len(text) > longest:
        raise RefusalError(f"{LABELS[meaning]} exceeds {longest} characters.")
    if (size := len(text.encode())) > longest:
        raise RefusalError(
            f'ORA-12899: value too large for column "{COLUMNS[meaning]}" '
            f"(actual: {size}, maximum: {longest})"
        )


def _invoice(header: dict[str, str], lines: list[Line]) -> StoredInvoice:
    day = _day(header, "date")
    return StoredInvoice(
        company=header["company"],
        vendor=header["vendor"],
        group=header["group"],
        number=header["number"],
        invoice_date=day,
        due_date=_day(header, "due_date") if "due_date" in header else day,
        amount=_amount(header, "amount"),
        original_amount=_amount(header, "original_amount"),
        currency=header.get("currency", "USD"),
        description=header.get("description"),
        job=header.get("job"),
        distribution=lines,
    )


def _read_lines(data: Any, layout: FlysheetLayout) -> list[Line]:
    if not isinstance(data, list):
        raise RefusalError(f"Data of flysheet {layout.detail} must be an array.")
    lines = [_line(layout.read_line(item)) for item in data]
    if len({line.number for line in lines}) < len(lines):
        raise RefusalError("Line Number must be unique.")
    return lines


def _line(values: dict[str, str]) -> Line:
    if not values["line"].isdigit():
        raise RefusalError("Line Number must be a number.")
    return Line(
        number=int(values["line"]),
        company=values["company"],
        type_code=values["type"],
        first=values["first"],
        second=values["second"],
        third=values.get("third"),
        amount=_amount(values, "amount"),
        description=values.get("description"),
    )


def _distribution_fault(invoice: StoredInvoice, books: Books) -> RefusalError | None:
    try:
        for line in invoice.distribution:
            check_codes(books.contractor, line)
        spread = sum((line.amount for line in invoice.distribution), Decimal(0))
        if spread != invoice.amount:
            raise RefusalError(
                f"Distribution {spread} does not equal "
                f"the invoice amount {invoice.amount}."
            )
    except RefusalError as error:
        return error
    return None


def _amount(values: dict[str, str], meaning: str) -> Decimal:
    if not AMOUNT.fullmatch(values[meaning]):
        raise RefusalError(
            f"{LABELS[meaning]} {values[meaning]} is not a valid amount."
        )
    return Decimal(values[meaning])


def _day(values: dict[str, str], meaning: str) -> date:
    match = DAY.fullmatch(values[meaning])
    try:
        if match is None:
            raise ValueError
        year, month, day = (int(part) for part in match.groups())
        return date(year if year > 99 else 2000 + year, month, day)
    except ValueError:
        raise RefusalError(
            f"{LABELS[meaning]} {values[meaning]} is not a date YYYY/MM/DD."
        ) from None
