"""Settings and mappings of one tenant, copied to another. Never credentials.

What is copied goes through `connector.transfer.importing`, which says what is wrong
with it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from connector.contacts import addresses_in
from connector.history import in_words
from connector.models import Field, FieldMapping, Tenant, TransactionSettings
from connector.transfer.exporting import TRANSACTION_KEYS, export_mapping, export_part
from connector.transfer.importing import import_tenant

# Codes are of one CMiC company; another customer's has others.
_CODES = {
    "company_code",
    "ap_invoice_location.source_uuid",
    "ap_invoice_location.document_type_uuid",
    "vendor_code",
}


@dataclass(frozen=True)
class Replacement:
    """One value that would change; `path` is where the JSON of a tenant has it."""

    path: str
    title: str
    before: str
    after: str
    is_code: bool


def replacements(source: Tenant, target: Tenant) -> list[Replacement]:
    """What copying everything would change."""
    return [
        *_settings(source, target),
        *_mappings(source, target),
        *_contacts(source, target),
    ]


def copy(source: Tenant, target: Tenant, paths: Collection[str]) -> None:
    """Copy the values at these paths, all or none.

    Raises `ImportRefusedError` with the paths that the target cannot take.
    """
    keys = {
        key: rule
        for key, rule in TRANSACTION_KEYS.items()
        if f"transactions.{key}" in paths
    }
    settings = export_part(source.transactions, keys, "") if keys else {}
    mappings = {
        mapping.field: export_mapping(mapping, is_whole=True)
        for mapping in source.mappings.all()
        if f"mappings.{mapping.field}" in paths
    }
    data: dict[str, Any] = {
        "slug": target.slug,
        "transactions": settings,
        "mappings": mappings,
    }
    if "alert_contacts" in paths:
        data["alert_contacts"] = addresses_in(source.alert_contacts)
    import_tenant(data, None)


def _contacts(source: Tenant, target: Tenant) -> list[Replacement]:
    """Another customer's people, so treated as codes are."""
    if source.alert_contacts == target.alert_contacts:
        return []
    column = Tenant._meta.get_field("alert_contacts")
    before, after = target.alert_contacts, source.alert_contacts
    words = in_words(column, before), in_words(column, after)
    return [Replacement("alert_contacts", "Alerts go to", *words, is_code=True)]


def _settings(source: Tenant, target: Tenant) -> list[Replacement]:
    theirs = source.transactions_or_none
    ours = target.transactions_or_none or TransactionSettings()
    if theirs is None:
        return []
    found = []
    for key, rule in TRANSACTION_KEYS.items():
        column = TransactionSettings._meta.get_field(rule.attribute)
        before, after = (getattr(row, rule.attribute) for row in (ours, theirs))
        if before != after:
            found.append(
                Replacement(
                    f"transactions.{key}",
                    f"Transaction settings, {column.verbose_name}",  # type: ignore[union-attr]
                    in_words(column, before),
                    in_words(column, after),
                    key in _CODES,
                )
            )
    return found


def _mappings(source: Tenant, target: Tenant) -> list[Replacement]:
    theirs, ours = source.mappings_by_field(), target.mappings_by_field()
    found = []
    for name in Field:
        if name not in theirs:
            continue
        row = theirs[name]
        mine = ours.get(name) or FieldMapping(field=name)
        if export_mapping(mine) != export_mapping(row):
            found.append(
                Replacement(
                    f"mappings.{name}",
                    f"Mapping of {name.label}",
                    _mapping_words(mine),
                    _mapping_words(row),
                    is_code=False,
                )
            )
    return found


def _mapping_words(row: FieldMapping) -> str:
    if not row.tag:
        return row.static_value or "empty"
    default = f", else {row.default_value}" if row.default_value else ""
    synced = f", synced as {row.get_label_display()}" if row.sync_options else ""
    return f"tag {row.tag}{default}{synced}{row.filter_words(', ')}"
