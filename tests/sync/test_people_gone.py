"""Whoever executed, decided or asked is named also when the account is gone."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.urls import reverse

from connector.admin.pages.history import events_of
from connector.models import PersonName
from sync.engine.run.requesting import request_run
from sync.models import Decision, Preview, SyncRun, TagSync
from tests.support.driver import execute, row_of
from tests.support.factories import make_tenant
from tests.support.people import add_staff
from tests.support.rows import add_preview, add_purchase, add_run, add_tag_sync, text_of

KEYS = {
    SyncRun: "started_by",
    TagSync: "started_by",
    Preview: "asked_by",
    Decision: "decided_by",
}


@pytest.fixture
def acme(db):
    return make_tenant()


@pytest.fixture
def sam(db):
    return add_staff("sam")


@pytest.fixture
def rows(acme, sam):
    """One of each that somebody started, asked for or decided."""
    run = add_run(acme, started_by=sam)
    purchase = add_purchase(run, 4711, invoice_number="PEX-4711")
    tag_sync = add_tag_sync(run, started_by=sam)
    TagSync.objects.update(run=None)
    decision = Decision.objects.create(
        purchase=purchase, kind="retry", why="Its period is open.", decided_by=sam
    )
    return run, tag_sync, add_preview(acme, asked_by=sam), decision


def places(run, preview, purchase, tenant):
    return [
        reverse("admin:sync_syncrun_changelist"),
        reverse("admin:sync_syncrun_change", args=[run.pk]),
        reverse("admin:sync_preview_changelist"),
        reverse("admin:sync_preview_change", args=[preview.pk]),
        reverse("admin:sync_purchasesync_change", args=[purchase.pk]),
        reverse("admin:connector_tenant_sync_tags", args=[tenant.pk]),
    ]


def test_each_key_to_an_account_has_a_name_beside_it():
    found = {
        (model, field.name)
        for model in apps.get_models()
        if model._meta.app_label in ("connector", "sync")
        for field in model._meta.concrete_fields
        if field.related_model is User
        and field.remote_field.on_delete.__name__ == "SET_NULL"
        and not model.__name__.startswith("Historical")
    }
    assert (
        found == set(KEYS.items()) == {(each[0], each[1]) for each in PersonName.places}
    )


@pytest.mark.parametrize("names", ["kept", "of an older release"])
def test_the_name_is_shown_when_the_account_is_gone(
    admin_client, acme, sam, rows, pex, cmic, names
):
    run, _, preview, decision = rows
    acme.pex.base_url, acme.cmic.base_url = pex.url, cmic.url
    acme.pex.save()
    acme.cmic.save()
    if names != "kept":
        for model, key in KEYS.items():
            model.objects.update(**{f"{key}_name": ""})
    pages = places(run, preview, decision.purchase, acme)
    for url in pages:
        assert "sam" in text_of(admin_client, url), url
    sam.delete()
    for model, key in KEYS.items():
        assert getattr(model.objects.get(), f"{key}_id") is None
    for url in pages:
        assert "sam" in text_of(admin_client, url), url


def test_a_name_that_changes_is_shown_as_it_is_now(admin_client, sam, rows):
    User.objects.filter(pk=sam.pk).update(username="samantha")
    url = reverse("admin:sync_syncrun_change", args=[rows[0].pk])
    assert "samantha" in text_of(admin_client, url)


def test_a_marker_names_who_said_so_also_when_the_account_is_gone(
    tenant, pex, cmic, sam
):
    purchase = pex.add_purchase(amount=Decimal(5), tags={"Job/Dept/Eqp.": "999999"})
    execute(tenant)
    row = row_of(purchase)
    Decision.objects.make(row, Decision.Kind.MARK_SYNCED, user=sam, why="By hand.")
    sam.delete()
    execute(tenant)
    (note,) = pex.notes(purchase)
    assert "(marked by sam)" in note


def test_a_tag_sync_of_a_run_names_who_started_the_run(acme, sam):
    run, _ = request_run(acme, SyncRun.Trigger.MANUAL, user=sam)
    sam.delete()
    run.refresh_from_db()
    mapping = acme.mappings.first()
    assert TagSync.objects.begin(mapping, "job", run, None).starter == "sam"


def test_what_somebody_did_with_a_tenant_stays_in_its_history(client, acme, sam):
    sam.is_superuser = True
    sam.save()
    client.force_login(sam)
    client.post(reverse("admin:connector_tenant_refresh_codes", args=[acme.pk]))
    before = [(each.by, each.lines) for each in events_of(acme)]
    assert ("sam", ["Asked for CMiC's codes to be read."]) in before
    sam.delete()
    assert [(each.by, each.lines) for each in events_of(acme)] == before


def test_the_migration_names_whoever_has_an_account(sam, rows):
    for model, key in KEYS.items():
        model.objects.update(**{f"{key}_name": ""})
    run = rows[0]
    nobodys = add_run(run.tenant)
    migration = import_module("sync.migrations.0023_names_filled")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(migration, "_ROWS", 1)
        migration.fill(apps, None)
    for model, key in KEYS.items():
        named = model.objects.exclude(**{key: None})
        assert {getattr(each, f"{key}_name") for each in named} == {"sam"}
    nobodys.refresh_from_db()
    assert nobodys.started_by_name == ""
