"""A purchase's document: its pages as small pictures, what was left out, the download.

Nothing is stored: the receipts are fetched from PEX again, within its limits, and made
the document by the same rules as when it is sent.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.models import Entry
from audit.recording import record
from connector.admin.page import render_page, route, row_page
from connector.api.exceptions import ConnectorError
from connector.api.pex.reading import UnreadableError
from connector.models import Tenant
from sync.engine.judging.context import TenantContext
from sync.engine.purchase.documents import Fetched, fetch_document
from sync.models import PurchaseSync, Status
from sync.receipts import Origin, fingerprint
from sync.workshop import pool
from sync.workshop.pool import WorkshopBusyError, WorkshopError

_SENT = (Status.POSTING, Status.POSTED, Status.COMPLETED, Status.FAILED)
_NOT_READ = (
    "The receipts could not be read within the time and memory that a purchase may "
    "take. Open them in PEX."
)


@dataclass(frozen=True)
class _Failure:
    """Why there is nothing to show, as a sentence."""

    message: str


def urls(admin: ModelAdmin[PurchaseSync]) -> list[URLPattern]:
    return [
        route(admin, "<int:object_id>/receipts/", receipts_page, "receipts"),
        route(admin, "<int:object_id>/document/", document_page, "document"),
    ]


def may_download(request: HttpRequest) -> bool:
    return request.user.has_perm("sync.download_document")


@row_page("view")
def receipts_page(
    admin: ModelAdmin[PurchaseSync], request: HttpRequest, row: PurchaseSync
) -> HttpResponse:
    """Who sees the purchase sees its pages."""
    name = "receipt_pages" if request.GET.get("part") else "receipts"
    return render_page(
        admin,
        request,
        f"admin/sync/{name}.html",
        f"Receipts of {row}",
        purchase=row,
        back_url=_page(row),
        download_url=_download_url(row) if may_download(request) else "",
        **_shown(row),
    )


@row_page("download")
def document_page(
    admin: ModelAdmin[PurchaseSync], request: HttpRequest, row: PurchaseSync
) -> HttpResponse:
    fetched = _fetch(row)
    if isinstance(fetched, _Failure) or fetched.document is None:
        messages.error(request, _why_none(fetched))
        return HttpResponseRedirect(_page(row))
    document = fetched.document
    sentence = f"The document of {row} was downloaded: {document.file_name}."
    record(Entry.Kind.DOCUMENT, sentence, tenant=row.tenant)
    return HttpResponse(
        document.content,
        headers={
            "Content-Type": document.content_type,
            "Content-Disposition": f'attachment; filename="{document.file_name}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        },
    )


def document_words(row: PurchaseSync) -> SafeString:
    """What was sent, page by page, and the way to its pictures."""
    size = row.document_size or 0
    kind = f"{row.document_type}, {size:,} bytes" if row.document_type else ""
    lines = [kind, *_origins([Origin(*each) for each in row.document_pages])]
    return format_html(
        '{}<p><a class="text-link" href="{}" data-receipts>Show the pages</a></p>',
        format_html_join("", "<p>{}</p>", ((line,) for line in lines if line)),
        reverse("admin:sync_purchasesync_receipts", args=[row.pk]),
    )


def _origins(pages: list[Origin]) -> list[str]:
    """“Page 1: receipt 1 of 2”, runs of pages in one line."""
    firsts: dict[str, list[int]] = {}
    for number, page in enumerate(pages, start=1):
        firsts.setdefault(page.receipt, []).append(number)
    return [
        f"Page {numbers[0]}: receipt {receipt}"
        if len(numbers) == 1
        else f"Pages {numbers[0]} to {numbers[-1]}: receipt {receipt}"
        for receipt, numbers in firsts.items()
    ]


def _shown(row: PurchaseSync) -> dict[str, Any]:
    """The pages for the template, or why there are none."""
    fetched = _fetch(row)
    if isinstance(fetched, _Failure) or fetched.document is None:
        warnings = () if isinstance(fetched, _Failure) else fetched.warnings
        return {"failure": _why_none(fetched), "warnings": warnings}
    try:
        pictures = pool.thumbnails(fetched.document)
    except (WorkshopError, WorkshopBusyError):
        return {"failure": _NOT_READ, "warnings": fetched.warnings}
    names = [f"Receipt {page.receipt}, page {page.page}" for page in fetched.pages]
    count = max(len(names), len(pictures))
    return {
        "warnings": fetched.warnings,
        "pages": [
            (name or "No receipt in PEX", base64.b64encode(picture).decode())
            for name, picture in zip_longest(names[: len(pictures)], pictures)
        ],
        "not_shown": count - len(pictures),
        "is_changed": bool(row.document_digest)
        and row.status in _SENT
        and row.document_digest != fingerprint(fetched.document),
    }


def _fetch(row: PurchaseSync) -> Fetched | _Failure:
    tenant = Tenant.objects.select_related("pex", "transactions").get(pk=row.tenant_id)
    try:
        return fetch_document(TenantContext(tenant), row)
    except (ConnectorError, UnreadableError) as error:
        return _Failure(f"The receipts could not be fetched: {error}")
    except (WorkshopError, WorkshopBusyError):
        return _Failure(_NOT_READ)


def _why_none(fetched: Fetched | _Failure) -> str:
    if isinstance(fetched, _Failure):
        return fetched.message
    return " ".join(reason.message for reason in fetched.held_back)


def _download_url(row: PurchaseSync) -> str:
    return reverse("admin:sync_purchasesync_document", args=[row.pk])


def _page(row: PurchaseSync) -> str:
    return reverse("admin:sync_purchasesync_change", args=[row.pk])
