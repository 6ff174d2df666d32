"""Each mapping row says what it does, and what is wrong with it, as one edits."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from connector.codes.reading import refresh_all
from connector.connections.clients import cmic_client
from connector.models import PexConnection, TransactionSettings
from tests.connector.admin.test_tenant import answers
from tests.support.factories import make_tenant

pytestmark = pytest.mark.django_db

JOB = "job_dept_eqp"
PHASE = "cost_code_account_category"
THIRD = "cost_type_tran_code"


@pytest.fixture
def read(tenant):
    refresh_all(tenant, cmic_client(tenant))
    return tenant


def words(client, tenant, **changes):
    """What the page would be told, as text."""
    data = answers(tenant, **changes)
    url = reverse("admin:connector_tenant_words", args=[tenant.pk])
    return client.post(url, data).json()


def sentence(client, tenant, field, **changes):
    html = words(client, tenant, **changes)["rows"][field]["html"]
    return re.sub(r"<[^>]+>", "", html)


def test_a_tag_with_a_default_is_told_with_the_names(admin_client, read):
    html = words(admin_client, read)["rows"][JOB]["html"]
    assert html.startswith(
        "Job: the tag <em>Job/Dept/Eqp.</em>, else <strong>017401</strong> Main Street"
    )


@pytest.mark.parametrize(
    ("field", "changes", "said"),
    [
        ("group_code", {}, "Group: always PEX PEX card purchases."),
        ("valid_flag", {}, "Invoices arrive as valid"),
        ("type_code", {}, "Each line is booked on a job."),
        (PHASE, {}, "a purchase without it is blocked until it is tagged."),
        (THIRD, {}, "Cost type: always 4000 Material."),
        (JOB, {"mappings-3-default_value": "016210"}, "It is inactive in CMiC"),
        (JOB, {"mappings-3-default_value": "9"}, "CMiC does not have it"),
        (
            PHASE,
            {"mappings-4-default_value": "09.900"},
            "CMiC does not have it on 017401: the two do not go together.",
        ),
        (THIRD, {"mappings-2-static_value": "G"}, "A department has no third code"),
        (THIRD, {"mappings-2-static_value": ""}, "Choose the Type Code first."),
        (THIRD, {"mappings-5-static_value": ""}, "choose a tag or a value."),
    ],
)
def test_every_row_says_what_it_does(admin_client, read, field, changes, said):
    assert said in sentence(admin_client, read, field, **changes)


def test_before_codes_are_read_a_code_is_unchecked(admin_client):
    assert "It is unchecked" in sentence(admin_client, make_tenant(), THIRD)


def test_a_tag_that_pex_lost_or_disabled_is_broken(admin_client, read):
    tags = [
        {"id": "1", "name": "Job/Dept/Eqp.", "type": "dropdown", "is_usable": False}
    ]
    PexConnection.objects.update(tags=tags)
    row = words(admin_client, read)["rows"][JOB]
    assert "broken (disabled in PEX)" in row["html"]
    assert row["tone"] == "bad"
    assert "broken (not in PEX any more)" in sentence(admin_client, read, PHASE)


def test_another_type_code_says_what_it_breaks(admin_client, read):
    assert words(admin_client, read)["warnings"] == []
    change = {"mappings-2-static_value": "E"}
    warnings = " ".join(words(admin_client, read, **change)["warnings"])
    assert "lines are booked on a piece of equipment instead of a job" in warnings
    assert "Job/Dept/Eqp.: 017401 is no equipment." in warnings
    assert "the options of the tag “Job/Dept/Eqp.” are codes for jobs" in warnings
    assert "Cost Type/Tran Code: 4000 is no transaction code." in warnings


def test_what_is_entered_is_escaped(admin_client, read):
    changes = {"mappings-3-tag": "<script>", "mappings-3-default_value": "<b>"}
    html = words(admin_client, read, **changes)["rows"][JOB]["html"]
    assert "<script>" not in html
    assert "<b>" not in html


def test_the_days_follow_the_dates_that_are_entered(admin_client, read):
    said = words(admin_client, read)["settings"]
    assert "no start date, so both go two months back" in " ".join(said)
    today = words(admin_client, read, **{"transactions-0-start_date": "2099-01-01"})
    assert "settings" not in today
    assert TransactionSettings.objects.get().start_date is None


def test_nothing_is_saved(admin_client, read):
    before = list(read.mappings.order_by("pk").values())
    words(admin_client, read, **{"mappings-5-static_value": "5000"})
    assert list(read.mappings.order_by("pk").values()) == before
