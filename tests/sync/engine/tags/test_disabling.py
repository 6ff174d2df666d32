"""A short list that a person believes: disabled is what they were shown, or nothing."""

from __future__ import annotations

import pytest
from django.urls import reverse

from connector.models import CmicCode
from sync.engine.judging.context import TenantContext
from sync.engine.tags.sync import read_lists
from sync.models import TagSync
from tests.connector.admin.test_tenant import said
from tests.simulators.pex.tags import JOB, Option
from tests.simulators.server import ConnectionDroppedError
from tests.support.rows import remove_for_good
from tests.support.tags import follow, listed, sync, writes

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")
CLOSED = "017401"


@pytest.fixture
def tenant(tenant, pex, cmic):
    """One job was closed and is disabled; then CMiC shows none any more."""
    tenant = follow(tenant, JOB)
    sync(tenant)
    cmic.close_job(CLOSED)
    sync(tenant)
    jobs = [each.code for each in cmic.books.contractor.jobs]
    remove_for_good(cmic, "job", jobs)
    read_lists(TenantContext(tenant))
    pex.clear_calls()
    return tenant


@pytest.fixture
def answer(admin_client, tenant):
    """Says yes to what was shown just now; what the page says then."""
    page = reverse("admin:connector_tenant_sync_tags", args=[tenant.pk])
    ask = {"act": "ask", "field": "job_dept_eqp"}
    seen = admin_client.post(page, ask).context["asked"].seen
    yes = {"act": "disable", "field": "job_dept_eqp", "seen": seen}
    return lambda: said(admin_client.post(page, yes, follow=True))


def enable_again(pex):
    """Somebody does so by hand in PEX."""
    tag = pex.tag_book.named(JOB)
    (old,) = [each for each in tag.options if each.value == CLOSED]
    pex.tag_book.change_option(tag.id, Option(old.name, CLOSED, old.order, True))


def enabled(pex):
    return {value for value, (_, is_on) in listed(pex).items() if is_on}


def test_what_was_shown_is_disabled(answer, pex):
    before = enabled(pex)
    assert "22 disabled." in answer()
    assert len(before - enabled(pex)) == 22


def test_nothing_is_where_one_more_would_be(answer, pex):
    enable_again(pex)
    before = enabled(pex)
    assert "Nothing was disabled" in answer()
    assert (enabled(pex), writes(pex)) == (before, [])
    assert TagSync.objects.count() == 2


def test_nothing_is_where_the_list_came_back(tenant, answer, pex):
    CmicCode.objects.filter(tenant=tenant, kind="job").update(is_active=True)
    CmicCode.objects.filter(code="017402").update(is_active=False)
    before = listed(pex)
    assert "Nothing was disabled" in answer()
    assert (listed(pex), writes(pex)) == (before, [])


def test_nothing_is_where_the_tag_follows_cmic_no_more(tenant, answer, pex):
    tenant.mappings.update(sync_options=False)
    assert "Nothing was disabled" in answer()
    assert writes(pex) == []


def test_nothing_is_where_somebody_enables_one_more_while_it_is_written(answer, pex):
    replace = pex.tag_book.replace

    def interrupted(tag_id, key, draft):
        pex.tag_book.replace = replace
        enable_again(pex)
        return replace(tag_id, key, draft)

    pex.tag_book.replace = interrupted
    before = enabled(pex)
    assert "Nothing was disabled" in answer()
    assert enabled(pex) == before | {CLOSED}
    assert [call.status for call in writes(pex)] == [409]
    assert TagSync.objects.count() == 2


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_answer_that_was_lost_is_no_reason_to_ask_again(answer, pex, is_kept):
    replace = pex.tag_book.replace

    def lost(tag_id, key, draft):
        pex.tag_book.replace = replace
        if is_kept:
            replace(tag_id, key, draft)
        raise ConnectionDroppedError

    pex.tag_book.replace = lost
    before = enabled(pex)
    assert "22 disabled." in answer()
    assert len(before - enabled(pex)) == 22


def test_a_lost_answer_and_one_more_stays_on_record(answer, pex):
    replace = pex.tag_book.replace

    def lost(tag_id, key, draft):
        pex.tag_book.replace = replace
        replace(tag_id, key, draft)
        enable_again(pex)
        raise ConnectionDroppedError

    pex.tag_book.replace = lost
    assert "What would be disabled has changed meanwhile." in answer()
    row = TagSync.objects.latest("pk")
    assert row.state == TagSync.State.FAILED
    assert "22 changes may not be written, PEX did not say;" in row.message
