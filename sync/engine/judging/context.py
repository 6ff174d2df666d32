"""A tenant with what all work for it needs: clients, rules, and a heartbeat.

Everything is made when first asked for, and once. A lane makes a context a slice, and a
slice is short (`sync.engine.run.lanes`), so that changed settings and credentials are
met within a second or so, and yet no purchase costs the reading of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from django.utils import timezone

from connector.api.cmic.client import CmicClient
from connector.api.cmic.flysheets import Layout
from connector.api.cmic.types import Location
from connector.api.pex.client import PexClient
from connector.connections.clients import cmic_client, pex_client
from connector.connections.probing import check_pex
from connector.models import Tenant
from sync.engine.judging.rules import invoice_rules
from sync.models import SyncRun
from sync.rules.invoicing import InvoiceRules


class TenantContext:
    """A tenant with its rules and clients; for one thread at a time.

    `heartbeat` is called between steps that may be long; what it raises ends the work.
    `seconds` are the longest to wait for one answer. Clients and rules raise
    `SettingsIncompleteError` where something is missing.
    """

    run: SyncRun | None = None

    def __init__(
        self,
        tenant: Tenant,
        heartbeat: Callable[[], None] = lambda: None,
        *,
        seconds: float | None = None,
    ) -> None:
        self.tenant = tenant
        self.heartbeat = heartbeat
        self._seconds = seconds

    @cached_property
    def pex(self) -> PexClient:
        return pex_client(self.tenant, self._seconds)

    @cached_property
    def cmic(self) -> CmicClient:
        return cmic_client(self.tenant, self._seconds)

    @cached_property
    def invoice_rules(self) -> InvoiceRules:
        return invoice_rules(self.tenant)

    @cached_property
    def layout(self) -> Layout:
        return self.tenant.cmic.layout()

    @cached_property
    def location(self) -> Location:
        chosen = self.tenant.transactions
        return Location(chosen.source_uuid, chosen.document_type_uuid)

    def check_token(self) -> None:
        """Ask PEX whose token it is, which may renew it (F1): as `check_pex`."""
        check_pex(self.tenant)
        # The client may have the old one.
        vars(self).pop("pex", None)


class RunContext(TenantContext):
    """A run with its tenant as it is now. `heartbeat` shows that the run is worked on,
    and raises `RunLostError` once others do."""

    run: SyncRun

    def __init__(
        self, run: SyncRun, heartbeat: Callable[[], None] | None = None
    ) -> None:
        # One reading of the settings for whoever has the context or only the run.
        whole = Tenant.objects.select_related("pex", "cmic", "transactions")
        run.tenant = whole.get(pk=run.tenant_id)
        super().__init__(run.tenant, heartbeat or (lambda: run.beat(timezone.now())))
        self.run = run
