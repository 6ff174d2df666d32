"""A tenant as a file out of and into the admin, and settings copied between tenants."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from connector.models import CmicCode, CodeRefresh, Tenant
from connector.roles import Role
from connector.transfer.exporting import export_tenant
from connector.transfer.importing import import_tenant
from tests.connector.admin.test_history import told
from tests.connector.admin.test_tenant import said
from tests.support.factories import PEX_TOKEN, make_tenant, tenant_data
from tests.support.people import add_staff

IMPORT = reverse("admin:connector_tenant_import_file")
ENDS = ("https://coreapi.pexcard.com", "https://a.cmiccloud.com/prod")


def upload(client, data, **options):
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    file = SimpleUploadedFile("tenant.json", content, "application/json")
    return client.post(IMPORT, {"file": file}, **options)


def without_secrets(tenant):
    data = export_tenant(tenant)
    del data["pex"]["token"], data["cmic"]["password"]
    return data


def copy_page(target, source=None):
    url = reverse("admin:connector_tenant_copy_settings", args=[target.pk])
    return f"{url}?source={source.pk}" if source else url


@pytest.fixture
def tenant(db):
    return make_tenant(*ENDS)


@pytest.fixture
def other(tenant):
    data = tenant_data(*ENDS, refunds="send", vendor_code="OTHER")
    data |= {"slug": "zenith", "name": "Zenith Builders"}
    data["mappings"]["cost_type_tran_code"] = {"static": "9000"}
    return import_tenant(data, {})[0]


@pytest.fixture
def sam(client, tenant):
    person = add_staff("sam", Role.SUPPORT, tenants=[tenant])
    client.force_login(person)
    return person


class TestExport:
    def test_it_is_the_file_of_the_command(self, admin_client, tenant):
        url = reverse("admin:connector_tenant_export_file", args=[tenant.pk])
        answer = admin_client.get(url)
        assert answer["Content-Disposition"] == 'attachment; filename="acme.json"'
        assert json.loads(answer.content) == export_tenant(tenant)
        assert PEX_TOKEN not in answer.content.decode()

    def test_what_is_missing_is_said(self, admin_client, tenant):
        tenant.cmic.delete()
        url = reverse("admin:connector_tenant_export_file", args=[tenant.pk])
        answer = admin_client.get(url, follow=True)
        assert "cannot be exported yet: The CMiC connection is missing" in said(answer)


class TestImport:
    def test_a_file_adds_a_tenant(self, admin_client, db):
        answer = upload(admin_client, tenant_data(*ENDS), follow=True)
        tenant = Tenant.objects.get()
        assert tenant.pex.token == PEX_TOKEN
        assert f"{tenant} was added from the file" in said(answer)
        assert "Added from a file." in told(admin_client, tenant)

    def test_a_file_changes_a_tenant_and_keeps_its_secrets(self, admin_client, tenant):
        data = without_secrets(tenant) | {"name": "Acme Builders"}
        upload(admin_client, data)
        tenant = Tenant.objects.get()
        assert tenant.name == "Acme Builders"
        assert tenant.pex.token == PEX_TOKEN
        assert "admin" in told(admin_client, tenant)

    def test_what_is_wrong_is_listed_with_its_path(self, admin_client, tenant):
        data = without_secrets(tenant)
        data["transactions"]["refunds"] = "keep"
        data["cmic"]["colour"] = "red"
        text = said(upload(admin_client, data | {"name": "Acme Builders"}))
        assert "transactions.refunds" in text
        assert "cmic.colour" in text
        assert "nothing was changed" in text
        assert Tenant.objects.get().name == "Acme Construction"

    def test_no_variable_of_the_server_is_read(self, admin_client, tenant, monkeypatch):
        monkeypatch.setenv("ACME_PEX_TOKEN", "of-the-server")
        text = said(upload(admin_client, export_tenant(tenant), follow=True))
        assert "was changed from the file" in text
        assert Tenant.objects.get().pex.token == PEX_TOKEN

    def test_an_exported_tenant_comes_into_another_server_without_secrets(
        self, admin_client, tenant
    ):
        data = export_tenant(tenant)
        Tenant.objects.all().delete()
        text = said(upload(admin_client, data, follow=True))
        assert "was added from the file" in text
        assert "The PEX token is missing." in text
        assert Tenant.objects.get().cmic.password == ""

    def test_no_file_sends_a_stored_secret_to_another_host(self, admin_client, tenant):
        before = tenant.cmic.base_url
        data = {"slug": "acme", "cmic": {"base_url": "https://b.cmiccloud.com/x"}}
        text = said(upload(admin_client, data))
        assert "cmic.password" in text
        assert "sent to the address that it was entered for only" in text
        assert Tenant.objects.get().cmic.base_url == before
        data["cmic"]["password"] = "for-the-new-one"
        upload(admin_client, data)
        assert Tenant.objects.get().cmic.password == "for-the-new-one"

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "empty"),
            (b"{", "not JSON"),
            (b"\xff\xfe\x00", "not JSON"),
            ('{"slug": "caf\u00e9"}'.encode("cp1252"), "Save it as UTF-8"),
            (b"\xef\xbb\xbf", "it is empty"),
            (b'{"slug": "acme",}', "line 1, column"),
            (b"[" * 100_000, "not JSON"),
            (b"[]", "A tenant is a JSON object"),
            (b'{"slug": NaN}', "A new tenant needs this"),
            (b'{"slug": ["a"]}', "This must be a string"),
            (b'{"slug": "acme", "name": "a\\u0000b"}', "cannot be stored"),
            (
                b'{"slug": "acme", "cmic": {"flysheets": {"a": 1.5}}}',
                "cannot be stored",
            ),
            (b'{"slug": "acme", "transactions": {"max_file_bytes": 1e400}}', "number"),
            (b'{"x": "' + b"x" * 300_000 + b'"}', "at most 262,144"),
        ],
    )
    def test_a_file_that_is_no_tenant_is_refused(
        self, admin_client, tenant, content, sentence
    ):
        answer = upload(admin_client, content)
        assert answer.status_code == 200
        assert sentence in said(answer)
        assert Tenant.objects.get().name == "Acme Construction"

    def test_what_a_file_says_is_shown_as_text(self, admin_client, tenant):
        data = {"slug": "acme", "<script>alert(1)</script>": 1}
        body = upload(admin_client, data).content.decode()
        assert "<script>alert" not in body
        assert "&lt;script&gt;" in body

    def test_who_is_limited_changes_ones_own_only(self, client, tenant, other):
        ann = add_staff("ann", Role.ADMINISTRATOR, tenants=[tenant])
        client.force_login(ann)
        upload(client, {"slug": "acme", "name": "Acme Builders"})
        answers = [
            said(upload(client, {"slug": slug, "name": "Taken"}))
            for slug in ("zenith", " zenith ", "nobody-has-this")
        ]
        tenant.refresh_from_db()
        other.refresh_from_db()
        assert tenant.name == "Acme Builders"
        assert other.name == "Zenith Builders"
        assert Tenant.objects.count() == 2
        assert all("You have no tenant of this slug" in text for text in answers)


class TestCopying:
    def seen(self, client, target, source):
        return client.get(copy_page(target, source)).context["seen"]

    def test_what_would_change_is_shown_first(self, admin_client, tenant, other):
        text = said(admin_client.get(copy_page(tenant, other)))
        assert "refunds and credits hold for a person send as a negative" in text
        assert "Mapping of Cost Type/Tran Code 4000 9000" in text
        tenant.refresh_from_db()
        assert tenant.transactions.refunds == "hold"

    def test_codes_of_another_cmic_are_not_ticked(self, admin_client, tenant, other):
        rows = admin_client.get(copy_page(tenant, other)).context["rows"]
        ticked = {row["each"].path for row in rows if row["is_chosen"]}
        assert ticked == {"transactions.refunds", "mappings.cost_type_tran_code"}

    def test_what_is_ticked_is_copied_and_nothing_else(
        self, admin_client, tenant, other
    ):
        seen = self.seen(admin_client, tenant, other)
        admin_client.post(
            copy_page(tenant, other),
            {"seen": seen, "path": ["transactions.refunds"]},
        )
        tenant = Tenant.objects.get(pk=tenant.pk)
        assert tenant.transactions.refunds == "send"
        assert tenant.transactions.vendor_code == "PEX01"
        assert tenant.mappings.get(field="cost_type_tran_code").static_value == "4000"
        assert tenant.pex.token == PEX_TOKEN
        story = told(admin_client, tenant)
        assert "Copied settings from another tenant." in story
        assert "refunds and credits: hold for a person → send as a" in story

    def test_all_of_it_makes_them_the_same(self, admin_client, tenant, other):
        page = admin_client.get(copy_page(tenant, other))
        paths = [row["each"].path for row in page.context["rows"]]
        admin_client.post(
            copy_page(tenant, other), {"seen": page.context["seen"], "path": paths}
        )
        mine, theirs = (
            export_tenant(Tenant.objects.get(pk=each.pk)) for each in (tenant, other)
        )
        assert mine["transactions"] == theirs["transactions"]
        assert mine["mappings"] == theirs["mappings"]
        assert mine["name"] == "Acme Construction"

    def test_what_the_tenants_own_cmic_lacks_is_refused_at_its_row(
        self, admin_client, tenant, other
    ):
        now = timezone.now() - timedelta(minutes=1)
        CodeRefresh.objects.create(
            tenant=tenant, kind="vendor", company="001", refreshed_at=now, count=1
        )
        CmicCode.objects.create(
            tenant=tenant, kind="vendor", company="001", code="PEX01", seen_at=now
        )
        answer = admin_client.post(
            copy_page(tenant, other),
            {
                "seen": self.seen(admin_client, tenant, other),
                "path": ["transactions.vendor_code", "transactions.refunds"],
            },
        )
        (row,) = [
            row
            for row in answer.context["rows"]
            if row["each"].path == "transactions.vendor_code"
        ]
        assert row["problem"] == "CMiC has no vendor “OTHER”."
        tenant = Tenant.objects.get(pk=tenant.pk)
        assert tenant.transactions.refunds == "hold"

    def test_a_change_since_the_page_was_opened_stops_it(
        self, admin_client, tenant, other
    ):
        seen = self.seen(admin_client, tenant, other)
        other.transactions.refunds = "leave_out"
        other.transactions.save()
        answer = admin_client.post(
            copy_page(tenant, other), {"seen": seen, "path": ["transactions.refunds"]}
        )
        assert "changed meanwhile, so nothing was copied" in said(answer)
        tenant = Tenant.objects.get(pk=tenant.pk)
        assert tenant.transactions.refunds == "hold"

    def test_only_a_tenant_that_one_sees_can_be_copied_from(
        self, client, sam, tenant, other
    ):
        body = client.get(copy_page(tenant)).content.decode()
        assert "Zenith" not in body
        answer = client.post(
            copy_page(tenant, other), {"seen": "x", "path": ["transactions.refunds"]}
        )
        assert "Choose one of the tenants in the list" in said(answer)
        assert "Zenith" not in answer.content.decode()
        tenant = Tenant.objects.get(pk=tenant.pk)
        assert tenant.transactions.refunds == "hold"
