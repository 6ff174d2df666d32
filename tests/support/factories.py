"""A tenant whose ends are the simulators, made the way that scripts make one.

An import validates each of its rows, which takes 129 queries. So each process imports
once for the same settings and copies those rows from then on; that both leave the same
is a test of its own.
"""

from __future__ import annotations

import json
from copy import copy, deepcopy
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from connector.api.wire.addresses import Reach
from connector.models import (
    CmicConnection,
    CredentialsChange,
    FieldMapping,
    PexConnection,
    Tenant,
    TransactionSettings,
)
from connector.transfer.importing import import_tenant

# For clients that are made without a tenant: any name, and the simulators.
ANYWHERE = Reach(("*",), allow_loopback=True)
PEX_TOKEN = "sandbox-token"
CMIC_PASSWORD = "sandbox-password"

_Rows = dict[Any, list[Any]]
# What a tenant has, and of which of it there is a history.
_PARTS = (
    PexConnection,
    CmicConnection,
    TransactionSettings,
    FieldMapping,
    CredentialsChange,
)
_RECORDED: tuple[Any, ...] = (Tenant, TransactionSettings, FieldMapping)
# The rows that an import left, by the settings that it was given.
_imported: dict[str, _Rows] = {}


def tenant_data(pex_url: str, cmic_url: str, **transactions: Any) -> dict[str, Any]:
    """The JSON of the demo tenant; `transactions` replaces some of its settings."""
    return {
        "slug": "acme",
        "name": "Acme Construction",
        "pex": {"base_url": pex_url, "token": PEX_TOKEN},
        "cmic": {
            "base_url": cmic_url,
            "auth": "basic",
            "client_id": "ACME",
            "username": "APIUSER",
            "password": CMIC_PASSWORD,
        },
        "transactions": {
            "start_date": None,
            "end_date": None,
            "company_code": "001",
            "ap_invoice_location": {
                "source_uuid": "0AC3DE23133C61F0E063AF811DAC5CAD",
                "document_type_uuid": "ADC78973BD751170E053508010AC2DB4",
            },
            "vendor_code": "PEX01",
            "approved_only": False,
            "attachments_only": False,
            "invoice_date": "transaction",
            "refunds": "hold",
            "after_lost_answer": "ask",
            **transactions,
        },
        "mappings": {
            "group_code": {"static": "PEX"},
            "valid_flag": {"static": "Y"},
            "type_code": {"static": "J"},
            "job_dept_eqp": {"tag": "Job/Dept/Eqp.", "default": "017401"},
            "cost_code_account_category": {
                "tag": "Cost Code/Account/Category",
                "default": "02.100",
            },
            "cost_type_tran_code": {"static": "4000"},
        },
        "auto_sync": False,
    }


def make_tenant(
    pex_url: str = "http://127.0.0.1:9",
    cmic_url: str = "http://127.0.0.1:9/cmictest",
    **transactions: Any,
) -> Tenant:
    """The tenant as imported; if there is one already, it is imported into that one."""
    data = tenant_data(pex_url, cmic_url, **transactions)
    key = json.dumps(transactions, default=str)
    is_new = not Tenant.objects.filter(slug=data["slug"]).exists()
    if is_new and key in _imported:
        return _copy(_imported[key], pex_url, cmic_url)
    tenant, _ = import_tenant(data, {})
    if is_new:
        _imported[key] = _rows_of(tenant)
    return tenant


def _rows_of(tenant: Tenant) -> _Rows:
    found: _Rows = {Tenant: [Tenant.objects.get(pk=tenant.pk)]}
    for part in _PARTS:
        found[part] = list(part._base_manager.filter(tenant=tenant).order_by("pk"))
    for model in _RECORDED:
        key = "id" if model is Tenant else "tenant_id"
        records = model.history.filter(**{key: tenant.pk})
        found[model.history.model] = list(records.order_by("history_id"))
    return found


@transaction.atomic
def _copy(rows: _Rows, pex_url: str, cmic_url: str) -> Tenant:
    copies = {model: [_renewed(row) for row in found] for model, found in rows.items()}
    [tenant], [pex], [cmic] = (
        copies[model] for model in (Tenant, PexConnection, CmicConnection)
    )
    pex.base_url, cmic.base_url = pex_url, cmic_url
    Tenant.objects.bulk_create([tenant])
    for part in _PARTS:
        for row in copies[part]:
            row.tenant = tenant
        part._base_manager.bulk_create(copies[part])
    for model in _RECORDED:
        records = copies[model.history.model]
        for row, record in zip(copies[model], records, strict=True):
            record.id = row.pk
            if model is not Tenant:
                record.tenant_id = tenant.pk
        model.history.model._base_manager.bulk_create(records)
    return tenant  # type: ignore[no-any-return]


def _renewed(row: Any) -> Any:
    """The row as a new one of this moment; its numbers are still to come."""
    renewed = copy(row)
    renewed._state = copy(row._state)
    renewed._state.adding, renewed._state.fields_cache = True, {}
    renewed.pk = None
    now = timezone.now()
    for name, value in vars(row).items():
        if isinstance(value, datetime):
            setattr(renewed, name, now)
        elif isinstance(value, (dict, list)):
            # What a test changes in place must not be in the next one's tenant.
            setattr(renewed, name, deepcopy(value))
    return renewed
