"""The history behind the demo: a state of each kind, and nothing that is due."""

from __future__ import annotations

from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.connections.probing import check_cmic, check_pex
from connector.models import Tenant
from connector.transfer.importing import import_tenant
from sync.admin.dashboard.chart import chart_of
from sync.admin.tenant.tenant_states import STATES, states_of
from sync.engine.run.recovery import due_tenants
from sync.engine.upkeep.refreshes import due_refreshes
from sync.models import PurchaseSync, SyncRun
from tests.demo import history
from tests.demo.past import DAYS
from tests.support.factories import tenant_data


def test_the_history_shows_every_state_and_leaves_nothing_to_do(tenant, pex, cmic):
    check_pex(tenant)
    check_cmic(tenant)
    refresh_all(tenant, cmic_client(tenant))
    base = tenant_data(pex.url, cmic.url)
    history.write(
        tenant,
        lambda changes: import_tenant({**base, **changes}, {})[0],
        pex.tokens.issue,
    )
    customers = Tenant.objects.exclude(pk=tenant.pk)
    assert set(states_of(customers).values()) == set(STATES)
    days = [sum(numbers) for _, numbers in chart_of(None).days]
    assert sum(count > 0 for count in days) >= DAYS - 1
    assert due_tenants() == [] == due_refreshes()
    assert not SyncRun.objects.active().exists()
    assert not PurchaseSync.objects.filter(tenant__in=customers).unfinished().exists()
