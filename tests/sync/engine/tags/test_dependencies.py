"""Dependent options (F9): a job shows its cost codes, and those their cost types."""

from __future__ import annotations

from typing import ClassVar

import pytest

from connector.api.exceptions import RateLimitError
from connector.api.pex.dependency_types import Dependency, OptionRule
from connector.models import Tenant
from sync.engine.judging.context import RunContext
from sync.engine.run.requesting import request_run
from sync.engine.tags.sync import sync_before_purchases
from sync.models import SyncRun, TagSync
from sync.rules.tag_dependencies import is_same, obstacle, rules_for
from tests.simulators.pex.answers.asking import Body
from tests.simulators.pex.answers.errors import RefusalError
from tests.simulators.pex.tags import (
    CATEGORY,
    CATEGORY_ID,
    JOB,
    JOB_ID,
    PHASE,
    PHASE_ID,
)
from tests.support.rows import remove_for_good
from tests.support.tags import follow, sync, writes

OURS, THEIRS = {"Name": "CMiC"}, {"Name": "Aplos"}


def rule(triggers, allowed):
    return OptionRule(tuple(triggers), tuple(allowed))


class TestRules:
    PAIRS = [("1", "a"), ("2", "b"), ("2", "a"), ("3", "a"), ("9", "a"), ("3", "z")]
    PARENTS = {"1": "1", "2": "2", "3": "three"}
    CHILDREN = {"a": "A", "b": "b"}

    def test_parents_that_allow_the_same_share_a_rule(self):
        assert rules_for(self.PAIRS, self.PARENTS, self.CHILDREN) == (
            rule(["1", "three"], ["A"]),
            rule(["2"], ["A", "b"]),
        )

    def test_the_order_does_not_matter(self):
        turned = rules_for(self.PAIRS[::-1], self.PARENTS, self.CHILDREN)
        assert turned == rules_for(self.PAIRS, self.PARENTS, self.CHILDREN)
        there = Dependency("d", "c", "p", rules=turned[::-1])
        assert is_same(there, turned)
        assert not is_same(there, turned[:1])

    @pytest.mark.parametrize(
        ("there", "said"),
        [
            ([("c", "x")], "is filtered by “X” already"),
            ([(f"c{n}", "p") for n in range(10)], "PEX takes 10 tag filters"),
            ([("p", "q"), ("q", "r")], "chains of 3 tags"),
            ([("d", "c"), ("e", "d")], "chains of 3 tags"),
            ([("p", "q")], ""),
            ([("p", "c")], "chains of 3 tags"),
        ],
    )
    def test_a_limit_is_told_before_it_is_met(self, there, said):
        filters = [Dependency("", child, parent) for child, parent in there]
        found = obstacle("c", "p", filters, {"c": "C", "p": "P", "x": "X"})
        assert said in found
        assert bool(said) == bool(found)


@pytest.fixture
def tenant(tenant, no_http_inside_transactions):
    """Jobs and cost codes follow CMiC, cost types are a tag too."""
    tenant = follow(tenant, JOB, PHASE)
    tenant.mappings.filter(field="cost_type_tran_code").update(
        static_value="", tag=CATEGORY, default_value="4000"
    )
    Tenant.objects.update(dependent_options=True)
    return Tenant.objects.get()


def filter_rows(rows):
    return [row for row in rows if row.what == TagSync.What.FILTER]


def allowed(pex, child, parent_value):
    (found,) = pex.dependencies.of_child(child)
    for each in found["Rules"]:
        if parent_value in each["Condition"]["TriggerOptions"]:
            return set(each["AllowedOptions"])
    return None


def make(pex, child, parent, source):
    body = {"DependsOnTagId": parent, "Rules": [], "Source": source}
    return pex.dependencies.create(child, Body.of(body))


def test_both_filters_are_made_kept_and_not_written_when_nothing_differs(
    tenant, pex, cmic
):
    rows = filter_rows(sync(tenant))
    assert [row.state for row in rows] == [TagSync.State.SUCCEEDED] * 2
    # The example job of CMiC has these open; one phase is inactive there.
    assert allowed(pex, PHASE_ID, "017401") == {
        "02.100", "03.200", "03.300", "06.100", "15.400",
    }  # fmt: skip
    assert "4000" in allowed(pex, CATEGORY_ID, "02.100")
    assert pex.dependencies.all()[0]["Source"] == OURS
    pex.clear_calls()
    rows = filter_rows(sync(tenant))
    assert "is as it should be" in rows[0].message
    assert writes(pex) == []

    cmic.deactivate("phase", "06.100", job="017401")
    sync(tenant)
    assert "06.100" not in allowed(pex, PHASE_ID, "017401")
    methods = [call.method for call in writes(pex) if "dependencies" in call.path]
    assert methods == ["PUT"]

    jobs = [each.code for each in cmic.books.contractor.jobs]
    remove_for_good(cmic, "job", jobs)
    rows = filter_rows(sync(tenant))
    assert "it stays as it is" in rows[0].message
    assert allowed(pex, PHASE_ID, "017401") is not None


