"""The forms of the six mapping rows, in their order: a static value, or a tag with a
default.

What a value may be is said by the model; these forms decide what is shown and kept.
How a row reads is `connector.admin.forms.mapping_words`.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import reverse
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from connector.admin.forms.mapping_words import Rows, Words, mapping_words, tag_mark
from connector.admin.forms.widgets import CodeSelect, TagSelect
from connector.codes.choices import find, shelf_of
from connector.models import Field, FieldMapping, Tenant
from connector.models.codes import CodeState
from connector.models.invoice_fields import STATIC_ONLY
from connector.models.mapping import OPTION_FILTERS

STATIC, TAG = "static", "tag"
# Columns of values, and what is said where none is chosen.
_VALUES = {"static_value": "Choose a value", "default_value": "No default"}
_TAG_COLUMNS = ("tag", "default_value", "sync_options", "label", *OPTION_FILTERS)
_EXAMPLES = {
    "only_statuses": "such as I, P",
    "only_prefixes": "such as 24., 25.",
    "excluded_codes": "codes with commas",
}
_FEW_VALUES: dict[str, list[tuple[str, str]]] = {
    Field.VALID_FLAG: [("Y", "Y – yes"), ("N", "N – no")],
    Field.TYPE_CODE: [
        ("J", "J – job"),
        ("G", "G – department"),
        ("E", "E – equipment"),
    ],
}


class FieldMappingForm(forms.ModelForm):  # type: ignore[type-arg]
    """One of the six rows; `field` is the row it stands for while it is not saved.

    `source` says which half of the row counts; the other half is emptied. `rows` are
    all six as the page has them now: the rows above decide what there is to choose.
    """

    source = forms.ChoiceField(
        choices=[(TAG, "PEX tag"), (STATIC, "Static value")],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    rows: Rows | None = None

    class Meta:
        model = FieldMapping
        fields = ("static_value", *_TAG_COLUMNS)

    def __init__(
        self,
        *args: Any,
        tenant: Tenant | None = None,
        field: Field | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if tenant is not None:
            # Saves a query a row, and lets the rows of a new tenant be checked.
            self.instance.tenant = tenant
        if self.instance.pk is None and field is not None:
            self.instance.field = field
        if "static_value" not in self.fields:
            # Of somebody who may only look: the row is told in words.
            self.fields.clear()
            return
        self.is_static_only = self.instance.field in STATIC_ONLY
        if self.is_static_only:
            for name in ("source", *_TAG_COLUMNS):
                self.fields[name].disabled = True
        else:
            self._offer_tags()
        self._offer_values()

    def _offer_tags(self) -> None:
        self.initial["source"] = STATIC if self.instance.static_value else TAG
        self.fields["label"].required = False
        self.fields["sync_options"].widget = UnfoldBooleanSwitchWidget()
        for name, example in _EXAMPLES.items():
            self.fields[name].widget = UnfoldAdminTextInputWidget(
                {"placeholder": example}
            )
        self.fields["tag"].widget = TagSelect(
            self._tag_names(),
            lambda name: tag_mark(self.instance.tenant, name),
            {"data-placeholder": "Choose a tag"},
        )

    def _offer_values(self) -> None:
        if self.instance.field in _FEW_VALUES:
            self.fields["static_value"] = forms.ChoiceField(
                label="Static value",
                choices=[("", "Select value"), *_FEW_VALUES[self.instance.field]],
                required=False,
                widget=UnfoldAdminSelectWidget(),
            )
            return
        for name, hint in _VALUES.items():
            self.fields[name].widget = self._select(name, hint)

    @property
    def title(self) -> str:
        return str(self.instance.get_field_display())

    @property
    def is_of_jobs(self) -> bool:
        """Only a job has a status."""
        return bool(self.instance.field == Field.JOB_DEPT_EQP)

    @property
    def has_filter(self) -> bool:
        return bool(self.instance.filter_words())

    @property
    def words(self) -> Words:
        return mapping_words(self.instance, self._rows())

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        source = self.cleaned_data.get("source")
        if source == STATIC:
            self.cleaned_data |= {"tag": "", "default_value": "", "sync_options": False}
            self.cleaned_data |= dict.fromkeys(OPTION_FILTERS, "")
        elif source == TAG:
            self.cleaned_data["static_value"] = ""
        if not self.cleaned_data.get("label"):
            self.cleaned_data["label"] = FieldMapping.Label.NAME
        return cleaned

    def has_changed(self) -> bool:
        return self.instance.pk is None or super().has_changed()

    def _post_clean(self) -> None:
        """What was chosen when CMiC or PEX still had it stays until it is changed: the
        row says so, and the sync which purchases it blocks. Another Type Code is a
        change of every value below it."""
        super()._post_clean()  # type: ignore[misc]
        if self.rows is not None and self.rows.is_type_changed:
            return
        for name in {"tag", *_VALUES} - set(self.changed_data):
            if self.instance.pk is not None:
                self.errors.pop(name, None)

    def _rows(self) -> Rows:
        return self.rows or Rows.of(self.instance.tenant, [self.instance])

    def _tag_names(self) -> list[str]:
        pex = self.instance.tenant.pex_or_none if self._has_tenant() else None
        types = pex.tag_types() if pex is not None else {}
        return [name for name, kind in types.items() if kind == "dropdown"]

    def _has_tenant(self) -> bool:
        return self.instance.tenant_id is not None

    def _select(self, name: str, hint: str) -> CodeSelect:
        field = str(self.instance.field)
        attrs = {"data-name": field, "data-placeholder": hint}
        if name == "static_value":
            attrs["data-only"] = "yes"
        if self._has_tenant() and field:
            attrs["data-choices"] = reverse(
                "admin:connector_tenant_choices", args=[self.instance.tenant_id, field]
            )
        return CodeSelect(self._describe, attrs)

    def _describe(self, code: str) -> tuple[CodeState, str]:
        rows = self._rows()
        shelf = shelf_of(str(self.instance.field), rows.above)
        if shelf is None or not self._has_tenant():
            return CodeState.UNCHECKED, ""
        return find(self.instance.tenant_id, shelf, code)


class FieldMappingFormSet(PaginationInlineFormSet):
    """Always the six rows, stored or not. Their order is the caller's query's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = {row.field for row in self.get_queryset()}
        self.missing = [field for field in Field if field not in stored]
        if not self.is_bound:
            self._share_rows()

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs(index)
        kwargs["tenant"] = self.instance
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
            self._share_rows()
            for form in self.forms:
                form.instance.type_code = type_code
                if type_code is not None and form.rows is not None:
                    form.rows.type_code = type_code
        super().full_clean()

    def _share_rows(self) -> None:
        """Every row knows the others."""
        rows = Rows.of(self.instance, [form.instance for form in self.forms])
        for form in self.forms:
            form.rows = rows
