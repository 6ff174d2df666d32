"""A tenant as JSON: what goes in comes out, and what is wrong changes nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from connector.api.cmic.types import CodeKind
from connector.models import CmicCode, CodeRefresh, FieldMapping, Tenant
from connector.transfer.exporting import export_tenant
from connector.transfer.importing import ImportRefusedError, import_tenant
from tests.support.factories import tenant_data

pytestmark = pytest.mark.django_db

PEX, CMIC = "http://127.0.0.1:9101", "http://127.0.0.1:9102/cmictest"
SECRETS = {"ACME_PEX_TOKEN": "tok-1", "ACME_CMIC_PASSWORD": "pass-1"}


def data(**changes):
    """The tenant with some values replaced, by dotted path."""
    whole = tenant_data(PEX, CMIC)
    for path, value in changes.items():
        *outer, last = path.split(".")
        part = whole
        for key in outer:
            part = part[key]
        part[last] = value
    return whole


def refused(changed, environment=None):
    with pytest.raises(ImportRefusedError) as raised:
        import_tenant(changed, environment or {})
    return dict(raised.value.problems)


def test_the_contracts_own_example_is_a_tenant(settings):
    example = json.loads((settings.BASE_DIR / "tests/demo/tenant.json").read_text())
    tenant, is_new = import_tenant(example, SECRETS)
    assert is_new
    assert tenant.pex.token == "tok-1"
    assert tenant.cmic.password == "pass-1"
    assert tenant.cmic.login == "ACME||APIUSER"
    assert tenant.missing_settings() == []


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]
)
def test_a_file_is_read_in_whatever_unicode_an_editor_saved_it(tmp_path, encoding):
    file = tmp_path / "acme.json"
    text = json.dumps(data(name="Zoë & Söhne"), ensure_ascii=False)
    file.write_bytes(text.encode(encoding))
    call_command("import_tenant", str(file), stdout=StringIO())
    assert Tenant.objects.get().name == "Zoë & Söhne"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"slug": "café"}'.encode("cp1252"), "is not JSON: it is no text in UTF-8"),
        (b"\xff\xfe{\x00\x22", "is not JSON"),
        (b"", "it is empty"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"slug": "acme",}', "line 1, column"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(tmp_path, content, said):
    file = tmp_path / "acme.json"
    file.write_bytes(content)
    with pytest.raises(CommandError, match=said) as refusal:
        call_command("import_tenant", str(file))
    assert refusal.value.returncode == 2


def test_a_code_that_only_looks_like_one_is_refused_by_what_is_odd_in_it():
    import_tenant(data(), {})
    tenant = Tenant.objects.get()
    for kind, code in ((CodeKind.JOB, "017401"), (CodeKind.VENDOR, "PEX01")):
        CmicCode.objects.create(
            tenant=tenant, kind=kind, company="001", code=code, seen_at=timezone.now()
        )
        CodeRefresh.objects.create(
            tenant=tenant,
            kind=kind,
            company="001",
            refreshed_at=timezone.now(),
            count=1,
        )
    changed = data(
        **{
            "mappings.job_dept_eqp": {"static": "0174\u00a001"},
            "transactions.vendor_code": "PEX０1",
        }
    )
    said = refused(changed)
    assert (
        "which has a no-break space after “0174”."
        in said["mappings.job_dept_eqp.static"]
    )
    assert "a full-width digit zero" in said["transactions.vendor_code"]


def test_what_goes_out_comes_in_again():
    tenant, _ = import_tenant(data(), {})
    exported = export_tenant(tenant)
    again, is_new = import_tenant(json.loads(json.dumps(exported)), {**SECRETS})
    assert not is_new
    assert export_tenant(Tenant.objects.get(pk=again.pk)) == exported


def test_an_upload_reads_no_variable_of_the_server():
    tenant, _ = import_tenant(data(**{"pex.token": {"env": "SECRET_KEY"}}), None)
    assert Tenant.objects.get() == tenant
    assert tenant.pex.token == ""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "A\0B"),
        ("name", "half \ud83d"),
        ("cmic.flysheets", {"a": ["\0"]}),
        ("cmic.scope", "\0"),
    ],
)
def test_what_no_database_takes_is_refused_at_its_path(path, value):
    assert "cannot be stored" in refused(data(**{path: value}))[path]


def test_secrets_never_leave():
    tenant, _ = import_tenant(data(), {})
    text = json.dumps(export_tenant(tenant))
    assert "sandbox-token" not in text
    assert "sandbox-password" not in text
    assert export_tenant(tenant)["pex"]["token"] == {"env": "ACME_PEX_TOKEN"}


def test_secrets_are_encrypted_at_rest():
    from django.db import connection

    import_tenant(data(), {})
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM connector_pexconnection")
        ((stored,),) = cursor.fetchall()
    assert b"sandbox-token" not in bytes(stored)


def test_a_missing_key_keeps_what_is_there():
    import_tenant(data(), {})
    tenant, is_new = import_tenant({"slug": "acme", "name": "Acme, Inc."}, {})
    assert not is_new
    assert (tenant.name, tenant.pex.token) == ("Acme, Inc.", "sandbox-token")
    import_tenant({"slug": "acme", "transactions": {"approved_only": True}}, {})
    tenant = Tenant.objects.get()
    assert tenant.transactions.approved_only
    assert tenant.transactions.vendor_code == "PEX01"


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("colour", "red", "colour"),
        ("pex.colour", "red", "pex.colour"),
        ("pex.base_url", "https://evil.example", "pex.base_url"),
        ("pex.base_url", 7, "pex.base_url"),
        ("pex.token", {"env": "NOT_SET"}, "pex.token"),
        ("pex.token", {"file": "x"}, "pex.token"),
        ("cmic.auth", "magic", "cmic.auth"),
        ("cmic.upload_encoding", "smoke", "cmic.upload_encoding"),
        ("cmic.flysheets", {"header": {"colour": "x"}}, "cmic.flysheets"),
        ("transactions.start_date", "soon", "transactions.start_date"),
        ("transactions.start_date", "2020-01-01", "transactions.start_date"),
        ("transactions.refunds", "burn", "transactions.refunds"),
        ("transactions.unusable_receipts", "burn", "transactions.unusable_receipts"),
        ("transactions.approved_only", "yes", "transactions.approved_only"),
        ("transactions.max_file_bytes", 5, "transactions.max_file_bytes"),
        ("transactions.max_file_bytes", True, "transactions.max_file_bytes"),
        (
            "transactions.ap_invoice_location.colour",
            "red",
            "transactions.ap_invoice_location.colour",
        ),
        ("mappings.colour", {"static": "x"}, "mappings.colour"),
        ("mappings.type_code", {"static": "X"}, "mappings.type_code.static"),
        ("mappings.type_code", {"tag": "Type"}, "mappings.type_code.tag"),
        ("mappings.valid_flag", {"static": "maybe"}, "mappings.valid_flag.static"),
        (
            "mappings.job_dept_eqp",
            {"static": "1", "default": "2"},
            "mappings.job_dept_eqp.static",
        ),
        ("mappings.job_dept_eqp", "017401", "mappings.job_dept_eqp"),
        ("mappings.job_dept_eqp", {"static": 17401}, "mappings.job_dept_eqp.static"),
        ("auto_sync", "on", "auto_sync"),
        ("slug", "two words", "slug"),
    ],
)
def test_a_bad_value_is_refused_with_its_path_and_changes_nothing(path, value, where):
    import_tenant({**data(), "name": "Before"}, {})
    before = export_tenant(Tenant.objects.get())
    problems = refused({**data(**{path: value}), "name": "After"})
    assert list(problems) == [where]
    assert problems[where].endswith((".", "'"))
    assert export_tenant(Tenant.objects.get()) == before


def test_all_that_is_wrong_is_told_at_once():
    changed = data(**{"pex.colour": "red", "transactions.refunds": "burn", "x": 1})
    assert set(refused(changed)) == {"x", "pex.colour", "transactions.refunds"}


def test_the_end_before_the_start_is_refused():
    today = timezone.now().date()
    changed = data(
        **{
            "transactions.start_date": (today - timedelta(days=5)).isoformat(),
            "transactions.end_date": (today - timedelta(days=9)).isoformat(),
        }
    )
    assert "before the start" in refused(changed)["transactions.end_date"]


def test_a_new_tenant_needs_all_but_the_third_code():
    whole = data()
    del whole["mappings"]["cost_type_tran_code"]
    del whole["pex"]["token"]
    assert list(refused(whole)) == ["pex.token"]
    del whole["mappings"]["group_code"]
    whole["pex"]["token"] = "t"
    assert list(refused(whole)) == ["mappings.group_code"]
    assert list(refused({"slug": "new"}))[:3] == ["pex", "cmic", "transactions"]
    assert not Tenant.objects.exists()


def test_a_department_has_no_third_code():
    whole = data(
        **{
            "mappings.type_code": {"static": "G"},
            "mappings.cost_type_tran_code": {"static": None},
        }
    )
    tenant, _ = import_tenant(whole, {})
    assert tenant.missing_settings() == []
    assert FieldMapping.objects.filter(tenant=tenant).count() == 6


def know(tenant, kind, *codes, company="001"):
    now = timezone.now()
    CodeRefresh.objects.create(
        tenant=tenant, kind=kind, company=company, refreshed_at=now, count=1
    )
    for code, is_active in codes:
        CmicCode.objects.create(
            tenant=tenant,
            kind=kind,
            company=company,
            code=code,
            is_active=is_active,
            seen_at=now,
        )


def test_codes_that_cmic_does_not_have_are_refused_once_codes_are_known():
    tenant, _ = import_tenant(data(), {})
    know(tenant, CodeKind.VENDOR, ("PEX01", True), ("OLD01", False))
    know(tenant, CodeKind.JOB, ("017401", True))
    assert refused(data(**{"transactions.vendor_code": "NOPE"})) == {
        "transactions.vendor_code": "CMiC has no vendor “NOPE”."
    }
    assert (
        "not active"
        in refused(data(**{"transactions.vendor_code": "OLD01"}))[
            "transactions.vendor_code"
        ]
    )
    job = {"static": "99"}
    assert refused(data(**{"mappings.job_dept_eqp": job})) == {
        "mappings.job_dept_eqp.static": "CMiC has no job “99”."
    }
    import_tenant(data(), {})


def test_a_tag_that_is_no_dropdown_is_refused_once_tags_are_known():
    tenant, _ = import_tenant(data(), {})
    tenant.pex.tags = [
        {"id": "1", "name": "Job", "type": "dropdown", "is_usable": True},
        {"id": "2", "name": "Memo", "type": "text", "is_usable": True},
    ]
    tenant.pex.save(update_fields=["tags"])
    memo = {"tag": "Memo", "default": "017401"}
    problems = refused(data(**{"mappings.job_dept_eqp": memo}))
    assert "is not a dropdown" in problems["mappings.job_dept_eqp.tag"]


def test_the_command_prints_paths_and_exits_with_2(tmp_path):
    file = tmp_path / "tenant.json"
    file.write_text(json.dumps(data(**{"pex.colour": "red"})))
    with pytest.raises(CommandError, match="Unknown key") as raised:
        call_command("import_tenant", str(file))
    assert raised.value.returncode == 2
    for content in ("{", "[]", '{"slug": 3}'):
        file.write_text(content)
        with pytest.raises(CommandError) as raised:
            call_command("import_tenant", str(file))
        assert raised.value.returncode == 2
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_tenant", str(tmp_path / "missing.json"))
    assert not Tenant.objects.exists()


def test_the_commands_take_a_tenant_in_and_out(tmp_path):
    file = tmp_path / "tenant.json"
    file.write_text(json.dumps(data()))
    call_command("import_tenant", str(file), stdout=StringIO())
    out = StringIO()
    call_command("export_tenant", "acme", stdout=out)
    assert json.loads(out.getvalue())["transactions"]["vendor_code"] == "PEX01"
    with pytest.raises(CommandError, match="no tenant “nobody”") as raised:
        call_command("export_tenant", "nobody")
    assert raised.value.returncode == 2
