"""What a person sets up for one customer, and what CMiC and PEX said about it."""

from connector.models.access import RoleGrant, TenantAccess
from connector.models.codes import CmicCode, CodeRefresh
from connector.models.connections import CmicConnection, PexConnection
from connector.models.history import CredentialsChange, Deed
from connector.models.invoice_fields import Field
from connector.models.mapping import FieldMapping, TagMeaning
from connector.models.recorded import PersonName
from connector.models.refresh import RefreshState
from connector.models.settings import TransactionSettings
from connector.models.tenant import Tenant

__all__ = [
    "CmicCode",
    "CmicConnection",
    "CodeRefresh",
    "CredentialsChange",
    "Deed",
    "Field",
    "FieldMapping",
    "PersonName",
    "PexConnection",
    "RefreshState",
    "RoleGrant",
    "TagMeaning",
    "Tenant",
    "TenantAccess",
    "TransactionSettings",
]
