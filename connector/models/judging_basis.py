"""What the coding and sending of a tenant's purchases hangs on, as one fingerprint.

A purchase is judged with settings that a person may change before it is sent; the two
fingerprints tell. The database computes it of the columns themselves, so that a change
is seen however it was written.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, models

from connector.models.connections import CmicConnection, PexConnection
from connector.models.mapping import FieldMapping, TagMeaning
from connector.models.settings import TransactionSettings

# Of each table, the fields that change which purchases are sent, as what, or where to.
MATTERS: dict[type[models.Model], tuple[str, ...]] = {
    TransactionSettings: (
        "company_code",
        "source_uuid",
        "document_type_uuid",
        "vendor_code",
        "approved_only",
        "attachments_only",
        "unusable_receipts",
        "invoice_date",
        "refunds",
        "max_file_bytes",
    ),
    PexConnection: ("base_url", "business_id"),
    CmicConnection: (
        "base_url",
        "auth",
        "client_id",
        "username",
        "token_url",
        "oauth_client_id",
        "scope",
        "upload_encoding",
        "flysheets",
    ),
    FieldMapping: ("field", "static_value", "tag", "default_value"),
    TagMeaning: ("company", "kind", "value", "code", "transaction_id"),
}


def basis_of(tenant_id: int) -> str:
    """The fingerprint of the tenant's settings as they are now; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, [tenant_id] * len(MATTERS))
        (fingerprint,) = cursor.fetchone()
    return str(fingerprint)


def _rows(model: type[models.Model], names: tuple[str, ...]) -> str:
    """SQL for the model's rows of one tenant as JSON, in an order of their own."""
    meta: Any = model._meta
    columns = ", ".join(meta.get_field(name).column for name in names)
    # Names of the models' own, none of a person's.
    return (
        f"(SELECT jsonb_agg(jsonb_build_array({columns}) ORDER BY {columns}) "  # noqa: S608
        f"FROM {meta.db_table} WHERE tenant_id = %s)"
    )


_STATEMENT = (
    "SELECT md5(jsonb_build_array("
    + ", ".join(_rows(model, names) for model, names in MATTERS.items())
    + ")::text)"
)
