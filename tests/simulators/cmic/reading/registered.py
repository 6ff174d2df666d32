"""The rows of registered invoices, their detail lines and vouchers."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from tests.simulators.cmic.books import Books, Line, StoredInvoice, Voucher
from tests.simulators.cmic.reading.query import EASTERN, Row
from tests.simulators.cmic.reading.reference import CURRENCIES, eastern


def invoices(books: Books) -> list[Row]:
    return [invoice_row(invoice) for invoice in books.visible()]


def details(books: Books) -> list[Row]:
    return [
        detail_row(invoice, line)
        for invoice in books.visible()
        for line in invoice.distribution
    ]


def vouchers(books: Books) -> list[Row]:
    return [voucher_row(voucher) for voucher in books.vouchers]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=EASTERN)


def invoice_row(invoice: StoredInvoice) -> Row:
    return {
        "ApriCompCode": invoice.company,
        "ApriVenCode": invoice.vendor,
        "ApriGroupCode": invoice.group,
        "ApriInvCode": invoice.number,
        "ApriInvDate": _midnight(invoice.invoice_date),
        "ApriDueDate": _midnight(invoice.due_date),
        "ApriAmt": invoice.amount,
        "ApriOrigAmt": invoice.original_amount,
        "ApriCurrName": CURRENCIES[invoice.currency],
        "ApriDesc": invoice.description,
        "ApriJobCode": invoice.job,
        "ApriPayByManualChqFlag": "N",
        "ApriHoldPaymentFlag": "N",
        "ApriValidFlag": "Y" if invoice.is_valid else "N",
        "ApriApprovedFlag": "N",
        "ApriVouNum": invoice.voucher_number,
        "ApriVUuid": invoice.uuid,
        "ApriIuCreateDate": eastern(invoice.stored_at),
        "ApriIuCreateUser": invoice.user,
        "ApriIuUpdateDate": None,
        "ApriIuUpdateUser": None,
    }


def detail_row(invoice: StoredInvoice, line: Line) -> Row:
    def of(type_code: str, code: str | None) -> str | None:
        return code if line.type_code == type_code else None

    return {
        "ApriVUuid": invoice.uuid,
        "ApriCompCode": invoice.company,
        "ApriVenCode": invoice.vendor,
        "ApriInvCode": invoice.number,
        "ApridLineNum": line.number,
        "ApridCompCode": line.company,
        "ApridTypeCode": line.type_code,
        "ApridJobCode": of("J", line.first),
        "ApridPhsCode": of("J", line.second),
        "ApridCatCode": of("J", line.third),
        "ApridDeptCode": of("G", line.first),
        "ApridAccCode": of("G", line.second),
        "ApridEqpCode": of("E", line.first),
        "ApridComponentCode": of("E", line.second),
        "ApridTranCode": of("E", line.third),
        "ApridAmt": line.amount,
        "ApridDesc": line.description,
    }


def voucher_row(voucher: Voucher) -> Row:
    invoice = voucher.invoice
    posted = voucher.posted_at is not None
    first = invoice.distribution[0].type_code if invoice.distribution else "G"
    return {
        "VouNum": voucher.number,
        "VouCompCode": invoice.company,
        "VouVenCode": invoice.vendor,
        "VouInvCode": invoice.number,
        "VouInvDate": _midnight(invoice.invoice_date),
        "VouDueDate": _midnight(invoice.due_date),
        "VouPostDate": eastern(voucher.posted_at),
        "VouInvAmt": invoice.amount,
        "VouInvOutstandAmt": invoice.amount,
        "VouPaidAmt": None,
        "VouStatusCode": "A",
        "VouRecordStatus": "POSTED" if posted else "UNPOSTED",
        "VouBchNum": voucher.batch,
        "VouRegInvNum": str(invoice.registration),
        "VouImageFilename": invoice.file_name or None,
        "VouCurrCode": invoice.currency,
        "VouDistTypeCode": first,
        "VouJobCode": invoice.job,
        "VouDesc1": invoice.description,
        "VouHoldFlag": "N",
        "VouDuplicateId": None,
        "VouIuCreateDate": eastern(voucher.created_at),
        "VouIuCreateUser": "APCLERK",
        "VouIuUpdateDate": None,
        "VouIuUpdateUser": None,
    }


_DAY = date(2000, 1, 1)
_MOMENT = datetime(2000, 1, 1, tzinfo=EASTERN)
_INVOICE = StoredInvoice(
    "", "", "", "", _DAY, _DAY, Decimal(0), Decimal(0), stored_at=_MOMENT
)
_LINE = Line(1, "", "", "", "", None, Decimal(0))

# A collection knows its attributes even while it is empty.
INVOICE_ATTRIBUTES = frozenset(invoice_row(_INVOICE))
DETAIL_ATTRIBUTES = frozenset(detail_row(_INVOICE, _LINE))
VOUCHER_ATTRIBUTES = frozenset(voucher_row(Voucher(0, 0, _INVOICE, _MOMENT)))
