"""What a list shows under its filters, as a CSV or an Excel file.

Rows are read a thousand at a time and written as they come, so that a million needs no
more memory than a page. Whoever may look at the list may take it along.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlencode

import xlsxwriter
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.urls import URLPattern, reverse
from django.utils import timezone

from audit.models import Entry
from audit.recording import record
from connector import clock
from connector.admin.page import get_only, list_page, route
from connector.models import Tenant
from sync.admin.lists.readonly import ReadOnlyAdmin, is_id
from sync.admin.lists.tables import Cell, Table

CHUNK = 1000
# Excel has no more rows, and the first is the titles.
MOST_IN_EXCEL = 1_048_575
# A cell that begins so is a formula to Excel, LibreOffice and Google Sheets.
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# Where Excel reads files by semicolons or tabs, a new cell begins in the midst of ours.
_IN_THE_MIDST = re.compile(r"(?s)(?<=.)([;\t\r\n]\s*)(?=[=+\-@])")
_EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ExportAdmin(ReadOnlyAdmin):
    """Has the address that answers with the file, and links to it below the list."""

    table: ClassVar[Table]
    list_after_template = "admin/sync/export.html"

    def get_urls(self) -> list[URLPattern]:
        export = route(self, "export/<str:form>/", export_page, "export")
        return [export, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        page: HttpResponse = super().changelist_view(
            request, {**(extra_context or {}), "export_links": self._links(request)}
        )
        return page

    def _links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """(title, address) of each form, with the filters of this page."""
        kept = urlencode(
            [
                (name, value)
                for name, values in request.GET.lists()
                for value in values
                if name not in ("p", "o", "e")
            ]
        )
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_export"
        return [
            (title, f"{reverse(name, args=[form])}?{kept}")
            for form, title in (("csv", "CSV"), ("xlsx", "Excel"))
        ]


@list_page("view")
@get_only
def export_page(
    admin: ExportAdmin, request: HttpRequest, form: str
) -> HttpResponseBase:
    if form not in ("csv", "xlsx"):
        raise Http404
    model = f"{admin.opts.app_label}_{admin.opts.model_name}"
    address = reverse(f"admin:{model}_changelist")
    try:
        rows = admin.get_changelist_instance(request).queryset
    except IncorrectLookupParameters:
        return HttpResponseRedirect(address)
    if form == "xlsx" and rows[MOST_IN_EXCEL:].exists():
        messages.error(
            request,
            f"These are more than the {MOST_IN_EXCEL:,} rows that Excel can have. "
            "Filter the list, or take the CSV.",
        )
        return HttpResponseRedirect(f"{address}?{request.GET.urlencode()}")
    _record(admin, request, form)
    cells = admin.table.rows(rows.iterator(chunk_size=CHUNK))
    name = f"{admin.table.name}-{timezone.localdate(clock.now()).isoformat()}.{form}"
    return (csv_answer if form == "csv" else _as_excel)(admin.table, cells, name)


def _record(admin: ExportAdmin, request: HttpRequest, form: str) -> None:
    """Of a tenant if the list was filtered by one that the person sees."""
    asked = request.GET.get("tenant__id__exact", "")
    seen = Tenant.objects.visible_to(request.user)
    tenant = seen.filter(pk=asked).first() if is_id(asked) else None
    which = f"filtered by {request.GET.urlencode()}" if request.GET else "all of them"
    title = {"csv": "CSV", "xlsx": "Excel"}[form]
    sentence = f"The list “{admin.table.name}” was exported as {title}: {which}."
    record(Entry.Kind.EXPORT, sentence, tenant=tenant)


class _Line:
    """What the CSV writer takes for a file: it hands each line on."""

    def write(self, line: str) -> str:
        return line


def csv_answer(
    table: Table, cells: Iterable[list[Cell]], name: str
) -> HttpResponseBase:
    """A file that is written while it is sent."""
    writer = csv.writer(_Line(), quoting=csv.QUOTE_ALL)

    def lines() -> Iterator[str]:
        # Excel takes a file without this mark for the computer's own encoding.
        yield "\ufeff" + writer.writerow(table.columns)
        for row in cells:
            yield writer.writerow([_csv_cell(cell) for cell in row])

    return StreamingHttpResponse(
        lines(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def plain_text(value: str) -> str:
    """The value as a cell that no spreadsheet computes; an apostrophe says so."""
    clean = _IN_THE_MIDST.sub(r"\1'", value.replace("\x00", ""))
    return f"'{clean}" if clean.startswith(_STARTS_A_FORMULA) else clean


def _csv_cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return plain_text(cell)
    return cell.isoformat(sep=" ") if isinstance(cell, datetime) else str(cell)


def _as_excel(table: Table, cells: Iterable[list[Cell]], name: str) -> HttpResponseBase:
    """Text is written as text, whatever it begins with; the file is removed once it
    was sent."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
    with xlsxwriter.Workbook(
        file, {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm"}
    ) as book:
        sheet = book.add_worksheet(table.name.capitalize())
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        money = book.add_format({"num_format": "#,##0.00"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for place, title in enumerate(table.columns):
            sheet.write_string(0, place, title, bold)
        for number, row in enumerate(cells, start=1):
            for place, cell in enumerate(row):
                _put(sheet, number, place, cell, money=money, day=day)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=name, content_type=_EXCEL)


def _put(
    sheet: Any, number: int, place: int, cell: Cell, *, money: Any, day: Any
) -> None:
    if isinstance(cell, str):
        sheet.write_string(number, place, cell.replace("\x00", "")[:32_767])
    elif isinstance(cell, Decimal):
        sheet.write_number(number, place, float(cell), money)
    elif isinstance(cell, datetime):
        sheet.write_datetime(number, place, cell)
    elif isinstance(cell, date):
        sheet.write_datetime(number, place, cell, day)
    elif cell is not None:
        sheet.write_number(number, place, cell)
