"""The page of causes (F18): what stands in the way of purchases, and the way out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, reverse
from django.utils.text import capfirst

from connector.admin.moments import minute
from connector.admin.page import list_page, render_page, route
from connector.models import Field, Tenant
from connector.models.access import is_limited
from connector.models.invoice_fields import CODE_FIELDS
from sync.admin.lists.readonly import is_id
from sync.admin.purchase.choosing import offers
from sync.admin.remedies import remedy_for
from sync.admin.wording import PEOPLE
from sync.causes import Cause, causes
from sync.models import PurchaseSync
from sync.money import Currencies, money
from sync.rules.reasons import MARKER, ReasonCode, Who, code_title

PAGE_SIZE = 25
_MOST_PAGES = 400
_OF_CODES = (
    ReasonCode.VALUE_UNKNOWN,
    ReasonCode.VALUE_INACTIVE,
    ReasonCode.COMBINATION_INVALID,
)
# Their sentences tell a day or a number of one purchase.
_OF_ONE = (
    ReasonCode.LOST_ANSWER,
    ReasonCode.SENT_BY_OTHER_TENANT,
    ReasonCode.OUTSIDE_WINDOW,
    ReasonCode.GONE_FROM_PEX,
)
# Most of these are in CMiC or never will be: no sync sends them, whatever is done.
_NEVER_GO = (ReasonCode.SENT_BY_OTHER_TENANT, ReasonCode.GONE_FROM_PEX)


def urls(admin: ModelAdmin[PurchaseSync]) -> list[URLPattern]:
    return [route(admin, "causes/", causes_page, "causes")]


@list_page("view")
def causes_page(admin: ModelAdmin[PurchaseSync], request: HttpRequest) -> HttpResponse:
    """Of `tenant` in the address; without it, of all that are visible."""
    chosen = _number(request.GET.get("tenant", ""))
    page = min(max(1, _number(request.GET.get("page", "1"))), _MOST_PAGES)
    first = (page - 1) * PAGE_SIZE
    tenants = visible_ids(request)
    if chosen:
        tenants = [chosen] if tenants is None or chosen in tenants else []
    # One more than is shown tells whether there is another page.
    found = causes(tenants, first, first + PAGE_SIZE + 1, whole=True)
    currencies = Currencies(each.tenant.pk for each in found)
    shown = found[:PAGE_SIZE]
    offered = offers(request.user, [(e.tenant, e.reason, e.guess) for e in shown])
    return render_page(
        admin,
        request,
        "admin/sync/causes.html",
        "Blocked causes",
        rows=[
            {**cause_row(each, currencies), "offer": offer}
            for each, offer in zip(shown, offered, strict=True)
        ],
        tenants=Tenant.objects.visible_to(request.user).values("pk", "name"),
        chosen=chosen or None,
        next_page=page + 1 if len(found) > PAGE_SIZE else None,
        previous_page=page - 1 if page > 1 else None,
        may_refresh=request.user.has_perm("connector.change_tenant"),
    )


def visible_ids(request: HttpRequest) -> list[int] | None:
    """Those tenants that the person is limited to, None for all."""
    if not is_limited(request.user):
        return None
    return list(Tenant.objects.visible_to(request.user).values_list("pk", flat=True))


def cause_row(cause: Cause, currencies: Currencies) -> dict[str, Any]:
    """One cause in words, with its links."""
    reason = cause.reason
    code, who = reason.get("code", ""), reason.get("who", "")
    is_marker = reason.get("field") == MARKER
    query = urlencode({"tenant__id__exact": cause.tenant.pk, "cause": cause.key})
    return {
        "cause": cause,
        "title": "Marker refused by PEX" if is_marker else capfirst(code_title(code)),
        "what": _what(reason),
        "message": reason.get("message", ""),
        "is_of_one": is_marker or code in _OF_ONE,
        "goes": not (is_marker or code in _NEVER_GO),
        "amount": money(cause.amount, currencies.of_tenant(cause.tenant.pk)),
        "since": minute(cause.since) if cause.since else "–",
        "who": PEOPLE.get(who, ""),
        "remedy": remedy_for(code, cause.tenant.pk, reason.get("field", "")),
        "url": f"{reverse('admin:sync_purchasesync_changelist')}?{query}",
        "tenant_url": reverse("admin:connector_tenant_change", args=[cause.tenant.pk]),
        "is_of_codes": code in _OF_CODES,
        "asks": cause.cardholders if who == Who.CARDHOLDER else (),
    }


def _what(reason: Any) -> str:
    """“Cost Code: 02.999 on 24-0117”, or the field alone, or nothing."""
    field, value = reason.get("field", ""), reason.get("value", "")
    if field not in [str(Field(each).label) for each in CODE_FIELDS]:
        return ""
    on = " / ".join(reason.get("place", ()))
    what = f"{field}: {value}" if value else field
    return f"{what} on {on}" if on else what


def _number(text: str) -> int:
    """0, which no row has, for what is no number."""
    return int(text) if is_id(text) else 0
