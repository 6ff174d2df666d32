"""One title for one thing, whoever says it: kinds of codes, and reasons."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from connector.admin.forms.mapping_words import Rows, mapping_words
from connector.api.cmic.types import CodeKind, LineType
from connector.models import CmicCode, CodeRefresh, RefreshState
from sync.admin.wording import line_table
from sync.engine.alert.writing import write_daily_alerts
from sync.models import Alert, TagSync
from sync.rules.coding import Catalog, CodedLine, CodingRules, FieldRule, check_line
from tests.support.factories import make_tenant
from tests.support.rows import LOOKING, add_person, add_purchase, add_run, text_of

KINDS = (CodeKind.JOB, CodeKind.COST_CODE, CodeKind.CATEGORY)
REFUSED = {
    "code": "refused_by_cmic",
    "message": "CMiC: the period is closed.",
    "who": "cmic_admin",
}


@pytest.fixture
def acme(db):
    return make_tenant()


@pytest.fixture
def read(acme):
    """CMiC's cost types were read, and there was one."""
    CmicCode.objects.create(
        tenant=acme, kind="category", company="001", code="4000", seen_at=timezone.now()
    )
    CodeRefresh.objects.create(
        tenant=acme,
        kind="category",
        company="001",
        refreshed_at=timezone.now(),
        count=1,
    )


@pytest.mark.parametrize("model", [CmicCode, CodeRefresh, RefreshState, TagSync])
def test_a_row_of_a_kind_is_titled_as_the_kind(model):
    titles = {kind: model(kind=kind).get_kind_display() for kind in CodeKind}
    assert titles == {kind: kind.label for kind in CodeKind}
    assert titles[CodeKind.CATEGORY] == "cost type"


class TestACostType:
    def test_when_a_mapping_names_one_that_is_not_there(self, acme, read):
        row = acme.mappings.get(field="cost_type_tran_code")
        row.static_value = "9999"
        with pytest.raises(ValidationError, match="CMiC has no cost type “9999”"):
            row.full_clean()

    def test_when_a_purchase_has_one_that_is_not_there(self):
        fields = tuple(FieldRule(kind.label, kind) for kind in KINDS)
        line = CodedLine(
            LineType.JOB, ("1", "2", "9999"), ("tag",) * 3, Decimal("118.40")
        )
        catalog = Catalog(checked=frozenset({CodeKind.CATEGORY}))
        [reason] = check_line(line, CodingRules(LineType.JOB, fields), catalog)
        assert "CMiC has no cost type “9999” (tag)." in reason.message

    def test_in_the_words_of_a_mapping(self, acme, read):
        rows = Rows.of(acme, acme.mappings.all())
        words = mapping_words(rows.by_field["cost_type_tran_code"], rows)
        assert words.html.startswith("Cost type: always")

    def test_on_the_invoice_of_a_purchase(self):
        line = {
            "type": "J",
            "codes": ["017401", "02.100", "4000"],
            "sources": ["tag", "default", "static"],
            "amount": "118.40",
        }
        assert "cost type 4000" in strip_tags(line_table([line]))

    def test_on_the_page_of_the_codes(self, client, acme, read):
        client.force_login(add_person(*LOOKING))
        page = text_of(client, reverse("admin:connector_tenant_change", args=[acme.pk]))
        assert "cost type" in page
        assert "category" not in page.lower().replace(
            "cost code/account/category", ""
        ).replace("cost_code_account_category", "")

    def test_in_the_command_that_reads_codes(self, tenant):
        out = StringIO()
        call_command("refresh_codes", "acme", stdout=out)
        titles = {line.rsplit(maxsplit=1)[0] for line in out.getvalue().splitlines()}
        assert {"cost type", "group", "Imaging source"} <= titles
        assert not {"category", "registry group", "source"} & titles


def test_a_refusal_is_titled_in_mails_as_on_the_page_of_causes(client, acme):
    add_purchase(add_run(acme), 1, status="failed", reasons=[REFUSED])
    acme.alert_contacts = "ana@example.com"
    acme.save()
    write_daily_alerts(datetime(2026, 3, 2, 17, 0, tzinfo=UTC))
    [cause] = Alert.objects.get().causes
    client.force_login(add_person(*LOOKING))
    causes = text_of(client, reverse("admin:sync_purchasesync_causes"))
    assert cause["title"] == "Refused by CMiC"
    assert "Refused by CMiC" in causes
