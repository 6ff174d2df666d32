"""A list of options that PEX refuses: what goes is written, and on record."""

from __future__ import annotations

import pytest

from connector.api.exceptions import AuthenticationError, RateLimitError
from connector.models import Tenant
from sync.engine.judging.context import RunContext
from sync.engine.run.requesting import request_run
from sync.engine.tags.sync import sync_before_purchases
from sync.models import SyncRun, TagSync
from tests.simulators.pex.answers.errors import RefusalError
from tests.simulators.pex.tags import JOB
from tests.simulators.server import ConnectionDroppedError
from tests.support.tags import follow, listed, sync, writes

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")
BAD = {"26.002", "26.003", "26.017"}


@pytest.fixture
def tenant(tenant, pex, cmic):
    """Twenty new jobs, and PEX takes the names of three of them not."""
    tenant = follow(tenant, JOB)
    sync(tenant)
    for number in range(1, 21):
        code = f"26.{number:03d}"
        cmic.books.open_job(code, f"Tower {number}", like="017401")
        if code in BAD:
            cmic.books.change_job(code, name=f"Tower | {number}")
    pex.tag_book.refused = "|"
    pex.clear_calls()
    return tenant


def new_ones(pex):
    return {value for value in listed(pex) if value.startswith("26.")}


def after(pex, count, act):
    """Have `act` stand in for PEX's answer once so many lists were kept."""
    replace, kept = pex.tag_book.replace, []

    def replaced(tag_id, key, draft):
        if len(kept) >= count:
            return act(lambda: replace(tag_id, key, draft))
        found = replace(tag_id, key, draft)
        kept.append(1)
        return found

    pex.tag_book.replace = replaced
    return lambda: setattr(pex.tag_book, "replace", replace)


def last():
    return TagSync.objects.latest("pk")


def test_each_refused_option_is_found_and_named_and_all_others_are_written(tenant, pex):
    (row,) = sync(tenant)
    assert new_ones(pex) == {f"26.{n:03d}" for n in range(1, 21)} - BAD
    assert (row.state, row.added) == (TagSync.State.FAILED, 17)
    assert row.message == (
        "17 added. PEX refused 3 options: “Tower | 2” (26.002): The options are not "
        "valid; “Tower | 3” (26.003): The options are not valid; “Tower | 17” "
        "(26.017): The options are not valid. Everything else was written. Change "
        "their names in CMiC, or leave the code out in the field mapping."
    )
    assert [each[0] for each in row.difference["refused"]] == sorted(BAD)
    assert "left" not in row.difference
    assert len(writes(pex)) < 25


def test_the_next_sync_writes_what_is_new_at_once(tenant, pex, cmic):
    sync(tenant)
    cmic.books.open_job("26.101", "Harbor", like="017401")
    cmic.books.open_job("26.102", "Bridge", like="017401")
    pex.clear_calls()
    (row,) = sync(tenant)
    assert row.added == 2
    assert [call.status for call in writes(pex)] == [400, 200, 400, 400, 400]
    assert "PEX refused 3 options" in row.message
    pex.tag_book.refused = ""
    (row,) = sync(tenant)
    assert (row.state, row.added) == (TagSync.State.SUCCEEDED, 3)


def test_a_list_that_is_refused_even_unchanged_blames_no_option(tenant, pex):
    pex.tag_book.refused = "M"
    before = listed(pex)
    (row,) = sync(tenant)
    assert listed(pex) == before
    assert "PEX refuses the list of this tag even unchanged" in row.message
    assert "20 changes could not be written." in row.message
    assert len(writes(pex)) < 10
    assert "refused" not in row.difference


def test_what_went_before_an_outage_is_on_record_and_so_is_what_did_not(tenant, pex):
    def broken(keep):
        raise RefusalError(500, "down")

    mend = after(pex, 2, broken)
    (row,) = sync(tenant)
    there = new_ones(pex)
    assert row.state == TagSync.State.FAILED
    assert 0 < len(there) < 17
    assert {each[0] for each in row.difference["added"]} == there
    assert row.added == len(there)
    left = {each[0] for each in row.difference["left"]}
    refused = {each[0] for each in row.difference.get("refused", ())}
    assert there | left | refused == {f"26.{n:03d}" for n in range(1, 21)}
    assert row.message.startswith(f"PEX answered 500: down. {len(there)} added. PEX")
    assert "changes may not be written, PEX did not say;" in row.message
    mend()
    assert sync(tenant)[0].added == 17 - len(there)


