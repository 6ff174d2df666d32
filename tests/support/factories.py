"""A tenant whose ends are the simulators, made the way that scripts make one."""

from __future__ import annotations

from typing import Any

from connector.models import Tenant
from connector.transfer.importing import import_tenant

PEX_TOKEN = "sandbox-token"
CMIC_PASSWORD = "sandbox-password"


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
    tenant, _ = import_tenant(tenant_data(pex_url, cmic_url, **transactions), {})
    return tenant
