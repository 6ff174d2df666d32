"""Many tenants on one worker: nobody waits for longer than the own calls need.

All tenants share one CMiC, where each has a vendor of its own; its books say in which
order invoices came in.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from decimal import Decimal

import pytest
from django.utils import timezone

from connector.models import Tenant
from sync import tasks
from sync.engine.run.requesting import request_run
from sync.models import SyncRun
from tests.simulators.cmic import CmicSimulator
from tests.simulators.contractor import Vendor, build_contractor
from tests.simulators.pex import PexSimulator
from tests.support.factories import make_tenant
from tests.support.worker import running_worker

pytestmark = pytest.mark.django_db(transaction=True)

JOB = "017401"
AMOUNT = Decimal("5.00")
LONGEST_RUN = 90  # seconds
THREADS = 16
# Of 20,000: what four lanes send while another tenant's run begins, works and ends.
A_FEW = 250


@pytest.fixture
def contractor():
    """With one job only, so that reading the codes is cheap, and a vendor for each."""
    contractor = build_contractor()
    for codes in (contractor.jobs, contractor.phases, contractor.categories):
        codes[:] = [
            each for each in codes if JOB in (each.code, getattr(each, "job", ""))
        ]
    contractor.vendors += [
        Vendor("001", vendor_of(number), f"Cards of {number}") for number in range(50)
    ]
    return contractor


@pytest.fixture
def cmic(contractor):
    simulator = CmicSimulator(contractor)
    with simulator.serve() as server:
        simulator.url = server.base_url
        yield simulator


@pytest.fixture
def customers(contractor, cmic):
    """Makes customers, each with a PEX of its own on a socket of its own."""
    model = make_tenant(cmic_url=cmic.url)
    with ExitStack() as servers:

        def make(number, purchases):
            pex = PexSimulator.empty(contractor=contractor)
            for _ in range(purchases):
                pex.add_purchase(amount=AMOUNT)
            server = servers.enter_context(pex.serve())
            return Customer(pex, copied(model, number, server.url))

        yield make


def vendor_of(number):
    return f"CARD{number:02}"


def copied(model, number, pex_url):
    """A tenant like the model, with a PEX and a vendor of its own."""
    tenant = Tenant.objects.create(slug=f"customer-{number}", name=f"Customer {number}")
    pex, cmic, settings = model.pex, model.cmic, model.transactions
    pex.base_url, settings.vendor_code = pex_url, vendor_of(number)
    for part in (pex, cmic, settings, *model.mappings.all()):
        part.pk, part.tenant, part._state.adding = None, tenant, True
        part.save()
    model.refresh_from_db()
    return tenant


class Customer:
    """One tenant with its PEX and its last run."""

    def __init__(self, pex, tenant):
        self.pex = pex
        self.tenant = tenant
        self.run = None

    def start(self, trigger=SyncRun.Trigger.MANUAL):
        # Read anew: a worker may have filled in what was learnt of the connections.
        tenant = Tenant.objects.get(pk=self.tenant.pk)
        self.run, step = request_run(tenant, trigger)
        tasks.send_on_commit(step)

    def listed_at(self):
        """When PEX was asked for the purchases; None before that."""
        listings = (each.started for each in self.pex.calls if "AllCard" in each.path)
        return next(listings, None)


def wait_for(condition):
    deadline = time.monotonic() + LONGEST_RUN
    while not condition():
        active = SyncRun.objects.active().values("tenant__slug", "status", "message")
        assert time.monotonic() < deadline, list(active)
        time.sleep(0.05)


def wait_until_ended(*customers):
    runs = SyncRun.objects.filter(pk__in=[each.run.pk for each in customers])
    wait_for(lambda: not runs.active().exists())
    assert {run.status for run in runs} == {"succeeded"}


def run_of(customer):
    customer.start()
    wait_until_ended(customer)


def vendors_in_order(cmic):
    return [invoice.vendor for invoice in cmic.invoices()]


def test_fifty_tenants_progress_side_by_side(customers, cmic):
    crowd = [customers(number, purchases=10) for number in range(50)]
    for customer in crowd:
        customer.start(SyncRun.Trigger.AUTO)
    # A slice of a lane is a second: ten purchases are three rounds of all the lanes.
    cmic.latency = 0.25
    with running_worker(concurrency=THREADS, SYNC_LANES="1"):
        wait_until_ended(*crowd)
    order = vendors_in_order(cmic)
    assert Counter(order) == Counter({vendor_of(each): 10 for each in range(50)})
    firsts = [order.index(vendor) for vendor in set(order)]
    lasts = [len(order) - 1 - order[::-1].index(vendor) for vendor in set(order)]
    # Before anybody's last purchase went in, everybody's first one was in.
    assert max(firsts) < min(lasts)


def test_a_person_does_not_wait_behind_the_nights_runs(customers):
    threads = 4
    crowd = [customers(number, purchases=1) for number in range(16)]
    urgent = customers(16, purchases=3)
    for customer in crowd:
        customer.start(SyncRun.Trigger.AUTO)
    for customer in crowd[:threads]:
        customer.pex.hold("listing")
    with running_worker(concurrency=threads):
        for customer in crowd[:threads]:
            customer.pex.wait_until_held("listing")
        # Every thread is at work, and twelve messages came before this one.
        urgent.start()
        for customer in crowd[:threads]:
            customer.pex.release("listing")
        wait_until_ended(urgent)
        ended_before = SyncRun.objects.filter(trigger="auto", status="succeeded")
        assert ended_before.count() < len(crowd) / 2
        wait_until_ended(*crowd)
    began_before = [each for each in crowd if each.listed_at() < urgent.listed_at()]
    # What a thread takes next comes from the two queues in turn.
    assert len(began_before) <= 2 * threads


def test_twenty_thousand_purchases_hold_up_nobody_elses_ten(customers, cmic):
    """In purchases of the big one, because a busy machine is slow for both."""
    big = customers(0, purchases=20_000)
    first, second, third = (customers(each, purchases=10) for each in range(1, 4))

    def sent_by_big():
        return vendors_in_order(cmic).count(vendor_of(0))

    # PEX's list of 20,000 takes a busy machine a while.
    with running_worker(concurrency=THREADS, HTTP_TIMEOUT="40", LEASE_SECONDS="90"):
        run_of(first)  # a worker's first run takes longer than any other
        big.start()
        wait_for(big.listed_at)
        run_of(second)
        assert sent_by_big() == 0
        wait_for(sent_by_big)
        before = sent_by_big()
        run_of(third)
        assert sent_by_big() - before < A_FEW
        big.run.refresh_from_db()
        assert big.run.status == "running"
        # Its lanes end with it, so that the worker can stop.
        big.run.end(SyncRun.State.STOPPED, timezone.now(), counts={})
