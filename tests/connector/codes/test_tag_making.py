"""*Create PEX tags for CMiC* (F7): the missing ones only, once, and mapped."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import FieldMapping, Tenant
from tests.connector.admin.test_tenant import said
from tests.simulators.pex.tags import CATEGORY, JOB, PHASE

pytestmark = pytest.mark.usefixtures("no_http_inside_transactions")


@pytest.fixture
def unmapped(tenant):
    """The codes are read, and the three coded fields are mapped to nothing."""
    refresh_all(tenant, cmic_client(tenant))
    coded = tenant.mappings.filter(field__in=FIELDS)
    coded.update(static_value="", tag="", default_value="")
    return tenant


FIELDS = ("job_dept_eqp", "cost_code_account_category", "cost_type_tran_code")


def press(client, tenant, **data):
    url = reverse("admin:connector_tenant_create_tags", args=[tenant.pk])
    return client.post(url, data, follow=True)


def names(pex):
    return [one.name for one in pex.tag_book.living() if one.type == "Dropdown"]


def mapped_tags():
    rows = FieldMapping.objects.exclude(tag="").order_by("pk")
    return list(rows.values_list("tag", flat=True))


def test_the_missing_tags_are_made_with_cmics_codes_and_mapped(
    admin_client, unmapped, pex
):
    for name in (JOB, CATEGORY):
        pex.delete_tag(name)
    response = press(admin_client, unmapped, required="yes")
    assert sorted(names(pex)) == sorted([PHASE, JOB, CATEGORY])
    assert mapped_tags() == [JOB, PHASE, CATEGORY]
    made = next(one for one in pex.tag_book.living() if one.name == JOB)
    assert made.is_required
    assert ("Main Street Garage", "017401") in [
        (option.name, option.value) for option in made.options
    ]
    # Closed in CMiC.
    assert "016210" not in [option.value for option in made.options]
    assert f"Created in PEX: “{JOB}”, “{CATEGORY}”." in said(response)
    assert Tenant.objects.get().pex.tag_types()[JOB] == "dropdown"


def test_pressing_twice_makes_nothing_twice(admin_client, unmapped, pex):
    pex.delete_tag(JOB)
    press(admin_client, unmapped)
    response = press(admin_client, unmapped)
    assert names(pex).count(JOB) == 1
    assert "PEX has all tags already" in said(response)


def test_a_row_with_a_static_value_stays_as_it_is(admin_client, unmapped, pex):
    pex.delete_tag(CATEGORY)
    unmapped.mappings.filter(field=FIELDS[2]).update(static_value="4000")
    press(admin_client, unmapped)
    assert CATEGORY not in names(pex)
    assert FieldMapping.objects.get(field=FIELDS[2]).tag == ""


def test_a_deleted_tag_of_a_mapping_is_made_again(admin_client, unmapped, pex):
    unmapped.mappings.filter(field=FIELDS[0]).update(tag="Project")
    press(admin_client, unmapped)
    assert "Project" in names(pex)


def test_without_a_type_code_or_codes_it_says_what_to_do_first(
    admin_client, tenant, pex
):
    before = names(pex)
    tenant.mappings.filter(field__in=FIELDS).update(
        static_value="", tag="", default_value=""
    )
    assert "Press Refresh codes first." in said(press(admin_client, tenant))
    tenant.mappings.filter(field="type_code").update(static_value="")
    assert "The Type Code is not chosen." in said(press(admin_client, tenant))
    assert names(pex) == before


def test_a_tag_that_is_no_dropdown_is_named(admin_client, unmapped, pex):
    pex.tag_book.named(JOB).type = "Text"
    response = press(admin_client, unmapped)
    assert "that is not a dropdown. Rename it in PEX" in said(response)
    assert mapped_tags() == [PHASE, CATEGORY]


def test_pex_that_is_away_is_told(admin_client, unmapped):
    unmapped.pex.token = "wrong"
    unmapped.pex.save(update_fields=["token"])
    assert "tags could not be made." in said(press(admin_client, unmapped))
    url = reverse("admin:connector_tenant_read_tags", args=[unmapped.pk])
    response = admin_client.post(url, follow=True)
    assert "tags could not be read." in said(response)


def test_tags_are_read_again_at_the_press_of_a_button(admin_client, tenant, pex):
    pex.delete_tag(JOB)
    url = reverse("admin:connector_tenant_read_tags", args=[tenant.pk])
    assert "PEX has 2 dropdown tags" in said(admin_client.post(url, follow=True))
    assert JOB not in Tenant.objects.get().pex.tag_types()


def test_both_are_posts_of_those_who_may_change_the_tenant(client, tenant, pex):
    before = names(pex)
    person = User.objects.create_user("sam", password="x", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_tenant"))
    client.force_login(person)
    for name in ("create_tags", "read_tags"):
        url = reverse(f"admin:connector_tenant_{name}", args=[tenant.pk])
        assert client.post(url).status_code == 403
        assert client.get(url).status_code == 403
    assert names(pex) == before
