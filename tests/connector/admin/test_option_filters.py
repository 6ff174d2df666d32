"""Which codes a mapping's tag offers: entered, told, exported, imported and copied."""

from __future__ import annotations

import pytest

from connector.admin.forms.mapping_words import Rows, mapping_words
from connector.history import entries_of
from connector.models import FieldMapping, Tenant
from connector.transfer.copying import copy, replacements
from connector.transfer.exporting import export_tenant
from connector.transfer.importing import import_tenant
from tests.connector.admin.test_tenant import answers, page_of
from tests.support.factories import make_tenant, tenant_data

FILTER = {
    "only_statuses": "I",
    "only_prefixes": "24., 25.",
    "excluded_codes": "25.016",
}


@pytest.fixture
def tenant(db):
    return make_tenant()


def job_row(tenant):
    return FieldMapping.objects.get(tenant=tenant, field="job_dept_eqp")


def kept(tenant):
    row = job_row(tenant)
    return {name: getattr(row, name) for name in FILTER}


def switch_on(tenant, **changes):
    row = job_row(tenant)
    for name, value in {"sync_options": True, **FILTER, **changes}.items():
        setattr(row, name, value)
    row.save()


def test_it_is_entered_with_the_mapping_told_in_words_and_kept_in_the_history(
    admin_client, tenant
):
    changes = {f"mappings-3-{name}": value for name, value in FILTER.items()}
    data = answers(tenant, **{"mappings-3-sync_options": "on", **changes})
    assert admin_client.post(page_of(tenant), data).status_code == 302
    assert kept(tenant) == FILTER
    row = job_row(tenant)
    words = mapping_words(row, Rows.of(tenant, tenant.mappings.all())).html
    assert "Its options follow CMiC, shown as name; only with status I" in words
    assert "never 25.016" in words
    lines = [line for entry in entries_of(tenant) for line in entry.lines]
    assert "Mapping of Job/Dept/Eqp., never: empty → 25.016" in lines
    assert 'value="24., 25."' in admin_client.get(page_of(tenant)).content.decode()


def test_it_goes_out_and_in_as_json(tenant):
    switch_on(tenant)
    data = export_tenant(tenant)["mappings"]["job_dept_eqp"]
    assert FILTER.items() <= data.items()
    switch_on(tenant, only_statuses="", only_prefixes="", excluded_codes="")
    assert not FILTER.keys() & export_tenant(tenant)["mappings"]["job_dept_eqp"].keys()
    whole = tenant_data("http://127.0.0.1:9", "http://127.0.0.1:9")
    whole["mappings"]["job_dept_eqp"] = data
    import_tenant(whole, {})
    assert kept(tenant) == FILTER


def test_it_is_copied_and_a_missing_one_takes_it_away(tenant):
    other = Tenant.objects.create(slug="other", name="Other")
    switch_on(tenant)
    import_tenant(
        {
            **tenant_data("http://127.0.0.1:9", "http://127.0.0.1:9"),
            "slug": "other",
        },
        {},
    )
    (found,) = replacements(tenant, other)
    assert "only codes starting with 24., 25." in found.after
    copy(tenant, other, ["mappings.job_dept_eqp"])
    assert kept(other) == FILTER
    switch_on(tenant, only_statuses="", only_prefixes="", excluded_codes="")
    copy(tenant, other, ["mappings.job_dept_eqp"])
    assert set(kept(other).values()) == {""}
