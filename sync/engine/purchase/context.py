"""What a worker needs of a run to bring its purchases further, read once a slice.

A slice is short (`sync.engine.run.lanes`), so that changed settings and credentials are
met within a second or so, and yet no purchase costs the reading of them.
"""

from __future__ import annotations

from functools import cached_property

from connector.api.cmic.client import CmicClient
from connector.api.cmic.flysheets import Layout
from connector.api.cmic.types import Location
from connector.api.pex.client import PexClient
from connector.connections.clients import cmic_client, pex_client
from connector.models import Tenant, TransactionSettings
from sync.engine.judging.rules import invoice_rules, location
from sync.models import SyncRun
from sync.rules.invoicing import InvoiceRules


class RunContext:
    """A run with its tenant's rules and clients; for one thread at a time.

    Clients and rules raise `SettingsIncompleteError` where something is missing.
    """

    def __init__(self, run: SyncRun) -> None:
        self.run = run
        self.tenant: Tenant = SyncRun.objects.with_settings().get(pk=run.pk).tenant

    @property
    def settings(self) -> TransactionSettings:
        return self.tenant.transactions

    @cached_property
    def pex(self) -> PexClient:
        return pex_client(self.tenant)

    @cached_property
    def cmic(self) -> CmicClient:
        return cmic_client(self.tenant)

    @cached_property
    def invoice_rules(self) -> InvoiceRules:
        return invoice_rules(self.tenant)

    @cached_property
    def layout(self) -> Layout:
        return self.tenant.cmic.layout()

    @cached_property
    def location(self) -> Location:
        return location(self.tenant)
