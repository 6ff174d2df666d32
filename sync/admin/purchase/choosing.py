"""*Use it*: the one code that a tag's value differs from in zeros and separators only,
for one purchase or for all of the tenant, chosen with one press.

Offered beside the reason; what follows from a choice is `sync.rules.tag_reading`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, reverse

from connector.admin.page import person, post_only, route, row_page
from connector.api.code_texts import folded
from connector.codes.nearest import Guess, Near
from connector.models import CmicCode, TagMeaning, Tenant
from sync.causes import guesses_for
from sync.models import PurchaseSync
from sync.rules.reasons import ReasonCode, Who

_FOR_ALL = "all"
_MAY_CHOOSE, _MAY_FOR_ALL = "sync.decide_purchase", "connector.add_tagmeaning"


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be chosen for the value of a reason. `chosen` says who has done so
    already, and is empty as long as nobody has; without `near` there is nothing to."""

    value: str
    kind: str
    near: Near | None = None
    chosen: str = ""
    for_all: bool = False


def urls(admin: ModelAdmin[PurchaseSync]) -> list[URLPattern]:
    return [route(admin, "<int:object_id>/use-code/", use_code, "use_code")]


def offers(
    user: AbstractBaseUser | AnonymousUser,
    asked: Sequence[tuple[Tenant, Mapping[str, Any], Guess]],
    transaction_id: int | None = None,
) -> list[Offer | None]:
    """Of each tenant's reason, in the same order; None where nothing is to be chosen.

    At most two queries; `transaction_id` is the purchase that the reasons are of, if
    they are of one.
    """
    known = _known((tenant for tenant, _, _ in asked), transaction_id)
    is_open = _open_codes(known.values())
    may_choose = user.has_perm(_MAY_CHOOSE)  # type: ignore[union-attr]
    may_for_all = user.has_perm(_MAY_FOR_ALL)  # type: ignore[union-attr]
    found: list[Offer | None] = []
    for tenant, reason, guess in asked:
        value, kind = reason.get("value", ""), reason.get("kind", "")
        company = tenant.company_code
        meaning = known.get((tenant.pk, company, kind, folded(value)))
        if not _is_of_tag(reason):
            found.append(None)
        elif meaning is not None:
            chosen = _choice(meaning, is_open=_place(meaning) in is_open)
            found.append(Offer(value, kind, chosen=chosen))
        elif may_choose and guess.same is not None:
            found.append(Offer(value, kind, guess.same, for_all=may_for_all))
        else:
            found.append(None)
    return found


def _is_of_tag(reason: Mapping[str, Any]) -> bool:
    """Whether it is a tag's value that CMiC does not have at all. A default is put
    right in the mapping."""
    is_unknown = reason.get("code") == ReasonCode.VALUE_UNKNOWN
    is_cardholders = reason.get("who") == Who.CARDHOLDER
    return is_unknown and is_cardholders and bool(reason.get("value"))


def _known(
    tenants: Iterable[Tenant], transaction_id: int | None
) -> dict[tuple[int, str, str, str], TagMeaning]:
    rows = TagMeaning.objects.filter(tenant__in={each.pk for each in tenants})
    found = rows.filter(Q(transaction_id=None) | Q(transaction_id=transaction_id))
    # The purchase's own counts more, so it comes last.
    ordered = sorted(found, key=lambda each: each.transaction_id is not None)
    return {
        (each.tenant_id, each.company, each.kind, each.folded): each for each in ordered
    }


def _open_codes(meanings: Iterable[TagMeaning]) -> set[tuple[int, str, str]]:
    """The places of those whose code is open in the company that they hold for."""
    rows = list(meanings)
    codes = CmicCode.objects.filter(
        is_active=True,
        tenant__in={each.tenant_id for each in rows},
        code__in={each.code for each in rows},
    )
    seen = set(codes.values_list("tenant", "kind", "code", "company"))
    return {
        _place(each)
        for each in rows
        if seen & {(*_place(each), each.company), (*_place(each), "")}
    }


def _place(meaning: TagMeaning) -> tuple[int, str, str]:
    return meaning.tenant_id, meaning.kind, meaning.code


def _choice(meaning: TagMeaning, *, is_open: bool) -> str:
    scope = "all purchases" if meaning.transaction_id is None else "this purchase"
    sentence = (
        f"{meaning.chosen_by} chose {meaning.code} for the tag value {meaning.value}, "
        f"for {scope}."
    )
    if is_open:
        return f"{sentence} The next sync uses it."
    return f"{sentence} It is not open in CMiC. Delete it under “Tag meanings”."


@row_page("decide", "tenant__transactions")
@post_only
def use_code(
    admin: ModelAdmin[PurchaseSync], request: HttpRequest, row: PurchaseSync
) -> HttpResponse:
    """The posted code for the posted value, if that is what is offered now."""
    posted = {name: request.POST.get(name, "") for name in ("kind", "value", "code")}
    is_for_all = request.POST.get("scope") == _FOR_ALL
    if is_for_all and not request.user.has_perm(_MAY_FOR_ALL):
        raise PermissionDenied
    with transaction.atomic():
        # A sync may judge it anew at this moment.
        row = PurchaseSync.objects.select_for_update().get(pk=row.pk)
        if not _is_offered(row, **posted):
            messages.error(
                request,
                f"“{posted['value']}” is not what {row} waits for any more, or CMiC's "
                "codes have changed. Look at it again.",
            )
            return HttpResponseRedirect(_back(request, row))
        meaning, is_new = TagMeaning.objects.get_or_create(
            tenant=row.tenant,
            company=row.tenant.company_code,
            kind=posted["kind"],
            folded=folded(posted["value"]),
            transaction_id=None if is_for_all else row.pex_transaction_id,
            defaults={
                "value": posted["value"],
                "code": posted["code"],
                "chosen_by": person(request).get_username(),
            },
        )
        if is_new:
            admin.log_change(request, row, f"{meaning}.")
    scope = "all such tags" if is_for_all else "this purchase"
    messages.success(request, f"{meaning}, for {scope}; the next sync goes by it.")
    return HttpResponseRedirect(_back(request, row))


def _is_offered(row: PurchaseSync, kind: str, value: str, code: str) -> bool:
    for reason in row.reasons:
        is_it = (reason.get("kind"), reason.get("value")) == (kind, value)
        if is_it and row.is_judgeable and _is_of_tag(reason):
            [guess] = guesses_for([(row.tenant_id, reason)])
            return guess.same is not None and guess.same.code == code
    return False


def _back(request: HttpRequest, row: PurchaseSync) -> str:
    if request.POST.get("back") == "causes":
        query = urlencode({"tenant": row.tenant_id})
        return f"{reverse('admin:sync_purchasesync_causes')}?{query}"
    return reverse("admin:sync_purchasesync_change", args=[row.pk])
