"""The tenant's page: one form for the whole tenant, secrets that never come out, live
checks after the save, and lists whose cost does not grow with their rows."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from connector.models import (
    CmicCode,
    CodeRefresh,
    Field,
    FieldMapping,
    PexConnection,
    Tenant,
)
from tests.support.factories import make_tenant

ADD = reverse("admin:connector_tenant_add")
LIST = reverse("admin:connector_tenant_changelist")
SOURCE = "0AC3DE23133C61F0E063AF811DAC5CAD"
DOCUMENT_TYPE = "ADC78973BD751170E053508010AC2DB4"
MAPPINGS = {
    "group_code": {"static_value": "PEX"},
    "valid_flag": {"static_value": "Y"},
    "type_code": {"static_value": "J"},
    "job_dept_eqp": {"tag": "Job/Dept/Eqp.", "default_value": "017401"},
    "cost_code_account_category": {"tag": "Cost Code/Account/Category"},
    "cost_type_tran_code": {"static_value": "4000"},
}


def page_of(tenant):
    return reverse("admin:connector_tenant_change", args=[tenant.pk])


def answers(tenant=None, **changes):
    """What a person's browser posts; `changes` replaces some of the inputs."""
    stored = {row.field: row.pk for row in tenant.mappings.all()} if tenant else {}
    data = {"name": "Acme Construction", "slug": "acme"}
    for prefix in ("pex", "cmic", "transactions"):
        data[f"{prefix}-TOTAL_FORMS"] = 1
        is_there = tenant is not None and hasattr(tenant, prefix)
        data[f"{prefix}-INITIAL_FORMS"] = 1 if is_there else 0
        if is_there:
            data[f"{prefix}-0-id"] = getattr(tenant, prefix).pk
            data[f"{prefix}-0-tenant"] = tenant.pk
    data |= {
        "transactions-0-company_code": "001",
        "transactions-0-source_uuid": SOURCE,
        "transactions-0-document_type_uuid": DOCUMENT_TYPE,
        "transactions-0-vendor_code": "PEX01",
        "transactions-0-invoice_date": "transaction",
        "transactions-0-refunds": "hold",
        "transactions-0-unusable_receipts": "send",
        "transactions-0-after_lost_answer": "ask",
        "transactions-0-max_file_bytes": "10485760",
        "mappings-TOTAL_FORMS": 6,
        "mappings-INITIAL_FORMS": len(stored),
    }
    for place, field in enumerate(Field):
        data[f"mappings-{place}-label"] = "name"
        if stored:
            data[f"mappings-{place}-id"] = stored[field]
            data[f"mappings-{place}-tenant"] = tenant.pk
        for name, value in MAPPINGS[field].items():
            data[f"mappings-{place}-{name}"] = value
    return data | changes


def said(response):
    """The messages of a page, and what its fields complain of, as one text."""
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", text)


def errors_of(response, prefix):
    (formset,) = (
        inline.formset
        for inline in response.context["inline_admin_formsets"]
        if inline.formset.prefix == prefix
    )
    return [dict(errors) for errors in formset.errors]


@pytest.fixture
def person(db):
    return User.objects.create_user("sam", password="x", is_staff=True)


def allow(person, *names):
    for name in names:
        app, codename = name.split(".")
        person.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )


