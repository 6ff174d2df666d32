"""Choosing values: the right list, found by code and name at once, if one may."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from connector.api.cmic.types import CodeKind
from connector.codes.choices import Above, find, search, shelf_of
from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import CmicCode, CmicConnection, CodeRefresh
from connector.models.codes import CodeState
from tests.support.factories import make_tenant

pytestmark = pytest.mark.django_db

COMPANY = Above(company="001", type="J")
ON_JOB = Above(company="001", type="J", first="017401")


def add_codes(tenant, kind, codes, *, company="001", parent="", grandparent=""):
    CodeRefresh.objects.get_or_create(
        tenant=tenant,
        kind=kind,
        company=company,
        defaults={"refreshed_at": timezone.now(), "count": len(codes)},
    )
    CmicCode.objects.bulk_create(
        CmicCode(
            tenant=tenant,
            kind=kind,
            company=company,
            parent=parent,
            grandparent=grandparent,
            code=code,
            name=name,
            seen_at=timezone.now(),
        )
        for code, name in codes
    )


def codes_for(tenant, name, above, term=""):
    return [one.code for one in search(tenant.pk, shelf_of(name, above), term).choices]


def url_of(tenant, name):
    return reverse("admin:connector_tenant_choices", args=[tenant.pk, name])


class TestTheRightList:
    @pytest.fixture(autouse=True)
    def _read(self, tenant):
        refresh_all(tenant, cmic_client(tenant))

    def test_the_type_code_decides_jobs_departments_or_equipment(self, tenant):
        firsts = {
            type_code: codes_for(
                tenant, "job_dept_eqp", Above(company="001", type=type_code)
            )
            for type_code in "JGE"
        }
        assert "017401" in firsts["J"]
        assert "10" in firsts["G"]
        assert "TRK-014" in firsts["E"]
        assert shelf_of("job_dept_eqp", Above(company="001")) is None
        assert shelf_of("cost_type_tran_code", Above(company="001", type="G")) is None

    def test_the_job_decides_cost_codes_and_both_decide_cost_types(self, tenant):
        cost_codes = codes_for(tenant, "cost_code_account_category", ON_JOB)
        assert sorted(cost_codes) == [
            "02.100",
            "03.200",
            "03.300",
            "06.100",
            "15.400",
            "16.100",
        ]
        both = Above(company="001", type="J", first="017401", second="03.200")
        assert codes_for(tenant, "cost_type_tran_code", both) == ["1000", "4000"]
        job_only = codes_for(tenant, "cost_type_tran_code", ON_JOB)
        assert job_only == ["1000", "2000", "4000", "5000", "6000"]

    def test_without_a_job_each_cost_code_is_offered_once(self, tenant):
        offered = codes_for(tenant, "cost_code_account_category", COMPANY)
        assert len(offered) == len(set(offered)) == 15
        assert codes_for(tenant, "cost_code_account_category", COMPANY, "SITE") == [
            "02.100"
        ]

    def test_the_company_and_the_source_decide(self, tenant):
        assert "PEX01" in codes_for(tenant, "vendor_code", COMPANY)
        # CMiC's vendors were read for the tenant's own company only.
        other = Above(company="002", type="J")
        assert codes_for(tenant, "vendor_code", other) == []
        assert codes_for(tenant, "company_code", COMPANY) == ["001", "002"]
        strange = Above(source="elsewhere")
        assert codes_for(tenant, "document_type_uuid", strange) == []

    def test_inactive_ones_are_last_and_cannot_be_chosen(self, tenant, admin_client):
        answer = admin_client.get(url_of(tenant, "vendor_code"), {"company": "001"})
        last = answer.json()["results"][-1]
        assert last["code"] == "OLD01"
        assert last["disabled"]
        assert last["mark"] == "inactive in CMiC"

    def test_a_name_is_found_and_a_code_that_begins_so_comes_first(self, tenant):
        above = COMPANY
        assert codes_for(tenant, "job_dept_eqp", above, "main STREET") == ["017401"]
        assert codes_for(tenant, "job_dept_eqp", above, "25.0")[0] == "25.001"
        for wildcard in ("%", "_", "\\"):
            assert codes_for(tenant, "job_dept_eqp", above, wildcard) == []
            assert codes_for(tenant, "cost_code_account_category", above, "%") == []

    def test_what_is_said_of_a_code(self, tenant):
        shelf = shelf_of("job_dept_eqp", COMPANY)
        active = find(tenant.pk, shelf, "017401")
        assert active == (CodeState.ACTIVE, "Main Street Garage")
        assert find(tenant.pk, shelf, "016210")[0] is CodeState.INACTIVE
        assert find(tenant.pk, shelf, "nowhere")[0] is CodeState.UNKNOWN
        CmicConnection.objects.update(is_ok=False)
        assert find(tenant.pk, shelf, "nowhere")[0] is CodeState.UNCHECKED


class TestTheEndpoint:
    def test_a_list_that_was_never_read_lets_a_code_be_typed(self, admin_client):
        tenant = make_tenant()
        url = url_of(tenant, "job_dept_eqp")
        answer = admin_client.get(url, {"company": "001", "type": "J"}).json()
        assert answer["results"] == []
        assert answer["free"] == "unchecked"
        assert "was not read yet" in answer["hint"]
        add_codes(tenant, CodeKind.JOB, [("1", "One")])
        answer = admin_client.get(url, {"company": "001", "type": "J"}).json()
        assert answer["free"] == ""

    def test_it_says_what_to_choose_first(self, admin_client):
        url = url_of(make_tenant(), "job_dept_eqp")
        answer = admin_client.get(url, {"company": "001"}).json()
        assert answer["hint"] == "Choose the Type Code first."
        answer = admin_client.get(url, {"type": "J"}).json()
        assert answer["hint"] == "Choose the CMiC company first."

    @pytest.mark.parametrize("page", ["0", "x", "9" * 30, "-1", "²", ""])
    @pytest.mark.parametrize("term", ["", "a\x00b", "x" * 5000])
    def test_odd_questions_are_answered(self, admin_client, page, term):
        tenant = make_tenant()
        add_codes(tenant, CodeKind.JOB, [("1", "One")])
        asked = {"company": "001", "type": "J", "page": page, "term": term}
        assert (
            admin_client.get(url_of(tenant, "job_dept_eqp"), asked).status_code == 200
        )

    def test_what_was_copied_with_odd_spaces_is_found(self, admin_client):
        tenant = make_tenant()
        add_codes(tenant, CodeKind.JOB, [("017401", "One"), ("9", "Other")])
        asked = {"company": "001", "type": "J", "term": "\u200b017401\u00a0"}
        found = admin_client.get(url_of(tenant, "job_dept_eqp"), asked).json()
        assert [each["id"] for each in found["results"]] == ["017401"]

    def test_another_tenant_is_never_searched(self, admin_client):
        first = make_tenant()
        first.slug = "first"
        first.save()
        second = make_tenant()
        add_codes(first, CodeKind.JOB, [("1", "Of the first")])
        asked = {"company": "001", "type": "J"}
        found = admin_client.get(url_of(second, "job_dept_eqp"), asked).json()
        assert found["results"] == []

    def test_it_is_for_those_who_may_change_the_tenant(self, client):
        tenant = make_tenant()
        for name in ("choices", "words"):
            arguments = [tenant.pk, *(["vendor_code"] if name == "choices" else [])]
            url = reverse(f"admin:connector_tenant_{name}", args=arguments)
            method = client.get if name == "choices" else client.post
            assert method(url).status_code == 302
        person = User.objects.create_user("sam", password="x", is_staff=True)
        person.user_permissions.add(Permission.objects.get(codename="view_tenant"))
        client.force_login(person)
        assert client.get(url_of(tenant, "vendor_code")).status_code == 403
        words = reverse("admin:connector_tenant_words", args=[tenant.pk])
        assert client.post(words).status_code == 403

    def test_what_there_is_not_is_not_found(self, admin_client):
        tenant = make_tenant()
        assert admin_client.get(url_of(tenant, "password")).status_code == 404
        tenant.pk += 1
        assert admin_client.get(url_of(tenant, "vendor_code")).status_code == 404


_ROWS = """
INSERT INTO connector_cmiccode (tenant_id, kind, company, grandparent, parent, code,
    name, currency, is_active, seen_at)
