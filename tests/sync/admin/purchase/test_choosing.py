"""*Use it*: a code for a tag's value that differs from it in zeros and separators."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connector.history import entries_of
from connector.models import TagMeaning
from connector.roles import Role
from tests.support.driver import (
    codes_of,
    drive,
    execute,
    job_of,
    prepared,
    row_of,
)
from tests.support.people import add_staff
from tests.support.rows import add_meaning, text_of

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")

JOB, PHASE = "Job/Dept/Eqp.", "Cost Code/Account/Category"
CAUSES = reverse("admin:sync_purchasesync_causes")
MEANINGS = reverse("admin:connector_tagmeaning_changelist")
CHOICE = {"kind": "job", "value": "17401", "code": "017401"}


@pytest.fixture
def support(client, tenant):
    person = add_staff("sam", Role.SUPPORT)
    client.force_login(person)
    return client


def tagged(pex, job, phase="02.100"):
    """A purchase whose tag has this value, as a text and not as one of its options."""
    number = pex.add_purchase(amount=Decimal("5.00"))
    entries = [
        {"FieldId": pex.tag_book.named(name).id, "Value": value, "Name": name}
        for name, value in ((JOB, job), (PHASE, phase))
    ]
    pex.override(number, TransactionTags={"Tags": entries})
    return number


def page(number, name="change"):
    return reverse(f"admin:sync_purchasesync_{name}", args=[row_of(number).pk])


def words_of(client, url):
    return " ".join(text_of(client, url).split())


def choose(client, number, scope, **changes):
    data = {**CHOICE, "scope": scope, **changes}
    return client.post(page(number, "use_code"), data, follow=True)


def said(answer):
    return " ".join(str(each) for each in answer.context["messages"])


def test_a_code_is_used_for_one_purchase_and_for_no_other(tenant, pex, cmic, support):
    wanted, other = tagged(pex, "17401"), tagged(pex, "17401")
    execute(tenant)
    assert codes_of(wanted) == {"value_unknown"}
    body = words_of(support, page(wanted))
    assert "“17401” differs from <strong>017401</strong>" in body
    assert "Use it for this purchase" in body
    answer = choose(support, wanted, "purchase")
    assert "“17401” means the job 017401, for this purchase" in said(answer)
    body = words_of(support, page(wanted))
    assert "sam chose 017401 for the tag value 17401, for this purchase." in body
    assert "Use it for" not in body
    execute(tenant)
    assert row_of(wanted).status == "completed"
    assert job_of(cmic, wanted) == "017401"
    assert codes_of(other) == {"value_unknown"}
    body = words_of(support, page(wanted))
    assert "chosen by sam for tag value 17401" in body
    assert "“17401” means the job 017401, for this purchase, chosen by sam" in body


def test_a_code_is_used_for_all_such_tags_and_no_longer_once_that_is_deleted(
    tenant, pex, cmic, support
):
    first, second = tagged(pex, "17401"), tagged(pex, " 17401\u00a0")
    execute(tenant)
    assert "Use it for all such tags" in words_of(support, CAUSES)
    answer = choose(support, first, "all", back="causes")
    assert answer.redirect_chain[0][0].startswith(CAUSES)
    assert "The next sync uses it" in words_of(support, CAUSES)
    execute(tenant)
    for number in (first, second):
        assert job_of(cmic, number) == "017401"
    meaning = TagMeaning.objects.get()
    assert "17401" in words_of(support, MEANINGS)
    url = reverse("admin:connector_tagmeaning_delete", args=[meaning.pk])
    support.post(url, {"post": "yes"})
    third = tagged(pex, "17401")
    execute(tenant)
    assert codes_of(third) == {"value_unknown"}
    told = [(each.by, line) for each in entries_of(tenant) for line in each.lines]
    assert ("sam", "Meaning of the tag value “17401” was deleted.") in told
    assert (
        "sam",
        "Meaning of the tag value “17401”, code in CMiC: empty → 017401",
    ) in (told)
    assert LogEntry.objects.filter(change_message__contains="017401").exists()


def test_a_cost_code_without_its_dot_is_offered_too(tenant, pex, cmic, support):
    number = tagged(pex, "017401", "2100")
    execute(tenant)
    cost_code = {"kind": "cost_code", "value": "2100", "code": "02.100"}
    choose(support, number, "purchase", **cost_code)
    execute(tenant)
    [invoice] = cmic.invoices()
    assert invoice.lines[0]["Aprid_Costaccount_Code"] == "02.100"


def test_a_choice_that_is_deleted_while_lanes_work_sends_nothing_any_more(
    tenant, pex, cmic, support
):
    number = tagged(pex, "17401")
    add_meaning(tenant)
    _, lanes = prepared(tenant)
    basis = row_of(number).judged_with
    TagMeaning.objects.all().delete()
    drive(lanes)
    assert cmic.invoices() == []
    assert codes_of(number) == {"value_unknown"}
    assert row_of(number).judged_with != basis


def test_what_cmic_has_by_now_means_itself(tenant, pex, cmic, support):
    add_meaning(tenant)
    cmic.books.open_job("17401", "Another job", like="017401")
    number = tagged(pex, "17401")
    execute(tenant)
    assert job_of(cmic, number) == "17401"


def test_a_choice_holds_in_its_company_only(tenant, pex, cmic, support):
    add_meaning(tenant, company="002")
    number = tagged(pex, "17401")
    execute(tenant)
    assert codes_of(number) == {"value_unknown"}


def test_a_default_is_put_right_in_the_mapping(tenant, pex, cmic, support):
    tenant.mappings.filter(field="job_dept_eqp").update(default_value="17401")
    number = pex.add_purchase(amount=Decimal("5.00"))
    add_meaning(tenant)
    execute(tenant)
    assert codes_of(number) == {"value_unknown"}
    assert "Use it for" not in words_of(support, page(number))


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "24.018"},
        {"value": "17402"},
        {"kind": "cost_code"},
        {"code": ""},
    ],
)
def test_nothing_but_what_is_offered_can_be_chosen(tenant, pex, cmic, support, changes):
    number = tagged(pex, "17401")
    execute(tenant)
    assert "is not what" in said(choose(support, number, "all", **changes))
    assert not TagMeaning.objects.exists()


def test_what_is_sent_already_is_left_alone(tenant, pex, cmic, support):
    number = tagged(pex, "017401")
    execute(tenant)
    assert "is not what" in said(choose(support, number, "purchase"))
    assert not TagMeaning.objects.exists()


def test_two_presses_make_one_choice(tenant, pex, cmic, support):
    number = tagged(pex, "17401")
    execute(tenant)
    for _ in range(2):
        choose(support, number, "all")
    assert TagMeaning.objects.count() == 1


class TestWhoMay:
    @pytest.fixture
    def number(self, tenant, pex, cmic):
        number = tagged(pex, "17401")
        execute(tenant)
        return number

    def test_a_viewer_is_offered_nothing_and_refused(self, client, number):
        client.force_login(add_staff("vera", Role.VIEWER))
        body = words_of(client, page(number))
        assert "Nearest in CMiC: <strong>017401</strong>" in body
        assert "Use it for" not in body
        assert choose(client, number, "purchase").status_code == 403
        assert not TagMeaning.objects.exists()

    def test_who_decides_but_adds_no_meanings_chooses_for_one_only(
        self, client, number
    ):
        person = add_staff("vera", Role.VIEWER)
        person.user_permissions.add(Permission.objects.get(codename="decide_purchase"))
        client.force_login(person)
        assert "Use it for all" not in words_of(client, page(number))
        assert choose(client, number, "all").status_code == 403
        assert "for this purchase" in said(choose(client, number, "purchase"))

    def test_another_tenants_purchase_is_not_there(self, client, number):
        client.force_login(add_staff("sam", Role.SUPPORT, tenants=[]))
        assert choose(client, number, "all").status_code == 404
        assert not TagMeaning.objects.exists()

    def test_a_form_of_another_site_is_refused(self, number):
        client = Client(enforce_csrf_checks=True)
        client.force_login(add_staff("sam", Role.SUPPORT))
        assert choose(client, number, "all").status_code == 403
        assert not TagMeaning.objects.exists()


def test_values_that_are_alike_have_one_meaning_and_lose_it_together(
    tenant, pex, cmic, support
):
    plain, odd = tagged(pex, "17401"), tagged(pex, "17401\u200b")
    execute(tenant)
    choose(support, plain, "all")
    choose(support, odd, "all", value="17401\u200b")
    meaning = TagMeaning.objects.get()
    delete = reverse("admin:connector_tagmeaning_delete", args=[meaning.pk])
    support.post(delete, {"post": "yes"})
    execute(tenant)
    assert codes_of(plain) == codes_of(odd) == {"value_unknown"}
    assert cmic.invoices() == []


def test_the_causes_cost_no_more_queries_for_more_choices(tenant, pex, cmic, support):
    counts = []
    for values in (["17401"], ["17402", "24.0018"]):
        for value in values:
            tagged(pex, value)
        execute(tenant)
        for value in values:
            add_meaning(tenant, value=value)
        text_of(support, CAUSES)
        with CaptureQueriesContext(connection) as queries:
            assert f"for the tag value {values[-1]}," in words_of(support, CAUSES)
        counts.append(len(queries))
    assert counts[0] == counts[1]
