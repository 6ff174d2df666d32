"""The form of the transaction settings: what CMiC offers is chosen, not typed.

What a value may be is said by the model; this form decides what is shown and kept.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.urls import reverse

from connector.admin.forms.widgets import CodeSelect
from connector.api.cmic.types import CodeKind
from connector.codes.choices import NAMED_ONLY, Above, find, shelf_of
from connector.models import TransactionSettings
from connector.models.codes import CodeState
from connector.models.settings import SETTING_KINDS

_TITLES = {
    "company_code": "CMiC company",
    "source_uuid": "AP Invoice Location: source",
    "document_type_uuid": "AP Invoice Location: document type",
    "vendor_code": "Vendor for purchases",
}
_HELP = {
    "company_code": "The company that the invoices are booked in.",
    "source_uuid": "Where in Image Manager the invoices land.",
    "document_type_uuid": "One of the document types of that source.",
    "vendor_code": "Every purchase is booked with this vendor. Many customers have one "
    "named “PEX” in CMiC for it.",
}


class TransactionSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Saved with a new tenant even when everything stays as proposed."""

    lists: ClassVar[dict[str, CodeKind]] = SETTING_KINDS

    class Meta:
        model = TransactionSettings
        exclude = ("tenant",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, kind in self.lists.items():
            if name in self.fields:
                self.fields[name].label = _TITLES[name]
                self.fields[name].help_text = _HELP[name]
                self.fields[name].widget = self._select(name, kind)

    def has_changed(self) -> bool:
        return self.instance.pk is None or super().has_changed()

    def _post_clean(self) -> None:
        """What was chosen when CMiC still had it stays until it is changed: the page
        marks it, and the sync says which purchases it blocks."""
        super()._post_clean()  # type: ignore[misc]
        if "company_code" not in self.changed_data:
            for name in set(self.lists) - set(self.changed_data):
                self.errors.pop(name, None)

    def _select(self, name: str, kind: CodeKind) -> CodeSelect:
        tenant_id = self.instance.tenant_id
        attrs = {"data-name": name, "data-only": "yes"}
        if tenant_id:
            attrs["data-choices"] = reverse(
                "admin:connector_tenant_choices", args=[tenant_id, name]
            )
        return CodeSelect(
            lambda code: self._describe(name, code),
            attrs,
            is_named_only=kind in NAMED_ONLY,
        )

    def _describe(self, name: str, code: str) -> tuple[CodeState, str]:
        above = Above(
            company=str(self["company_code"].value() or ""),
            source=str(self["source_uuid"].value() or ""),
        )
        shelf = shelf_of(name, above)
        if shelf is None or not self.instance.tenant_id:
            return CodeState.UNCHECKED, ""
        return find(self.instance.tenant_id, shelf, code)