def test_a_lost_answer_in_between_is_read_and_sent_again(tenant, pex):
    def lost(keep):
        keep()
        mend()
        raise ConnectionDroppedError

    mend = after(pex, 1, lost)
    (row,) = sync(tenant)
    assert row.added == 17
    assert "Everything else was written." in row.message


def test_a_lost_answer_to_the_whole_list_is_on_record_as_written(tenant, pex):
    pex.tag_book.refused = ""

    def lost(keep):
        keep()
        raise ConnectionDroppedError

    after(pex, 0, lost)
    (row,) = sync(tenant)
    assert (row.state, row.added) == (TagSync.State.SUCCEEDED, 20)


def test_dead_credentials_in_between_end_it_with_a_whole_record(tenant, pex):
    def dead(keep):
        raise RefusalError(401, "Token does not exist or is expired")

    after(pex, 2, dead)
    with pytest.raises(AuthenticationError):
        sync(tenant)
    assert last().added == len(new_ones(pex)) > 0
    assert last().difference["left"]


def test_our_own_limit_in_between_keeps_the_record_and_the_run_goes_on_later(
    tenant, pex
):
    run, _ = request_run(tenant, SyncRun.Trigger.MANUAL)
    limit = [RateLimitError("Too many calls just now.", system="PEX")]

    def heartbeat():
        if limit and len(new_ones(pex)) > 4:
            raise limit.pop()

    with pytest.raises(RateLimitError):
        sync_before_purchases(RunContext(run, heartbeat))
    first = last()
    assert first.added == len(new_ones(pex)) > 4
    assert first.difference["left"]
    sync_before_purchases(RunContext(run, lambda: None))
    assert new_ones(pex) == {f"26.{n:03d}" for n in range(1, 21)} - BAD
    assert [row.added for row in run.tag_syncs.order_by("pk")] == [
        first.added,
        17 - first.added,
    ]
    pex.clear_calls()
    assert sync_before_purchases(RunContext(run, lambda: None)) == []
    assert pex.calls == []


def test_whoever_dies_in_between_leaves_what_went_on_record(tenant, pex):
    class DiedError(Exception):
        pass

    run, _ = request_run(tenant, SyncRun.Trigger.MANUAL)

    died = []

    def heartbeat():
        if last().run and last().added and last().pk not in died:
            died.append(last().pk)
            raise DiedError

    with pytest.raises(DiedError):
        sync_before_purchases(RunContext(run, heartbeat))
    assert last().state == TagSync.State.RUNNING
    went = new_ones(pex)
    with pytest.raises(DiedError):
        # Another process, which closes the record and dies as well.
        sync_before_purchases(RunContext(run, heartbeat))
    first = run.tag_syncs.earliest("pk")
    assert first.added == len(went)
    assert "was stopped" in first.message
    sync_before_purchases(RunContext(run, lambda: None))
    assert [row.state for row in run.tag_syncs.all()] == [TagSync.State.FAILED] * 3
    assert new_ones(pex) == {f"26.{n:03d}" for n in range(1, 21)} - BAD


def test_the_page_lists_what_was_refused(tenant, pex, admin_client):
    sync(tenant)
    page = admin_client.get(f"/admin/connector/tenant/{tenant.pk}/tags/sync/")
    assert "Refused by PEX" in page.content.decode()
    assert Tenant.objects.get().tag_syncs.count() == 2


def test_what_was_put_into_the_tag_is_known_though_an_option_is_always_refused(
    tenant, pex
):
    TagSync.objects.all().delete()
    assert sync(tenant)[0].state == TagSync.State.FAILED
    tenant.mappings.filter(field="type_code").update(static_value="G")
    (row,) = sync(tenant)
    assert (row.state, row.held > 17) == (TagSync.State.WAITING, True)
