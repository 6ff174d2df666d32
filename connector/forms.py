"""Forms of the tenant's page: the settings, and six mapping rows in their order.

What a value may be is said by the models; these forms decide what is shown and kept.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminSelectWidget

from connector.cmic.types import CodeKind
from connector.models import (
    Field,
    FieldMapping,
    TransactionSettings,
)
from connector.models.mapping import STATIC_ONLY

_TAG_COLUMNS = ("tag", "default_value", "sync_options", "label")
_FEW_VALUES = {
    Field.VALID_FLAG: [("Y", "Y – yes"), ("N", "N – no")],
    Field.TYPE_CODE: [
        ("J", "J – job"),
        ("G", "G – department"),
        ("E", "E – equipment"),
    ],
}


class TransactionSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """Saved with a new tenant even when everything stays as proposed."""

    lists: ClassVar[dict[str, CodeKind]] = {
        "company_code": CodeKind.COMPANY,
        "source_uuid": CodeKind.SOURCE,
        "document_type_uuid": CodeKind.DOCUMENT_TYPE,
        "vendor_code": CodeKind.VENDOR,
    }

    class Meta:
        model = TransactionSettings
        exclude = ("tenant",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, kind in self.lists.items():
            if name in self.fields:
                self.fields[name].widget.attrs["list"] = f"codes-{kind}"

    def has_changed(self) -> bool:
        return self.instance.pk is None or super().has_changed()


class NothingToChoose(forms.Widget):
    """The place of an input that this row does not have."""

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: Any = None,
    ) -> SafeString:
        return format_html('<span class="connector-none">{}</span>', "–")


class FieldMappingForm(forms.ModelForm):  # type: ignore[type-arg]
    """One of the six rows; `field` is the row it stands for while it is not saved."""

    class Meta:
        model = FieldMapping
        fields = ("static_value", *_TAG_COLUMNS)

    def __init__(self, *args: Any, field: Field | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None and field is not None:
            self.instance.field = field
        if not self.fields:
            return
        if self.instance.field in STATIC_ONLY:
            for name in _TAG_COLUMNS:
                self.fields[name].disabled = True
                self.fields[name].widget = NothingToChoose()
        if self.instance.field in _FEW_VALUES:
            choices = [("", "Select value"), *_FEW_VALUES[Field(self.instance.field)]]
            self.fields["static_value"] = forms.ChoiceField(
                label="Static value",
                choices=choices,
                required=False,
                widget=UnfoldAdminSelectWidget(),
            )
        self.fields["tag"].widget.attrs["list"] = "pex-tags"

    def has_changed(self) -> bool:
        return self.instance.pk is None or super().has_changed()


class FieldMappingFormSet(PaginationInlineFormSet):  # type: ignore[misc]
    """Always the six rows, stored or not. Their order is the caller's query's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = {row.field for row in self.get_queryset()}
        self.missing = [field for field in Field if field not in stored]

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs(index)
        place = -1 if index is None else index - self.initial_form_count()
        if 0 <= place < len(self.missing):
            kwargs["field"] = self.missing[place]
        return kwargs

    def full_clean(self) -> None:
        """Each row is checked against the Type Code that is saved along with it."""
        if self.is_bound:
            type_code = next(
                (
                    str(form["static_value"].data or "").strip()
                    for form in self.forms
                    if form.instance.field == Field.TYPE_CODE and form.fields
                ),
                None,
            )
            for form in self.forms:
                # Saves a query a row, and lets a new tenant be checked.
                form.instance.tenant = self.instance
                form.instance.type_code = type_code
        super().full_clean()
