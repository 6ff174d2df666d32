"""A tenant with what all work for it needs: clients, rules, and a heartbeat.

Everything is made when first asked for, and once. A lane makes a context a slice, and a
slice is short (`sync.engine.run.lanes`), so that changed settings and credentials are
met within a second or so, and yet no purchase costs the reading of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

from connector import clock
from connector.api.cmic.client import CmicClient
from connector.api.cmic.flysheets import Layout
from connector.api.cmic.types import Location
from connector.api.pex.client import PexClient
from connector.api.pex.types import Tag
from connector.clock import lease_time
from connector.connections.clients import cmic_client, pex_client
from connector.connections.probing import check_pex
from connector.models import Tenant
from connector.models.judging_basis import basis_of
from sync.engine.judging.rules import invoice_rules
from sync.models import PurchaseSync, SyncRun
from sync.rules.invoicing import InvoiceRules

_BEATS_A_LEASE = 10


class TenantContext:
    """A tenant with its rules and clients; for one thread at a time.

    `heartbeat` is called between steps that may be long; what it raises ends the work.
    `seconds` are the longest to wait for one answer. Clients and rules raise
    `SettingsIncompleteError` where something is missing.
    """

    run: SyncRun | None = None
    # PEX's tag definitions, once they were asked for.
    tags: list[Tag] | None = None

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
        self._alive_at = time.monotonic()

    @cached_property
    def pex(self) -> PexClient:
        client = pex_client(self.tenant, self._seconds)
        client.before_reading = self.stay_alive
        return client

    @cached_property
    def cmic(self) -> CmicClient:
        client = cmic_client(self.tenant, self._seconds)
        client.before_reading = self.stay_alive
        return client

    def stay_alive(self) -> None:
        """A heartbeat, if the last is not recent: called before everything that is
        read, so that a list of any length keeps its worker alive."""
        moment = time.monotonic()
        if moment - self._alive_at > lease_time().total_seconds() / _BEATS_A_LEASE:
            self._alive_at = moment
            self.show_life()

    def show_life(self) -> None:
        """A heartbeat now, of all that whoever has the context holds."""
        self.heartbeat()

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
    and raises `RunLostError` once others do.

    `basis` is the fingerprint of the settings that the context has; `in_hand` the
    purchase that is worked on, whose lease is renewed along with the heartbeat.
    """

    run: SyncRun
    in_hand: PurchaseSync | None = None

    def __init__(
        self, run: SyncRun, heartbeat: Callable[[], None] | None = None
    ) -> None:
        # One reading of the settings for whoever has the context or only the run.
        whole = Tenant.objects.select_related("pex", "cmic", "transactions")
        self.basis = ""
        # Until no change has come between the two.
        while self.basis != (basis := basis_of(run.tenant_id)):
            self.basis = basis
            run.tenant = whole.prefetch_related("mappings").get(pk=run.tenant_id)
        super().__init__(run.tenant, heartbeat or (lambda: run.beat(clock.now())))
        self.run = run

    def show_life(self) -> None:
        super().show_life()
        if self.in_hand is not None and self.in_hand.claimed_by is not None:
            self.in_hand.renew()
