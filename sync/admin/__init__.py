"""The Sync tab in the admin: Execute, runs, and purchases with their reasons.

Also registers the tenant: `sync.admin.tenant` adds runs and Execute to the class of
`connector.admin`, so that the Connect tab needs to know nothing of this one.
"""

from sync.admin import alerts, previews, purchases, runs, tenant

__all__ = ["alerts", "previews", "purchases", "runs", "tenant"]
