"""Filters of the purchases list: by reason, by day, and by what a run did."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    DropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
    TextFilter,
)
from unfold.utils import parse_date_str

from connector.api.pex.reading import EASTERN
from sync.admin.lists.readonly import is_id
from sync.admin.run.changes import CHANGES, purchases_changed
from sync.admin.wording import REASON_CHOICES
from sync.engine.run.counts import OUTCOMES
from sync.models import PurchaseSync, RunOutcome, SyncRun
from sync.models.purchase.indexes import OPEN, first_codes, words

_MOST_WORDS = 8
# Beyond every amount, and finer than each.
_MOST, _LEAST = Decimal(10) ** 12, Decimal("0.0001")
_DAYS = {
    "occurred_at": "day of the card's use",
    "created_at": "day of its start",
    "at": "day",
}


class ReasonFilter(DropdownFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return REASON_CHOICES

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PurchaseSync]
    ) -> QuerySet[PurchaseSync]:
        code = self.value()
        return queryset.filter(reasons__contains=[{"code": code}]) if code else queryset


class JobFilter(TextFilter):
    """The whole code of a job, department or equipment that a line is booked on."""

    title = "job, department or equipment"
    parameter_name = "job"

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PurchaseSync]
    ) -> QuerySet[PurchaseSync]:
        code = (self.value() or "").strip()
        if not code:
            return queryset
        return queryset.alias(jobs=first_codes()).filter(Q(jobs__contains=[code]))


class CardholderFilter(TextFilter):
    """How the cardholder's names begin; the index knows them with the merchant's."""

    title = "cardholder"
    parameter_name = "cardholder"

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PurchaseSync]
    ) -> QuerySet[PurchaseSync]:
        query = words_query(self.value() or "")
        if not query:
            return queryset
        wanted = SearchQuery(query, config="simple", search_type="raw")
        names = SearchVector("cardholder", config="simple")
        found = queryset.alias(words=words()).filter(words=wanted)
        return found.alias(names=names).filter(names=wanted)


class AmountFilter(RangeNumericFilter):
    """From and to are amounts, both included. What is no number is left aside, and one
    that no amount can reach is taken for the nearest that the database knows."""

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PurchaseSync]
    ) -> QuerySet[PurchaseSync]:
        for end, comparison in (("from", "gte"), ("to", "lte")):
            amount = _amount(self.used_parameters.get(f"amount_{end}"))
            if amount is not None:
                queryset = queryset.filter(**{f"amount__{comparison}": amount})
        return queryset


def _amount(text: object) -> Decimal | None:
    try:
        amount = Decimal(str(text).strip())
    except InvalidOperation:
        return None
    if not amount.is_finite():
        return None
    return min(max(amount, -_MOST), _MOST).quantize(_LEAST)


def words_query(text: str) -> str:
    """“Ana Ru” as PostgreSQL asks for words that begin so, all of them; only letters
    and digits mean anything to it."""
    parts = re.findall(r"\w+", text.replace("_", " "))[:_MOST_WORDS]
    return " & ".join(f"{part}:*" for part in parts)


class RunFilter(DropdownFilter):
    """`12` or `12-blocked`: what run 12 looked at, or blocked. Only ever a link.

    An ended run has kept what it ended with; later runs do not change that.
    """

    title = "run"
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = request.GET.get(self.parameter_name, "")
        number, _, outcome = value.partition("-")
        words = CHANGES.get(outcome, outcome)
        return [(value, f"Run {number} {words}".strip())] if value else []

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PurchaseSync]
    ) -> QuerySet[PurchaseSync]:
        value = self.value()
        if not value:
            return queryset
        number, _, outcome = value.partition("-")
        wanted = OUTCOMES.get(outcome or "seen")
        if not is_id(number):
            return queryset.none()
        if outcome in CHANGES:
            run = SyncRun.objects.filter(pk=number).first()
            return purchases_changed(queryset, run, outcome) if run else queryset.none()
        if wanted is None:
            return queryset.none()
        if SyncRun.objects.active().filter(pk=number).exists():
            return queryset.filter(wanted, run=number)
        ended = RunOutcome.objects.filter(wanted, run=number, purchase=OuterRef("pk"))
        return queryset.filter(Exists(ended))


class CauseFilter(DropdownFilter):
    """Those that wait for one cause, as `sync.causes` counts them. Only ever a link."""

    title = "cause"
    parameter_name = "cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = request.GET.get(self.parameter_name, "")
        return [(value, "the chosen one")] if value else []

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PurchaseSync]
    ) -> QuerySet[PurchaseSync]:
        key = self.value() or ""
        return queryset.filter(OPEN, causes__contains=[key]) if key else queryset


class BusinessDayFilter(RangeDateFilter):
    """From and to are whole US Eastern business days, both included."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.title = _DAYS[self.field_path]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[PurchaseSync]
    ) -> QuerySet[PurchaseSync]:
        first, last = self._day("from"), self._day("to")
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": _start_of(first)})
        if last:
            end = _start_of(last + timedelta(days=1))
            queryset = queryset.filter(**{f"{self.field_path}__lt": end})
        return queryset

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield from super().choices(changelist)

    def _day(self, end: str) -> date | None:
        value = self.used_parameters.get(f"{self.field_path}_{end}")
        day = parse_date_str(value) if isinstance(value, str) else None
        # Years at the very edge have no next day.
        return day if day and date.min < day < date(9999, 1, 1) else None


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, EASTERN)
