"""The Connect tab in the admin: a tenant with its connections, settings, mappings.

`TenantAdmin` is not registered here: `sync.admin` extends it with runs and Execute and
registers that, because this app knows nothing of syncing.
"""

from connector.admin import people
from connector.admin.tenant import TenantAdmin

__all__ = ["TenantAdmin", "people"]
