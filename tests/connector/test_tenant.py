"""What a tenant says of itself while it is being set up, and in how many queries."""

import pytest

from connector.api.cmic.types import CodeKind, LineType
from connector.models import Field, Tenant

pytestmark = pytest.mark.django_db
FIRST, SECOND, THIRD = (
    Field.JOB_DEPT_EQP,
    Field.COST_CODE_ACCOUNT_CATEGORY,
    Field.COST_TYPE_TRAN_CODE,
)


def placed(tenant, **options):
    return [(row.field, kind) for row, kind in tenant.code_mappings(**options)]


@pytest.fixture
def new():
    return Tenant.objects.create(slug="new", name="New")


def test_nothing_of_a_new_tenant_is_there_yet(new):
    assert (new.pex_or_none, new.cmic_or_none, new.transactions_or_none) == (None,) * 3
    assert (new.company_code, new.line_type, new.code_mappings()) == ("", None, [])
    assert new.mapping_of(Field.TYPE_CODE) is None


@pytest.mark.parametrize(
    ("type_code", "kinds"),
    [
        ("J", [CodeKind.JOB, CodeKind.COST_CODE, CodeKind.CATEGORY]),
        ("G", [CodeKind.DEPARTMENT, CodeKind.ACCOUNT]),
        ("", []),
    ],
)
def test_the_codes_of_a_line_follow_the_type_code(new, type_code, kinds):
    for field in Field:
        new.mappings.create(field=field)
    new.mappings.filter(field=Field.TYPE_CODE).update(static_value=type_code)
    assert placed(new) == list(zip((FIRST, SECOND, THIRD), kinds, strict=False))


def test_a_type_that_is_not_chosen_may_be_given(new):
    new.mappings.create(field=FIRST)
    assert placed(new, default=LineType.EQUIPMENT) == [(FIRST, CodeKind.EQUIPMENT)]


def test_no_code_follows_a_mapping_that_is_missing(new):
    new.mappings.create(field=Field.TYPE_CODE, static_value="J")
    new.mappings.create(field=FIRST)
    new.mappings.create(field=THIRD)
    assert placed(new) == [(FIRST, CodeKind.JOB)]


def test_what_was_read_ahead_costs_no_query(tenant, django_assert_num_queries):
    whole = Tenant.objects.select_related("pex", "cmic", "transactions")
    read = whole.prefetch_related("mappings").get(pk=tenant.pk)
    with django_assert_num_queries(0):
        assert read.line_type is LineType.JOB
        assert read.company_code == "001"
        assert read.mapping_of(FIRST).field == FIRST
        assert len(read.code_mappings()) == 3
        assert read.missing_settings() == []
