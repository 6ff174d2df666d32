"""The *Sync tags* page: the difference first, then a POST, and a person's word."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from connector.roles import Role
from sync.models import TagSync
from tests.connector.admin.test_tenant import said
from tests.simulators.pex.tags import JOB, PHASE
from tests.support.people import add_staff
from tests.support.rows import remove_for_good
from tests.support.tags import follow, listed, sync, writes

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


@pytest.fixture
def tenant(tenant):
    tenant = follow(tenant, JOB)
    sync(tenant)
    return tenant


@pytest.fixture
def page(tenant):
    return reverse("admin:connector_tenant_sync_tags", args=[tenant.pk])


def test_the_difference_is_shown_and_written_only_by_the_button(
    admin_client, tenant, page, pex, cmic
):
    cmic.books.open_job("26.001", "Harbor <b>Tower</b>", like="017401")
    cmic.books.change_job("017401", name="City Garage")
    before = listed(pex)
    body = admin_client.get(page).content.decode()
    assert "Nothing to change." in body

    answer = admin_client.post(page, {"act": "read"}, follow=True)
    body = answer.content.decode()
    assert "1 added, 1 renamed. 25 stay as they are." in body
    assert "Harbor &lt;b&gt;Tower&lt;/b&gt;" in body
    assert "City Garage" in body
    assert listed(pex) == before

    answer = admin_client.post(page, {"act": "apply"}, follow=True)
    assert "Tag “Job/Dept/Eqp.”: 1 added, 1 renamed." in said(answer)
    assert listed(pex)["26.001"] == ("Harbor <b>Tower</b>", True)
    row = TagSync.objects.latest("pk")
    assert row.started_by.get_username() == "admin"
    assert "1 added" in LogEntry.objects.latest("pk").change_message
    # Kept, with the difference.
    assert "Main Street Garage → City Garage" in admin_client.get(page).content.decode()


def test_a_short_list_is_disabled_only_after_the_question(
    admin_client, tenant, page, pex, cmic
):
    jobs = [each.code for each in cmic.books.contractor.jobs]
    remove_for_good(cmic, "job", jobs)
    admin_client.post(page, {"act": "read"})
    admin_client.post(page, {"act": "apply"})
    before = listed(pex)
    assert before["017401"][1]
    tenant_page = reverse("admin:connector_tenant_change", args=[tenant.pk])
    assert "stay enabled until a person says" in said(admin_client.get(tenant_page))

    ask = {"act": "ask", "field": "job_dept_eqp"}
    answer = admin_client.post(page, ask)
    assert "Disable 23 options of “Job/Dept/Eqp.” all the same?" in said(answer)
    assert listed(pex) == before
    seen = answer.context["asked"].seen

    yes = {"act": "disable", "field": "job_dept_eqp", "seen": seen}
    answer = admin_client.post(page, {**yes, "seen": "other"}, follow=True)
    assert "Nothing was disabled" in said(answer)
    assert listed(pex) == before
    answer = admin_client.post(page, yes, follow=True)
    assert "23 disabled." in said(answer)
    assert not listed(pex)["017401"][1]


def test_what_stands_in_the_way_is_told_on_the_page(admin_client, tenant, page, pex):
    pex.delete_tag(JOB)
    body = said(admin_client.get(page))
    assert "PEX has no tag “Job/Dept/Eqp.” any more" in body
    pex.faults.set("tags_off")
    assert "does not support the Tags Feature" in said(admin_client.get(page))
    tenant.mappings.update(sync_options=False)
    assert "No field mapping has “Sync tag” on." in said(admin_client.get(page))


def test_only_those_who_may_execute_and_see_the_tenant(client, tenant, page, pex):
    client.force_login(add_staff("vera", Role.VIEWER))
    assert client.get(page).status_code == 403
    assert client.post(page, {"act": "apply"}).status_code == 403
    client.force_login(add_staff("limited", Role.SUPPORT, tenants=[]))
    assert client.get(page).status_code == 404
    assert client.post(page, {"act": "apply"}).status_code == 404
    assert PHASE in [one.name for one in pex.tag_book.living()]
    assert len(writes(pex)) == 1
