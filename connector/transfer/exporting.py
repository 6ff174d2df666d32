"""A tenant as JSON: its shape, a contract with scripts outside, and writing it.

Secrets leave as the name of an environment variable only. Reading is
`connector.transfer.importing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import models

from connector.contacts import addresses_in
from connector.models import Field, FieldMapping, Tenant
from connector.models.mapping import OPTION_FILTERS


@dataclass(frozen=True)
class Key:
    """One key of the JSON: the model's attribute, its type, and what else holds."""

    attribute: str
    type: type
    is_secret: bool = False
    is_required: bool = False


PEX_KEYS = {
    "base_url": Key("base_url", str, is_required=True),
    "token": Key("token", str, is_secret=True, is_required=True),
}
CMIC_KEYS = {
    "base_url": Key("base_url", str, is_required=True),
    "auth": Key("auth", str),
    "client_id": Key("client_id", str),
    "username": Key("username", str),
    "password": Key("password", str, is_secret=True),
    "token_url": Key("token_url", str),
    "oauth_client_id": Key("oauth_client_id", str),
    "oauth_client_secret": Key("oauth_client_secret", str, is_secret=True),
    "scope": Key("scope", str),
    "upload_encoding": Key("upload_encoding", str),
    "flysheets": Key("flysheets", dict),
}
TRANSACTION_KEYS = {
    "start_date": Key("start_date", date),
    "end_date": Key("end_date", date),
    "company_code": Key("company_code", str, is_required=True),
    "ap_invoice_location.source_uuid": Key("source_uuid", str, is_required=True),
    "ap_invoice_location.document_type_uuid": Key(
        "document_type_uuid", str, is_required=True
    ),
    "vendor_code": Key("vendor_code", str, is_required=True),
    "approved_only": Key("approved_only", bool),
    "attachments_only": Key("attachments_only", bool),
    "unusable_receipts": Key("unusable_receipts", str),
    "invoice_date": Key("invoice_date", str),
    "refunds": Key("refunds", str),
    "after_lost_answer": Key("after_lost_answer", str),
    "max_file_bytes": Key("max_file_bytes", int),
}
MAPPING_KEYS = {
    "static": Key("static_value", str),
    "tag": Key("tag", str),
    "default": Key("default_value", str),
    "sync_options": Key("sync_options", bool),
    "label": Key("label", str),
    "only_statuses": Key("only_statuses", str),
    "only_prefixes": Key("only_prefixes", str),
    "excluded_codes": Key("excluded_codes", str),
}
SWITCHES = ("auto_sync", "dependent_options")


def export_tenant(tenant: Tenant) -> dict[str, Any]:
    """The JSON that `import_tenant` reads, with secrets as environment names."""
    prefix = tenant.slug.upper().replace("-", "_")
    contacts = addresses_in(tenant.alert_contacts)
    rows = tenant.mappings_by_field()
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "pex": export_part(tenant.pex, PEX_KEYS, f"{prefix}_PEX"),
        "cmic": export_part(tenant.cmic, CMIC_KEYS, f"{prefix}_CMIC"),
        "transactions": export_part(tenant.transactions, TRANSACTION_KEYS, prefix),
        "mappings": {
            field: export_mapping(rows[field])
            for field in Field.values
            if field in rows
        },
        **{switch: getattr(tenant, switch) for switch in SWITCHES},
        **({"alert_contacts": contacts} if contacts else {}),
    }


def export_mapping(mapping: FieldMapping, *, is_whole: bool = False) -> dict[str, Any]:
    """`is_whole` tells of filters that are not set, too."""
    if mapping.tag:
        filters = {name: getattr(mapping, name) for name in OPTION_FILTERS}
        return {
            "tag": mapping.tag,
            "default": mapping.default_value or None,
            "sync_options": mapping.sync_options,
            "label": mapping.label,
            **{name: kept for name, kept in filters.items() if kept or is_whole},
        }
    return {"static": mapping.static_value or None}


def export_part(
    row: models.Model, keys: Mapping[str, Key], prefix: str
) -> dict[str, Any]:
    """These values of the row; `prefix` begins the names of its secrets."""
    part: dict[str, Any] = {}
    for key, rule in keys.items():
        value = getattr(row, rule.attribute)
        if rule.is_secret:
            if not value:
                continue
            value = {"env": f"{prefix}_{key.upper()}"}
        elif isinstance(value, date):
            value = value.isoformat()
        outer, _, inner = key.partition(".")
        if inner:
            part.setdefault(outer, {})[inner] = value
        else:
            part[outer] = value
    return part
