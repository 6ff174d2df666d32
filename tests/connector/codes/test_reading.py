"""CMiC's reference data in the cache: whole, current, and never half lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from werkzeug import Response

from connector.api.cmic.types import CodeKind
from connector.api.exceptions import ConnectorError
from connector.codes.reading import refresh_all, refresh_stale
from connector.connections.clients import cmic_client
from connector.models import CmicCode, CodeRefresh
from tests.simulators.contractor import Job, Vendor, build_contractor
from tests.simulators.large import add_jobs
from tests.support.database_clock import database_clock

pytestmark = pytest.mark.django_db

CONTRACTOR = build_contractor()


def known(kind, **conditions):
    return CmicCode.objects.filter(kind=kind, **conditions)


def read(tenant, *kinds):
    """As if what was read before were older than a day."""
    CodeRefresh.objects.update(refreshed_at=timezone.now() - timedelta(days=2))
    return refresh_stale(tenant, cmic_client(tenant), kinds)


def rows_of(kind):
    """All that the cache says of a kind."""
    return sorted(known(kind).values_list("pk", "code", "name", "is_active"))


def fail_page(cmic, number):
    """The so-many-th page of the next list is a server's fault, asked twice or not."""
    listed = count(1)

    def answer(request):
        if next(listed) >= number:
            return Response("Bad Gateway", 502)
        return handle(request)

    handle, cmic.handle = cmic.handle, answer


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
    read(tenant, CodeKind.CATEGORY)
    row = known("category", grandparent="017401", parent="02.100", code="4000").get()
    assert row.is_active


class TestWhatAListLacks:
    """One list that lacks a code closes nothing: it may have moved, or been cut."""

    def test_two_readings_an_hour_apart_close_it(self, tenant, cmic):
        read(tenant, CodeKind.VENDOR)
        before = rows_of("vendor")
        cmic.remove_code("vendor", "FERG01")
        (remark,) = read(tenant, CodeKind.VENDOR)
        assert "vendor list has 11 codes. 1 known code is missing from it." in remark
        assert rows_of("vendor") == before
        with database_clock(timezone.now() + timedelta(minutes=59)):
            read(tenant, CodeKind.VENDOR)
        assert rows_of("vendor") == before
        with database_clock(timezone.now() + timedelta(minutes=61)):
            assert read(tenant, CodeKind.VENDOR) == []
        assert not known("vendor", code="FERG01").get().is_active
        assert known("vendor", code="PEX01").get().is_active
        cmic.reset()
        read(tenant, CodeKind.VENDOR)
        assert rows_of("vendor") == before

    def test_what_is_back_in_between_begins_anew(self, tenant, cmic):
        read(tenant, CodeKind.VENDOR)
        before = rows_of("vendor")
        for minutes in (0, 90):
            with database_clock(timezone.now() + timedelta(minutes=minutes)):
                cmic.remove_code("vendor", "FERG01")
                read(tenant, CodeKind.VENDOR)
                cmic.reset()
                read(tenant, CodeKind.VENDOR)
        assert rows_of("vendor") == before
        assert not known("vendor", missing_since__isnull=False).exists()

    def test_what_cmic_itself_says_is_believed_at_once(self, tenant, cmic):
        read(tenant, CodeKind.JOB)
        cmic.close_job("017402")
        assert read(tenant, CodeKind.JOB) == []
        assert not known("job", code="017402").get().is_active

    def test_a_list_that_lost_more_than_a_tenth_says_how_many_it_had(
        self, tenant, cmic
    ):
        read(tenant, CodeKind.JOB)
        for code in known("job", is_active=True).values_list("code", flat=True)[:3]:
            cmic.remove_code("job", code)
        (remark,) = read(tenant, CodeKind.JOB)
        assert "job list has 22 codes; the previous reading had 25" in remark
        assert "3 known codes are missing" in remark

    def test_half_a_list_closes_nothing_until_a_person_believes_it(self, tenant, cmic):
        read(tenant, CodeKind.JOB)
        before = rows_of("job")
        cmic.faults.set("last_page", match="jcjob", limit=4, rows=8)
        for hours in (0, 2):
            with database_clock(timezone.now() + timedelta(hours=hours)):
                (remark,) = read(tenant, CodeKind.JOB)
            assert "job list has 8 codes; the previous reading had 25" in remark
            assert "Sync tab" in remark
        assert rows_of("job") == before
        (short,) = CodeRefresh.objects.doubted(tenant)
        assert (short.count, short.short_count) == (25, 8)
        assert not short.believe(9)
        assert short.believe(8)
        assert known("job", is_active=True).count() <= 8
        assert not CodeRefresh.objects.doubted(tenant).exists()
        assert read(tenant, CodeKind.JOB) == []

    def test_closed_codes_do_not_hide_that_all_open_ones_are_missing(
        self, tenant, cmic
    ):
        for number in range(40):
            job = Job("001", f"OLD{number}", "Old", "C", "10")
            cmic.books.contractor.jobs.append(job)
        read(tenant, CodeKind.JOB)
        before = rows_of("job")
        for code in known("job", is_active=True).values_list("code", flat=True):
            cmic.remove_code("job", code)
        for hours in (0, 2):
            with database_clock(timezone.now() + timedelta(hours=hours)):
                (remark,) = read(tenant, CodeKind.JOB)
            assert "No code was closed." in remark
        assert rows_of("job") == before

    def test_a_list_of_a_few_that_is_empty_is_asked_about_too(self, tenant, cmic):
        read(tenant, CodeKind.SOURCE)
        before = rows_of("source")
        assert len(before) == 1
        cmic.faults.set("last_page", match="ImgSources", rows=0)
        for hours in (0, 2):
            with database_clock(timezone.now() + timedelta(hours=hours)):
                (remark,) = read(tenant, CodeKind.SOURCE)
            assert "has 0 codes; the previous reading had 1" in remark
        assert rows_of("source") == before

    def test_a_list_that_is_whole_again_is_doubted_no_longer(self, tenant, cmic):
        read(tenant, CodeKind.JOB)
        cmic.faults.set("last_page", match="jcjob", rows=0)
        read(tenant, CodeKind.JOB)
        assert CodeRefresh.objects.doubted(tenant).exists()
        cmic.faults.clear()
        assert read(tenant, CodeKind.JOB) == []
        assert not CodeRefresh.objects.doubted(tenant).exists()

    def test_a_list_that_moves_is_read_again_from_its_start(
        self, tenant, cmic, monkeypatch
    ):
        monkeypatch.setattr("connector.api.cmic.client.PAGE_SIZE", 10)
        read(tenant, CodeKind.JOB)
        gone = known("job", is_active=True).order_by("pk").first().code
        cmic.faults.set(
            "list_changes",
            times=1,
            match="jcjob",
            door="remove_code",
            kind="job",
            code=gone,
        )
        read(tenant, CodeKind.JOB)
        assert known("job", missing_since__isnull=False).get().code == gone

    def test_a_list_that_never_holds_still_leaves_the_codes_as_they_were(
        self, tenant, cmic
    ):
        read(tenant, CodeKind.JOB)
        before = rows_of("job")
        cmic.faults.set("offset_ignored", match="jcjob")
        cmic.faults.set("last_page", match="jcjob", limit=10)
        (remark,) = read(tenant, CodeKind.JOB)
        assert "changed while it was read" in remark
        assert rows_of("job") == before


