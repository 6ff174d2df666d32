"""A tenant as its page shows it: settings and mappings that nobody has saved yet.

Reads the inputs with the forms that would save them, and saves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.forms import inlineformset_factory
from django.forms.utils import ErrorDict

from connector.admin.forms.mappings import FieldMappingForm, FieldMappingFormSet
from connector.admin.forms.settings import TransactionSettingsForm
from connector.models import FieldMapping, Tenant, TransactionSettings

SETTINGS_PREFIX, MAPPINGS_PREFIX = "transactions", "mappings"

_MappingFormSet: Any = inlineformset_factory(
    Tenant,
    FieldMapping,
    form=FieldMappingForm,
    formset=FieldMappingFormSet,
    extra=0,
    can_delete=False,
)


@dataclass(frozen=True)
class Draft:
    """`tenant` has the entered settings and mappings where they make sense, and what
    is stored where they do not; `problems` are sentences about those."""

    tenant: Tenant
    settings: TransactionSettingsForm
    mappings: FieldMappingFormSet
    problems: tuple[str, ...]


def read_draft(tenant_id: int, data: Mapping[str, Any]) -> Draft:
    """Raises `Tenant.DoesNotExist`."""
    tenant = Tenant.objects.select_related("pex", "cmic", "transactions").get(
        pk=tenant_id
    )
    stored = tenant.transactions_or_none or TransactionSettings(tenant=tenant)
    settings = TransactionSettingsForm(
        data, instance=stored, prefix=f"{SETTINGS_PREFIX}-0"
    )
    settings.is_valid()
    tenant.transactions = settings.instance
    mappings = _MappingFormSet(data=data, instance=tenant, prefix=MAPPINGS_PREFIX)
    mappings.is_valid()
    rows = [form.instance for form in mappings.forms]
    tenant._prefetched_objects_cache = {"mappings": rows}  # type: ignore[attr-defined]
    errors: list[ErrorDict] = [settings.errors, *mappings.errors]
    problems = [
        str(sentence)
        for each in errors
        for sentences in each.values()
        for sentence in sentences
    ]
    return Draft(tenant, settings, mappings, tuple(dict.fromkeys(problems)))
