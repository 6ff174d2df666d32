"""The Sync tab in the admin: Execute, runs, and purchases with their reasons.

Also registers the tenant: `sync.admin.tenant` adds runs and Execute to the class of
`connector.admin`, so that the Connect tab needs to know nothing of this one.
"""

from sync.admin.alerts import AlertAdmin
from sync.admin.previews import PreviewAdmin
from sync.admin.purchase.list import PurchaseSyncAdmin
from sync.admin.run.list import SyncRunAdmin
from sync.admin.tenant.tenant import SyncTenantAdmin

__all__ = [
    "AlertAdmin",
    "PreviewAdmin",
    "PurchaseSyncAdmin",
    "SyncRunAdmin",
    "SyncTenantAdmin",
]
