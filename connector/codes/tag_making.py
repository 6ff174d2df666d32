"""The dropdown tags of PEX that mappings need (F7): which are missing, and making them.

Keeping the options of existing tags up to date is `sync.engine.tags.sync`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from connector.api.cmic.types import CodeKind
from connector.api.exceptions import ConnectorError
from connector.api.pex.client import PexClient
from connector.api.pex.option_names import Value, distinct_names
from connector.api.pex.types import Tag, TagOption, tag_named
from connector.connections.clients import pex_client
from connector.models import CmicCode, FieldMapping, Tenant


class TagsRefusedError(Exception):
    """Nothing could be made, and this is what a person must do first."""


@dataclass(frozen=True)
class Made:
    """`created` and `found` are names of tags, `mapped` titles of rows; `problems` are
    sentences about tags that are there and cannot be used."""

    created: Sequence[str]
    found: Sequence[str]
    mapped: Sequence[str]
    problems: Sequence[str]


def read_tags(tenant: Tenant) -> list[Tag]:
    """PEX's tags as they are now, which are then remembered.

    Raises the errors of `connector.api.exceptions`.
    """
    tags = pex_client(tenant).list_tags()
    tenant.pex.remember_tags(tags)
    return tags


def create_tags(tenant: Tenant, *, required: bool = False) -> Made:
    """Make the tags that the tenant's mappings miss in PEX, and map empty rows to them.

    Rows with a static value stay as they are. Harmless to repeat: PEX is asked first
    which tags it has. Raises `TagsRefusedError`, and the errors of
    `connector.api.exceptions`.
    """
    rows = _rows_to_tag(tenant)
    client = pex_client(tenant)
    tags = client.list_tags()
    created: list[str] = []
    found: list[str] = []
    mapped: list[str] = []
    problems: list[str] = []
    try:
        for row, kind in rows:
            name = row.tag or str(row.get_field_display())
            there = tag_named(tags, name)
            if there is None:
                options = _options(tenant, row, kind)
                tags.append(_create(client, name, kind, options, required=required))
                created.append(name)
            elif problem := _problem(there):
                problems.append(problem)
                continue
            else:
                found.append(name)
            if not row.tag and _map(row, name):
                mapped.append(str(row.get_field_display()))
    finally:
        tenant.pex.remember_tags(tags)
    return Made(created, found, mapped, problems)


def _rows_to_tag(tenant: Tenant) -> list[tuple[FieldMapping, CodeKind]]:
    if tenant.line_type is None:
        raise TagsRefusedError(
            "The Type Code is not chosen. Choose and save it first: it decides what "
            "the tags stand for."
        )
    rows = tenant.code_mappings()
    wanted = [(row, kind) for row, kind in rows if not row.static_value]
    if not wanted:
        raise TagsRefusedError(
            "Every field is mapped to a static value, so no tag is needed. Choose “PEX "
            "tag” in a row and save it first."
        )
    for _, kind in wanted:
        if not _codes(tenant, kind).exists():
            raise TagsRefusedError(
                f"CMiC's list of {kind.plural} was not read yet, and a tag "
                "needs options. Press Refresh codes first."
            )
    return wanted


def _create(
    client: PexClient,
    name: str,
    kind: CodeKind,
    options: Sequence[TagOption],
    *,
    required: bool,
) -> Tag:
    """The new tag; where PEX's answer was lost, it is asked whether it has it."""
    description = f"CMiC {kind.label}, for the PEX Connector for CMiC."
    try:
        return client.create_dropdown(name, description, options, required=required)
    except ConnectorError as error:
        if not error.may_have_succeeded:
            raise
        there = tag_named(client.list_tags(), name)
        if there is None:
            raise
        return there


def _map(row: FieldMapping, name: str) -> bool:
    """Whether the row was mapped: somebody may have filled it in meanwhile."""
    with transaction.atomic():
        row = FieldMapping.objects.select_for_update().get(pk=row.pk)
        if row.is_set:
            return False
        row.tag = name
        row.save(update_fields=["tag"])
        return True


def _problem(tag: Tag) -> str:
    if not tag.is_dropdown:
        return (
            f"PEX has a tag “{tag.name}” that is not a dropdown. Rename it in PEX, or "
            "map the field to another tag."
        )
    if not tag.is_usable:
        return f"PEX has a tag “{tag.name}” that is disabled. Enable it in PEX."
    return ""


def _codes(tenant: Tenant, kind: CodeKind) -> QuerySet[CmicCode]:
    return CmicCode.objects.filter(
        tenant=tenant, kind=kind, company__in=("", tenant.company_code), is_active=True
    )


def _options(tenant: Tenant, row: FieldMapping, kind: CodeKind) -> list[TagOption]:
    """One option a code, named as syncing the tag would name it."""
    codes = dict(_codes(tenant, kind).order_by("code").values_list("code", "name"))
    values = {code: Value(code, name) for code, name in codes.items()}
    names = distinct_names(values, set(), row.label, [])
    return [TagOption(names[code], code, True) for code in codes]