def test_filters_of_others_are_never_touched(tenant, pex):
    theirs = make(pex, PHASE_ID, CATEGORY_ID, THEIRS)
    rows = filter_rows(sync(tenant))
    assert "is filtered by “Cost Type/Tran Code” already" in rows[0].message
    assert "chains of 3 tags" in rows[1].message
    assert pex.dependencies.all() == [theirs]


def test_one_of_ours_by_another_tag_is_replaced(tenant, pex):
    make(pex, PHASE_ID, CATEGORY_ID, OURS)
    sync(tenant)
    (found,) = pex.dependencies.of_child(PHASE_ID)
    assert found["DependsOnTagId"] == JOB_ID


def test_switched_off_in_pex_or_here(tenant, pex, admin_client):
    pex.faults.set("dependencies_off")
    (row,) = filter_rows(sync(tenant))
    assert row.state == TagSync.State.FAILED
    page = admin_client.get(f"/admin/connector/tenant/{tenant.pk}/tags/sync/")
    assert "switched off for this business" in page.content.decode()
    Tenant.objects.update(dependent_options=False)
    assert filter_rows(sync(tenant)) == []
    assert pex.dependencies.all() == []


def test_what_we_made_is_taken_away_when_the_switch_goes_off(tenant, pex):
    sync(tenant)
    (theirs,) = pex.dependencies.of_child(CATEGORY_ID)
    theirs["Source"] = THEIRS
    Tenant.objects.update(dependent_options=False)
    rows = filter_rows(sync(tenant))
    assert "was taken away" in rows[0].message
    assert pex.dependencies.all() == [theirs]
    assert filter_rows(sync(tenant)) == []


class DiedError(Exception):
    pass


class TestOnceARun:
    """Whatever happens between two filters, each is done once."""

    @pytest.fixture
    def run(self, tenant):
        return request_run(tenant, SyncRun.Trigger.MANUAL)[0]

    def filters_of(self, run):
        rows = run.tag_syncs.filter(what=TagSync.What.FILTER).order_by("pk")
        return [(row.field, row.state) for row in rows]

    def break_once_made(self, pex, count, error):
        """Raises once, as soon as PEX has so many filters."""
        errors = [error]

        def heartbeat():
            if errors and len(pex.dependencies.all()) >= count:
                raise errors.pop()

        return heartbeat

    BOTH: ClassVar = [
        ("cost_code_account_category", "succeeded"),
        ("cost_type_tran_code", "succeeded"),
    ]

    def test_a_run_that_died_between_two_goes_on_with_the_second(
        self, tenant, pex, run
    ):
        with pytest.raises(DiedError):
            sync_before_purchases(
                RunContext(run, self.break_once_made(pex, 1, DiedError()))
            )
        assert len(pex.dependencies.all()) == 1
        sync_before_purchases(RunContext(run, lambda: None))
        assert len(pex.dependencies.all()) == 2
        made = [row for row in self.filters_of(run) if row[1] == "succeeded"]
        assert made == self.BOTH
        pex.clear_calls()
        sync_before_purchases(RunContext(run, lambda: None))
        assert pex.calls == []

    def test_our_own_limit_between_two_keeps_the_record_of_the_first(
        self, tenant, pex, run
    ):
        limit = RateLimitError("Too many calls just now.", system="PEX")
        with pytest.raises(RateLimitError):
            sync_before_purchases(RunContext(run, self.break_once_made(pex, 1, limit)))
        assert self.filters_of(run) == self.BOTH[:1]
        sync_before_purchases(RunContext(run, lambda: None))
        assert self.filters_of(run) == self.BOTH

    def test_trouble_with_the_first_does_not_stop_the_second(self, tenant, pex, run):
        create = pex.dependencies.create

        def refused(child, body):
            if child == PHASE_ID:
                raise RefusalError(500, "down")
            return create(child, body)

        pex.dependencies.create = refused
        sync_before_purchases(RunContext(run, lambda: None))
        assert [state for _, state in self.filters_of(run)] == ["failed", "succeeded"]
        assert pex.dependencies.all() == pex.dependencies.of_child(CATEGORY_ID) != []

    def test_who_died_taking_them_away_goes_on(self, tenant, pex, run):
        sync(tenant)
        Tenant.objects.update(dependent_options=False)
        run = SyncRun.objects.get(pk=run.pk)

        errors = [DiedError()]

        def heartbeat():
            if errors and len(pex.dependencies.all()) < 2:
                raise errors.pop()

        with pytest.raises(DiedError):
            sync_before_purchases(RunContext(run, heartbeat))
        sync_before_purchases(RunContext(run, lambda: None))
        assert pex.dependencies.all() == []
        assert len(self.filters_of(run)) == 2
