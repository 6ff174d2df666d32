"""The History page of a tenant, and two people who change it at the same time.

What changed is read by `connector.history`; this adds what was done (Execute and the
like) from the admin's own log and shows both as one story.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

from connector.admin.moments import minute
from connector.admin.page import render_page, row_page
from connector.history import entries_of, entries_since
from connector.models import Tenant
from connector.models.history import deeds_in_log

PAGE_SIZE = 30
# Rows that one save writes are this close together.
_ONE_SAVE = timedelta(seconds=3)


@dataclass
class Event:
    """What one person did at one moment."""

    at: datetime
    by: str
    lines: list[str]


class TenantForm(ModelForm):  # type: ignore[type-arg]
    """Refuses what would be saved over changes that its reader never saw."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.instance.pk and "seen" in self.data:
            self._refuse_unseen(self.data["seen"])
        return cleaned

    def _refuse_unseen(self, seen: str) -> None:
        # Held until this save is committed: the next one waits here and then sees it.
        # Workers, who only point to the tenant, do not wait.
        Tenant.objects.select_for_update(no_key=True).get(pk=self.instance.pk)
        try:
            unseen = entries_since(self.instance, seen)
        except ValueError:
            raise ValidationError(
                "Open the page anew: it was not sent whole."
            ) from None
        if not unseen:
            return
        changed = (
            (entry.by, minute(entry.at), line)
            for entry in reversed(unseen)
            for line in entry.lines
        )
        raise ValidationError(
            format_html(
                "<p>This tenant was changed since you opened the page, so nothing was "
                "saved. What you entered is still here. What was changed meanwhile:</p>"
                '<ul class="connector-plans">{}</ul>'
                "<p>Save once more to put what you see here in its place, or open the "
                "page anew to go on from it.</p>",
                format_html_join("", "<li>{}, {}: {}</li>", changed),
            )
        )


@row_page("view_or_change")
def history_page(
    admin: ModelAdmin[Tenant],
    request: HttpRequest,
    tenant: Tenant,
    extra_context: dict[str, Any] | None = None,
) -> HttpResponse:
    """Called in place of Django's own."""
    return render_page(
        admin,
        request,
        "admin/connector/history.html",
        f"History of {tenant}",
        original=tenant,
        tenant=tenant,
        page=Paginator(events_of(tenant), PAGE_SIZE).get_page(request.GET.get("p")),
        **(extra_context or {}),
    )


def events_of(tenant: Tenant) -> list[Event]:
    """Changes and deeds, newest first; what one save changed is one event."""
    found = [
        *(Event(entry.at, entry.by, entry.lines) for entry in entries_of(tenant)),
        *_deeds(tenant),
    ]
    # Oldest first: a save writes its rows from the top of the page to its bottom.
    found.sort(key=lambda event: event.at)
    events = found[:1]
    for before, event in pairwise(found):
        if event.by == before.by and event.at - before.at < _ONE_SAVE:
            events[-1].lines += event.lines
        else:
            events.append(event)
    return events[::-1]


def _deeds(tenant: Tenant) -> list[Event]:
    """What people did with it, also those whose account is gone."""
    logged = deeds_in_log().filter(object_id=str(tenant.pk)).select_related("user")
    return [
        *(
            Event(each.action_time, each.user.get_username(), [each.change_message])
            for each in logged
        ),
        *(Event(each.at, each.by, [each.sentence]) for each in tenant.deeds.all()),
    ]
