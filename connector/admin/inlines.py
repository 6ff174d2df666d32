"""The connections on a tenant's page; settings and mappings have their own modules."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import StackedInline
from unfold.overrides import FORMFIELD_OVERRIDES_INLINE

from connector.admin.states import cmic_sentence, pex_sentence
from connector.forms import CmicConnectionForm, PexConnectionForm
from connector.models import CmicConnection, PexConnection


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
    secrets: tuple[str, ...] = ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the secrets for those who may only look: they would see them."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self._may_change(request, obj):
            return fieldsets
        return [
            (
                name,
                {
                    **options,
                    "fields": [
                        field
                        for field in options["fields"]
                        if field not in self.secrets
                    ],
                },
            )
            for name, options in fieldsets
        ]

    def _may_change(self, request: HttpRequest, obj: Any) -> bool:
        return self.has_change_permission(request, obj) and request.user.has_perm(
            "connector.change_tenant"
        )


class PexConnectionInline(OnePartInline):
    model = PexConnection
    form = PexConnectionForm
    secrets = PexConnectionForm.secrets
    readonly_fields = ("state",)
    fieldsets = ((None, {"fields": ("state", "base_url", "token")}),)

    @admin.display(description="State")
    def state(self, connection: PexConnection) -> SafeString | str:
        if connection.pk is None:
            return "Not connected yet."
        return pex_sentence(connection)


class CmicConnectionInline(OnePartInline):
    model = CmicConnection
    form = CmicConnectionForm
    secrets = CmicConnectionForm.secrets
    readonly_fields = ("state",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "state",
                    "base_url",
                    "auth",
                    "client_id",
                    "username",
                    "password",
                )
            },
        ),
        (
            "OAuth 2, where CMiC was set up for it",
            {
                "classes": ("collapse",),
                "fields": (
                    "token_url",
                    "oauth_client_id",
                    "oauth_client_secret",
                    "scope",
                ),
            },
        ),
        (
            "How uploads look",
            {"classes": ("collapse",), "fields": ("upload_encoding", "flysheets")},
        ),
    )

    @admin.display(description="State")
    def state(self, connection: CmicConnection) -> SafeString | str:
        if connection.pk is None:
            return "Not connected yet."
        return cmic_sentence(connection)
