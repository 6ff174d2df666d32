"""Forms of a tenant's connections: secrets are write-only.

What a value may be is said by the models; these forms decide what is shown and kept.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget

from connector.models import CmicConnection, PexConnection
from connector.models.connections import PEX_PRODUCTION


class WriteOnlySecretsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Secrets go in and never come out: an empty input keeps what is stored."""

    secrets: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.secrets:
            # Otherwise the stored value would be shown, and an empty input would
            # count as a change of it.
            self.initial[name] = ""
            field = self.fields.get(name)
            if field is None:
                continue
            field.required = False
            field.widget = UnfoldAdminPasswordWidget(
                attrs={"autocomplete": "new-password"}
            )
            field.help_text = (
                "Stored. Leave this empty to keep it; what you enter replaces it."
                if self.instance.pk and getattr(self.instance, name)
                else "Not set yet."
            )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for name in self.secrets:
            if name in self.fields and not self.cleaned_data.get(name):
                self.cleaned_data[name] = getattr(self.instance, name)
        return cleaned


class PexConnectionForm(WriteOnlySecretsForm):
    secrets = ("token",)

    class Meta:
        model = PexConnection
        fields = ("base_url", "token")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.initial.setdefault("base_url", PEX_PRODUCTION)


class CmicConnectionForm(WriteOnlySecretsForm):
    secrets = ("password", "oauth_client_secret")

    class Meta:
        model = CmicConnection
        fields = (
            "base_url",
            "auth",
            "client_id",
            "username",
            "password",
            "token_url",
            "oauth_client_id",
            "oauth_client_secret",
            "scope",
            "upload_encoding",
            "flysheets",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "base_url" in self.fields:
            self.fields["base_url"].help_text = (
                "Up to and with the environment, as in "
                "https://example.cmiccloud.com/cmicprod."
            )
        if "auth" in self.fields:
            self.fields["auth"].label = "Authentication"