SELECT %s, 'job', '001', '', '', lpad(n::text, 6, '0'),
    'Job ' || n || ' in town ' || n %% 97, '', true, now()
FROM generate_series(0, 29999) n
UNION ALL
SELECT %s, 'cost_code', '001', '', lpad((n / 20)::text, 6, '0'),
    lpad((n %% 20)::text, 2, '0') || '.100', 'Phase ' || n %% 20, '', true, now()
FROM generate_series(0, 199999) n
"""


def median_of_five(tenant, shelf, term):
    times = []
    for _ in range(5):
        started = time.monotonic()
        search(tenant.pk, shelf, term)
        times.append(time.monotonic() - started)
    return sorted(times)[2]


def test_many_codes_are_searched_without_delay():
    """30,000 jobs and 200,000 cost codes; a median, because machines are busy."""
    tenant = make_tenant()
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [tenant.pk, tenant.pk])
        # As autovacuum does within a minute of a large reading.
        cursor.execute("ANALYZE connector_cmiccode")
    jobs = shelf_of("job_dept_eqp", COMPANY)
    pages = [search(tenant.pk, jobs, "", page) for page in (1, 2)]
    codes = [one.code for page in pages for one in page.choices]
    assert codes == [f"{n:06}" for n in range(100)]
    assert pages[0].has_more
    for term in ("", "0299", "town 55", "no such job"):
        assert median_of_five(tenant, jobs, term) < 0.5, term
    phases = shelf_of("cost_code_account_category", COMPANY)
    found = search(tenant.pk, phases, "phase 1").choices
    assert [one.code for one in found][:2] == ["01.100", "10.100"]
    assert median_of_five(tenant, phases, "phase 1") < 0.5
