"""Forms of the credentials pages: secrets go in and never come out.

What a value may be is said by the models; whether it works, by
`connector.connections.credentials`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from connector.models import CmicConnection, PexConnection
from connector.models.connections import PEX_PRODUCTION

_KEEP = "Stored. Leave this empty to keep it; what you enter replaces it."
_AGAIN = "Enter it again: what was refused was not kept."
_NEW_ADDRESS = (
    "Enter it again: the address changed, and what is stored is sent to the address "
    "that it was entered for only."
)


class CredentialsForm(forms.ModelForm):  # type: ignore[type-arg]
    """An empty secret keeps what is stored.

    `retype` names the secrets that the page was refused with: those are not kept, so
    empty does not mean the stored one.
    """

    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __init__(self, *args: Any, retype: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.secrets = list(self._meta.model.SECRETS)
        self.retype = [name for name in self.secrets if name in retype]
        self.stored = {name: getattr(self.instance, name) for name in self.fields}
        for name, each in self.fields.items():
            each.widget = _widget(name, each, self.secrets)
        for name in self.secrets:
            self.initial[name] = ""
            self.fields[name].required = False
            self.fields[name].help_text = _KEEP if self.stored[name] else "Not set yet."

    def entered(self) -> list[str]:
        """The secrets that were typed just now."""
        return [name for name in self.secrets if self.data.get(self.add_prefix(name))]

    def ask_again(self, names: Collection[str]) -> None:
        """Say at these secrets that what was typed is gone, unless an error does."""
        for name in names:
            if name not in self.errors:
                self[name].help_text = _AGAIN

    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The inputs under their headings, as the page shows them."""
        return [(title, [self[name] for name in names]) for title, names in self.groups]

    def clean(self) -> dict[str, Any]:
        super().clean()
        moved = self._meta.model.moved_secrets(self.stored, self.cleaned_data)
        for name in self.secrets:
            if self.cleaned_data.get(name) or name in self.errors:
                continue
            if name in self.retype:
                self.add_error(name, _AGAIN)
            elif name in moved:
                self.add_error(name, _NEW_ADDRESS)
            else:
                self.cleaned_data[name] = self.stored[name]
        return self.cleaned_data


class PexCredentialsForm(CredentialsForm):
    groups = (("", ("base_url", "token")),)

    class Meta:
        model = PexConnection
        fields = PexConnection.CREDENTIALS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.base_url:
            self.initial["base_url"] = PEX_PRODUCTION


class CmicCredentialsForm(CredentialsForm):
    groups = (
        ("", ("base_url", "auth")),
        ("User name and password", ("client_id", "username", "password")),
        (
            "OAuth 2, where CMiC was set up for it",
            ("token_url", "oauth_client_id", "oauth_client_secret", "scope"),
        ),
        ("How uploads look", ("upload_encoding", "flysheets")),
    )

    class Meta:
        model = CmicConnection
        fields = CmicConnection.CREDENTIALS
        labels = {"auth": "Authentication"}
        help_texts = {
            "base_url": "Up to and with the environment, as in "
            "https://example.cmiccloud.com/cmicprod."
        }


class BusinessNameForm(forms.Form):
    """Where a person names the other business that a token belongs to."""

    business_name = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )

    def __init__(self, title: str) -> None:
        super().__init__()
        field = self.fields["business_name"]
        field.label = f"Type “{title}” to confirm"
        field.help_text = "Leave it empty to keep the business as it is."


def _widget(name: str, each: forms.Field, secrets: Collection[str]) -> forms.Widget:
    """In the admin's dress, and no browser may offer a person's own password here."""
    widget: forms.Widget
    if name in secrets:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    elif isinstance(each, forms.ChoiceField):
        widget = UnfoldAdminSelectWidget(choices=each.choices)
    elif isinstance(each, forms.JSONField):
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})
    else:
        widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    return widget
