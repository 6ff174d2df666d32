"""From a tenant's rows to the rules that the pure modules judge and build by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from connector.api.cmic.types import CodeKind, LineType
from connector.api.exceptions import SettingsIncompleteError
from connector.api.pex.types import Tag, tag_named
from connector.models import CmicCode, Field, FieldMapping, TagMeaning, Tenant
from sync.models import OptionAlias
from sync.models.tagging import Aliases
from sync.rules.coding import CodingRules, FieldRule
from sync.rules.invoicing import InvoiceRules
from sync.rules.selection import SelectionRules
from sync.rules.tag_reading import Meaning, Meanings


def require_complete(tenant: Tenant) -> None:
    """Raises `SettingsIncompleteError` naming all that is missing."""
    if missing := tenant.missing_settings():
        raise SettingsIncompleteError(
            f"The settings of {tenant} are not complete: {' '.join(missing)}"
        )


def selection_rules(tenant: Tenant, tags: Sequence[Tag] | None) -> SelectionRules:
    """`tags` are PEX's definitions, None if PEX did not tell them."""
    settings = tenant.transactions
    return SelectionRules(
        approved_only=settings.approved_only,
        attachments_only=settings.attachments_only,
        refunds=settings.refunds,
        invoice_date=settings.invoice_date,
        coding=coding_rules(tenant, tags),
        tags={tag.tag_id: tag for tag in tags or ()},
    )


def coding_rules(tenant: Tenant, tags: Sequence[Tag] | None) -> CodingRules:
    kind = tenant.line_type or LineType.JOB
    fields = [
        _field_rule(row, code_kind, tags)
        for row, code_kind in tenant.code_mappings(kind)
    ]
    ids = [each.definition.tag_id for each in fields if each.definition is not None]
    known = OptionAlias.objects.texts_of(tenant, ids) if ids else {}
    rules = tuple(_with_aliases(each, known) for each in fields)
    return CodingRules(kind, rules, _meanings(tenant))


def _meanings(tenant: Tenant) -> Meanings:
    """What people said that tags' values mean in the tenant's company."""
    of_all: dict[tuple[str, str], Meaning] = {}
    of_one: dict[tuple[int, str, str], Meaning] = {}
    company = tenant.transactions.company_code
    for each in TagMeaning.objects.filter(tenant=tenant, company=company):
        meaning = Meaning(each.code, each.value, each.chosen_by)
        key = (each.kind, each.folded)
        if each.transaction_id is None:
            of_all[key] = meaning
        else:
            of_one[each.transaction_id, *key] = meaning
    return Meanings(of_all, of_one)


def _with_aliases(rule: FieldRule, known: Mapping[str, Aliases]) -> FieldRule:
    found = known.get(rule.definition.tag_id) if rule.definition is not None else None
    return replace(rule, adopted=found.values, former=found.names) if found else rule


def _field_rule(
    mapping: FieldMapping, kind: CodeKind, tags: Sequence[Tag] | None
) -> FieldRule:
    tag = tag_named(tags or (), mapping.tag)
    is_usable = tag is not None and tag.is_usable
    return FieldRule(
        label=str(Field(mapping.field).label),
        kind=kind,
        static=mapping.static_value,
        tag=mapping.tag,
        default=mapping.default_value,
        definition=tag,
        is_tag_gone=bool(mapping.tag) and tags is not None and not is_usable,
    )


def invoice_rules(tenant: Tenant) -> InvoiceRules:
    rows = tenant.mappings_by_field()
    company = tenant.transactions.company_code
    return InvoiceRules(
        company=company,
        vendor=tenant.transactions.vendor_code,
        group=rows[Field.GROUP_CODE].static_value,
        valid_flag=rows[Field.VALID_FLAG].static_value,
        currency=CmicCode.objects.currency_of(tenant.pk, company),
    )