def test_rows_that_say_the_same_are_not_written_again(tenant, cmic):
    read(tenant, CodeKind.JOB)
    before = dict(known("job").values_list("code", "seen_at"))
    cmic.close_job("017402")
    read(tenant, CodeKind.JOB)
    after = dict(known("job").values_list("code", "seen_at"))
    assert [code for code in after if after[code] != before[code]] == ["017402"]


def test_of_two_rows_for_one_place_the_active_one_wins(tenant, cmic):
    (twin,) = (v for v in CONTRACTOR.vendors if v.code == "OLD01")
    cmic.books.contractor.vendors += [replace(twin, active=True), twin]
    read(tenant, CodeKind.VENDOR)
    assert known("vendor", code="OLD01").get().is_active
    assert CodeRefresh.objects.get(kind="vendor").count == 12


def test_names_may_hold_what_a_file_could_stumble_over(tenant, cmic):
    name = 'Quote " comma, \\. \\N and “café”'
    cmic.books.contractor.vendors.append(Vendor("001", "ODD,1", name))
    cmic.books.contractor.vendors.append(Vendor("001", 'ODD"2', ""))
    read(tenant, CodeKind.VENDOR)
    assert known("vendor", code="ODD,1").get().name == name
    assert known("vendor", code='ODD"2').get().name == ""


def test_a_code_that_is_longer_than_any_of_cmic_s_is_left_out(tenant, cmic):
    cmic.books.contractor.vendors.append(Vendor("001", "V" * 65, "Too long"))
    read(tenant, CodeKind.VENDOR)
    assert CodeRefresh.objects.get(kind="vendor").count == 12


def test_a_list_that_breaks_off_changes_nothing(tenant, cmic, monkeypatch):
    read(tenant, CodeKind.JOB)
    before = rows_of("job")
    cmic.close_job("017402")
    cmic.remove_code("job", "24.018")
    cmic.books.contractor.jobs.insert(0, Job("001", "NEW", "New", "I", "10"))
    monkeypatch.setattr("connector.api.cmic.client.PAGE_SIZE", 10)
    fail_page(cmic, 2)
    (remark,) = read(tenant, CodeKind.JOB)
    assert "did not give its job list" in remark
    assert rows_of("job") == before


def test_a_refresh_that_fails_keeps_the_lists_read_before_it_failed(tenant, cmic):
    refresh_all(tenant, cmic_client(tenant))
    cmic.remove_code("vendor", "FERG01")
    cmic.remove_code("job", "24.018")
    cmic.faults.set("server_error", match="jcjob")
    with pytest.raises(ConnectorError):
        refresh_all(tenant, cmic_client(tenant))
    assert known("vendor", code="FERG01").get().missing_since
    assert not known("job", missing_since__isnull=False).exists()


def test_another_company_s_codes_stay_as_they_are(tenant, cmic):
    read(tenant, CodeKind.JOB)
    before = rows_of("job")
    tenant.transactions.company_code = "002"
    read(tenant, CodeKind.JOB)
    ours = known("job", company="001")
    assert sorted(ours.values_list("pk", "code", "name", "is_active")) == before
    assert set(known("job", company="002").values_list("code", flat=True)) == {
        "017401",
        "C-100",
    }


def test_a_thousand_rows_are_one_call_and_no_call_follows_the_end(tenant, cmic):
    add_jobs(cmic.books.contractor, 100, 2_500)
    read(tenant, CodeKind.CATEGORY)
    rows = CodeRefresh.objects.get(kind="category").count
    assert rows > 2_500
    assert len(cmic.calls) == -(-rows // 1000)
    assert known("category").count() == rows


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
    read(tenant, CodeKind.VENDOR)
    state = CmicCode.objects.state_of(
        tenant.pk, CodeKind.VENDOR, "CEMEX1", company="001"
    )
    assert state == CmicCode.State.UNKNOWN