class TestAddingATenant:
    def test_it_begins_with_the_first_tab_and_goes_on_to_the_next(self, admin_client):
        response = admin_client.get(ADD)
        assert len(response.context["inline_admin_formsets"]) == 2
        response = admin_client.post(ADD, answers())
        assert response.url == f"{page_of(Tenant.objects.get())}#general"

    @pytest.mark.usefixtures("no_http_inside_transactions")
    def test_what_is_missing_is_asked_for_next(self, admin_client, pex, cmic):
        tenant = make_tenant(pex.url, cmic.url)
        data = answers(tenant, had_missing="yes")
        data |= {"mappings-3-tag": "", "mappings-3-default_value": ""}
        response = admin_client.post(page_of(tenant), data)
        assert response.url == f"{page_of(tenant)}#mappings"
        body = admin_client.get(page_of(tenant)).content.decode()
        assert "The mapping of Job/Dept/Eqp. has neither a value nor a tag." in body
        assert 'data-target="mapping-job_dept_eqp"' in body
        data = answers(tenant, had_missing="yes")
        response = admin_client.post(page_of(tenant), data)
        assert response.url == f"{page_of(tenant)}#sync"

    def test_the_page_has_the_six_rows_with_their_names(self, admin_client):
        response = admin_client.get(page_of(make_tenant()))
        names = [str(label) for label in Field.labels]
        body = response.content.decode()
        places = [body.index(f">{name}<") for name in names]
        assert places == sorted(places)
        assert response.context["inline_admin_formsets"][3].formset.total_form_count()

    def test_a_name_is_enough_and_the_page_says_what_is_missing(self, admin_client):
        data = {**answers(), "_continue": "1"}
        response = admin_client.post(ADD, data, follow=True)
        tenant = Tenant.objects.get()
        assert [row.field for row in tenant.mappings.order_by("pk")] == Field.values
        assert "The PEX connection is missing." in tenant.missing_settings()
        assert "The CMiC connection is missing." in said(response)
        assert not PexConnection.objects.exists()

    def test_the_cards_lead_to_the_credentials_once_there_is_a_tenant(
        self, admin_client
    ):
        assert "Save the tenant first" in said(admin_client.get(ADD))
        tenant = Tenant.objects.create(slug="acme", name="Acme")
        body = admin_client.get(page_of(tenant)).content.decode()
        for key in ("pex", "cmic"):
            url = reverse("admin:connector_tenant_credentials", args=[tenant.pk, key])
            assert url in body

    @pytest.mark.usefixtures("no_http_inside_transactions")
    def test_what_cmic_does_not_have_is_told_after_the_save(self, admin_client, tenant):
        changes = {
            "transactions-0-company_code": "002",
            "transactions-0-vendor_code": "NOBODY",
        }
        response = admin_client.post(
            page_of(tenant), answers(tenant, **changes), follow=True
        )
        assert "Transaction settings: CMiC has no vendor “NOBODY”" in said(response)


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("prefix", "field", "value", "sentence"),
        [
            ("transactions", "start_date", "2020-01-01", "less than one year back"),
        ],
    )
    def test_a_wrong_value_is_refused_at_its_field(
        self, admin_client, prefix, field, value, sentence
    ):
        tenant = make_tenant()
        data = answers(
            tenant,
            **{f"{prefix}-0-{field}": value},
        )
        response = admin_client.post(page_of(tenant), data)
        assert response.status_code == 200
        (errors,) = errors_of(response, prefix)
        assert sentence in " ".join(errors[field])

    def test_a_static_value_and_a_tag_are_refused_in_their_row(self, admin_client):
        tenant = make_tenant()
        data = answers(
            tenant,
            **{"mappings-3-static_value": "017401"},
        )
        response = admin_client.post(page_of(tenant), data)
        errors = errors_of(response, "mappings")
        assert [place for place, each in enumerate(errors) if each] == [3]

    def test_a_tag_for_a_static_only_row_is_not_taken(self, admin_client):
        tenant = make_tenant()
        data = answers(tenant, **{"mappings-0-tag": "Group"})
        PexConnection.objects.update(is_ok=True)
        admin_client.post(page_of(tenant), data)
        assert FieldMapping.objects.get(field="group_code").tag == ""

    def test_a_tag_that_is_no_dropdown_is_refused_once_pex_was_asked(
        self, admin_client
    ):
        tenant = make_tenant()
        tenant.pex.tags = [
            {"id": "1", "name": "Job/Dept/Eqp.", "type": "text", "is_usable": True}
        ]
        tenant.pex.save(update_fields=["tags"])
        PexConnection.objects.update(is_ok=True)
        stored = {"mappings-3-tag": "Job", "mappings-4-tag": "Phase"}
        for number, tag in ((3, "Job"), (4, "Phase")):
            field = Field.values[number]
            FieldMapping.objects.filter(field=field).update(tag=tag)
        data = answers(tenant)
        response = admin_client.post(page_of(tenant), data)
        errors = errors_of(response, "mappings")
        assert "not a dropdown" in " ".join(errors[3]["tag"])
        assert "no enabled tag" in " ".join(errors[4]["tag"])
        # What was chosen when PEX still had it does not keep other things from being
        # saved: the row says that it is broken.
        data = answers(tenant, **stored)
        response = admin_client.post(page_of(tenant), data)
        assert response.status_code == 302
        body = admin_client.get(page_of(tenant)).content.decode()
        assert "The tag is broken (not in PEX any more)" in body

    def test_rows_follow_the_type_code_of_the_same_form(self, admin_client):
        tenant = make_tenant()
        now = timezone.now()
        for kind in ("job", "department"):
            CodeRefresh.objects.create(
                tenant=tenant, kind=kind, company="001", refreshed_at=now, count=1
            )
        for kind, code in (("job", "017401"), ("department", "100")):
            CmicCode.objects.create(
                tenant=tenant, kind=kind, company="001", code=code, seen_at=now
            )
        data = answers(
            tenant,
            **{"mappings-2-static_value": "G"},
        )
        response = admin_client.post(page_of(tenant), data)
        errors = errors_of(response, "mappings")
        assert "CMiC has no department" in " ".join(errors[3]["default_value"])


class TestTheList:
    def test_a_fresh_install_says_what_to_do_first(self, admin_client):
        body = admin_client.get(LIST).content.decode()
        assert "No tenants yet" in body
        assert "import_tenant" in body
        assert ADD in body

    def test_its_cost_does_not_grow_with_its_rows(
        self, admin_client, django_assert_max_num_queries
    ):
        for number in range(12):
            tenant = make_tenant()
            Tenant.objects.filter(pk=tenant.pk).update(slug=f"acme-{number}")
        with django_assert_max_num_queries(8):
            body = admin_client.get(LIST).content.decode()
        assert body.count("not checked") == 24

    def test_it_reads_no_secret(self, admin_client, django_assert_max_num_queries):
        make_tenant()
        with django_assert_max_num_queries(8) as captured:
            admin_client.get(LIST)
        read = " ".join(query["sql"] for query in captured.captured_queries)
        assert '"token"' not in read
        assert '"password"' not in read.replace('"auth_user"."password"', "")
