"""CMiC's reference data in the cache: whole, current, and never half lost."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from connector.clients import cmic_client
from connector.cmic.types import CodeKind
from connector.codes import refresh_all, refresh_kind, refresh_stale
from connector.exceptions import ConnectorError
from connector.models import CmicCode, CodeRefresh
from tests.simulators.contractor import build_contractor

pytestmark = pytest.mark.django_db

CONTRACTOR = build_contractor()


def known(kind, **conditions):
    return CmicCode.objects.filter(kind=kind, **conditions)


def test_the_command_reads_everything_and_counts_it(tenant, cmic):
    out = StringIO()
    call_command("refresh_codes", "acme", "--json", stdout=out)
    counts = json.loads(out.getvalue())
    assert counts["company"] == 2
    assert counts["vendor"] == 12
    assert counts["job"] == 25
    assert counts["source"] == 1
    assert known(
        "job", code="017401", is_active=True, name="Main Street Garage"
    ).exists()
    assert known("job", code="016210", is_active=False).exists()
    assert known("component", parent="TRK-014").exists()


def test_a_category_knows_its_cost_code_and_its_job(tenant, cmic):
    refresh_kind(tenant, cmic_client(tenant), CodeKind.CATEGORY, "001")
    row = known("category", grandparent="017401", parent="02.100", code="4000").get()
    assert row.is_active


def test_what_vanished_is_inactive_and_what_comes_back_is_active(tenant, cmic):
    client = cmic_client(tenant)
    refresh_kind(tenant, client, CodeKind.VENDOR, "001")
    cmic.remove_code("vendor", "FERG01")
    refresh_kind(tenant, client, CodeKind.VENDOR, "001")
    assert not known("vendor", code="FERG01").get().is_active
    assert known("vendor", code="PEX01").get().is_active


def test_a_refresh_that_fails_leaves_the_old_data_whole(tenant, cmic):
    client = cmic_client(tenant)
    refresh_kind(tenant, client, CodeKind.JOB, "001")
    cmic.faults.set("server_error", match="jcjob")
    with pytest.raises(ConnectorError):
        refresh_kind(tenant, client, CodeKind.JOB, "001")
    assert known("job", is_active=True).count() == 23


def test_fresh_kinds_are_not_asked_again(tenant, cmic):
    client = cmic_client(tenant)
    kinds = (CodeKind.JOB, CodeKind.COST_CODE)
    assert refresh_stale(tenant, client, kinds) == []
    cmic.clear_calls()
    assert refresh_stale(tenant, client, kinds) == []
    assert cmic.calls == []


def test_a_module_that_may_not_be_seen_is_told_and_not_checked(tenant, cmic):
    cmic.faults.set("forbidden", module="jc")
    (sentence,) = refresh_stale(tenant, cmic_client(tenant), (CodeKind.JOB,))
    assert "job list" in sentence
    assert not CodeRefresh.objects.filter(kind="job").exists()


def test_one_missing_module_does_not_stop_the_others(tenant, cmic):
    cmic.faults.set("forbidden", module="em")
    counts = refresh_all(tenant, cmic_client(tenant))
    assert "job" in counts
    assert "equipment" not in counts


def test_the_command_says_in_words_that_cmic_does_not_answer(tenant, cmic):
    cmic.faults.set("unauthorised")
    with pytest.raises(CommandError, match="could not be read") as raised:
        call_command("refresh_codes", "acme")
    assert raised.value.returncode == 1
    with pytest.raises(CommandError, match="no tenant “nobody”"):
        call_command("refresh_codes", "nobody")


def test_another_company_s_codes_are_not_this_one_s(tenant, cmic):
    refresh_kind(tenant, cmic_client(tenant), CodeKind.VENDOR, "001")
    state = CmicCode.objects.state_of(
        tenant.pk, CodeKind.VENDOR, "CEMEX1", company="001"
    )
    assert state == CmicCode.State.UNKNOWN
