"""The connections on a tenant's page; settings and mappings have their own modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import StackedInline
from unfold.overrides import FORMFIELD_OVERRIDES_INLINE

from connector.admin.connection_words import (
    changed_sentence,
    cmic_sentence,
    pex_sentence,
)
from connector.models import CmicConnection, PexConnection, Tenant

MANAGE = "Manage credentials"


class OnePartInline(StackedInline):
    """A part that each tenant has once; without a tab of its own it is on the first."""

    hide_title = True
    can_delete = False
    extra = 1
    max_num = 1
    formfield_overrides = {
        **FORMFIELD_OVERRIDES_INLINE,
        models.URLField: {
            **FORMFIELD_OVERRIDES_INLINE[models.URLField],
            "assume_scheme": "https",
        },
    }

    def has_add_permission(self, request: HttpRequest, obj: Any) -> bool:
        """Not beside the one that is there: Django would write a second, empty form
        into the page, for scripts to copy."""
        part = self.model._meta.get_field("tenant").remote_field.name
        is_there = getattr(obj, part, None) is not None
        return not is_there and super().has_add_permission(request, obj)


class ConnectionCard(OnePartInline):
    """What is known of one side, to read; its credentials have a page of their own."""

    readonly_fields = ("state", "changed", "credentials")
    fields = readonly_fields
    # What its last check says.
    sentence: Callable[[Any], SafeString]

    def get_fields(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        if self.has_change_permission(request, obj):
            return self.fields
        return [name for name in self.fields if name != "credentials"]

    @admin.display(description="State")
    def state(self, connection: PexConnection | CmicConnection) -> SafeString | str:
        if connection.pk is None:
            return "Not connected yet."
        return self.sentence(connection)

    @admin.display(description="Last change")
    def changed(self, connection: PexConnection | CmicConnection) -> str:
        return changed_sentence(connection)

    @admin.display(description="Credentials")
    def credentials(
        self, connection: PexConnection | CmicConnection
    ) -> SafeString | str:
        if connection.tenant_id is None:
            return "Save the tenant first; then its credentials are entered here."
        url = reverse(
            "admin:connector_tenant_credentials",
            args=[connection.tenant_id, connection.SYSTEM],
        )
        return format_html('<a class="connector-button" href="{}">{}</a>', url, MANAGE)


class PexConnectionInline(ConnectionCard):
    model = PexConnection
    sentence = staticmethod(pex_sentence)


class CmicConnectionInline(ConnectionCard):
    model = CmicConnection
    sentence = staticmethod(cmic_sentence)
