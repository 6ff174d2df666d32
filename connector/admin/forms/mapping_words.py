"""What a mapping will do, in words: one sentence a row, and what a change breaks.

Reads the cached codes and PEX's tags as last read; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from connector.api.cmic.types import LineType
from connector.api.pex.types import tag_named
from connector.codes.choices import Above, find, shelf_of
from connector.models import Field, FieldMapping, Tenant
from connector.models.codes import CodeState
from connector.models.invoice_fields import CODE_FIELDS, STATIC_ONLY, kind_of

_LINES = {
    LineType.JOB: "a job",
    LineType.DEPARTMENT: "a department",
    LineType.EQUIPMENT: "a piece of equipment",
}
_MANY = {
    LineType.JOB: "jobs",
    LineType.DEPARTMENT: "departments",
    LineType.EQUIPMENT: "pieces of equipment",
}
_WHAT_FOLLOWS = {
    CodeState.INACTIVE: "It is inactive in CMiC: purchases that get it are blocked.",
    CodeState.UNKNOWN: "CMiC does not have it: purchases that get it are blocked.",
    CodeState.UNCHECKED: "It is unchecked, because CMiC's list could not be looked at.",
}


@dataclass(frozen=True)
class Words:
    """A sentence about a row. `tone` is good, open, warning or bad."""

    html: SafeString
    tone: str = "good"


@dataclass
class Rows:
    """The six rows as a page has them now, saved or not."""

    tenant: Tenant
    by_field: dict[str, FieldMapping]
    type_code: str
    saved_type: str

    @classmethod
    def of(cls, tenant: Tenant, rows: Iterable[FieldMapping]) -> Rows:
        """`rows` as they are stored; what is entered may be put into them later."""
        by_field = {str(row.field): row for row in rows}
        row = by_field.get(Field.TYPE_CODE)
        type_code = row.static_value if row else ""
        return cls(tenant, by_field, type_code, type_code)

    @property
    def is_type_changed(self) -> bool:
        return bool(self.saved_type) and self.type_code != self.saved_type

    @property
    def above(self) -> Above:
        """What is chosen above the values of the rows."""
        first, second = (self._code(each) for each in CODE_FIELDS[:2])
        return Above(
            company=self.tenant.company_code,
            type=self.type_code,
            first=first,
            second=second,
        )

    def _code(self, field: str) -> str:
        row = self.by_field.get(field)
        return (row.static_value or row.default_value) if row else ""


def tag_mark(tenant: Tenant, name: str) -> str:
    """What is wrong with a tag of PEX, empty if nothing is or PEX was not asked."""
    pex = tenant.pex_or_none
    if pex is None:
        return "unchecked"
    if not pex.tags:
        return "unchecked"
    tag = tag_named(pex.remembered_tags(), name)
    if tag is None:
        return "not in PEX any more"
    if not tag.is_usable:
        return "disabled in PEX"
    return "" if tag.is_dropdown else "no dropdown"


def mapping_words(row: FieldMapping, rows: Rows) -> Words:
    """What the row will do to a purchase."""
    field = str(row.field)
    if field == Field.VALID_FLAG:
        return _flag_words(row.static_value)
    if field == Field.TYPE_CODE:
        return _type_words(row.static_value)
    kind = kind_of(field, rows.type_code)
    if kind is None:
        if rows.type_code == LineType.DEPARTMENT:
            return Words(
                format_html("{}", "A department has no third code: nothing is sent.")
            )
        return Words(format_html("{}", "Choose the Type Code first."), "open")
    title = capfirst(kind.label)
    if row.tag:
        return _tag_words(title, row, rows)
    if not row.static_value:
        needs = "a value" if field in STATIC_ONLY else "a tag or a value"
        return Words(format_html("{}: choose {}.", title, needs), "open")
    shown, follows, tone = _code_words(row, row.static_value, rows)
    return Words(format_html("{}: always {}.{}", title, shown, follows), tone)


def type_change_words(rows: Rows) -> Sequence[str]:
    """What another Type Code than the saved one breaks."""
    types = list(LineType)
    if not rows.is_type_changed or rows.type_code not in types:
        return []
    was, new = LineType(rows.saved_type), LineType(rows.type_code)
    broken = [
        f"The Type Code changes from {was} to {new}: lines are booked on {_LINES[new]} "
        f"instead of {_LINES[was]}."
    ]
    for field in CODE_FIELDS:
        row = rows.by_field.get(field)
        if row is not None:
            broken += _broken_by_type(row, rows, was)
    return broken


def _broken_by_type(row: FieldMapping, rows: Rows, was: LineType) -> list[str]:
    field, name = str(row.field), row.get_field_display()
    kind = kind_of(field, rows.type_code)
    code = row.static_value or row.default_value
    if kind is None:
        return [f"{name} is not sent any more."] if row.is_set else []
    broken = []
    shelf = shelf_of(field, rows.above)
    if code and shelf is not None:
        state, _ = find(rows.tenant.pk, shelf, code)
        if state is not CodeState.ACTIVE:
            broken.append(
                f"{name}: {code} is no {kind.label}. Choose one in its place."
            )
    if row.tag:
        broken.append(
            f"{name}: the options of the tag “{row.tag}” are codes for {_MANY[was]}. "
            "Purchases tagged with them are blocked until its options follow."
        )
    return broken


def _flag_words(value: str) -> Words:
    sentence, tone = {
        "Y": ("Invoices arrive as valid: CMiC can turn them into vouchers.", "good"),
        "N": ("Invoices arrive as not valid: a clerk takes each up in CMiC.", "good"),
    }.get(value, ("Choose Y or N.", "open"))
    return Words(format_html("{}", sentence), tone)


def _type_words(value: str) -> Words:
    if value not in list(LineType):
        return Words(format_html("{}", "Choose what lines are booked on."), "open")
    return Words(format_html("Each line is booked on {}.", _LINES[LineType(value)]))


def _tag_words(title: str, row: FieldMapping, rows: Rows) -> Words:
    mark = tag_mark(rows.tenant, row.tag)
    tag = format_html("{}: the tag <em>{}</em>", title, row.tag)
    if not row.default_value:
        end = format_html("{}", "; a purchase without it is blocked until it is tagged")
        follows, tone = format_html("{}", ""), "good"
    else:
        shown, follows, tone = _code_words(row, row.default_value, rows)
        end = format_html(", else {}", shown)
    if mark == "unchecked":
        broken = format_html(" {}", "The tag is unchecked: PEX's tags were not read.")
        tone = "warning" if tone == "good" else tone
    elif mark:
        broken = format_html(
            " The tag is broken ({}): purchases without it are blocked, default or "
            "not. Choose another.",
            mark,
        )
        tone = "bad"
    else:
        broken = format_html("{}", "")
    synced = format_html(" {}", _option_words(row)) if row.sync_options else ""
    return Words(format_html("{}{}.{}{}{}", tag, end, follows, synced, broken), tone)


def _option_words(row: FieldMapping) -> str:
    shown = row.get_label_display()
    return f"Its options follow CMiC, shown as {shown}{row.filter_words('; ')}."


def _code_words(
    row: FieldMapping, code: str, rows: Rows
) -> tuple[SafeString, SafeString, str]:
    """The code with its name, what follows from its state, and the tone of that."""
    field = str(row.field)
    shelf = shelf_of(field, rows.above)
    if shelf is None or rows.tenant.pk is None:
        return format_html("{}", code), format_html("{}", ""), "good"
    state, name = find(rows.tenant.pk, shelf, code)
    shown = format_html("<strong>{}</strong> {}", code, name).rstrip()
    follows = _WHAT_FOLLOWS.get(state, "")
    if state is CodeState.UNKNOWN:
        follows = _elsewhere(row, code, rows) or follows
    tone = {
        CodeState.ACTIVE: "good",
        CodeState.UNCHECKED: "warning",
    }.get(state, "bad")
    parts = [(follows,)] if follows else []
    return SafeString(shown), format_html_join("", " {}", parts), tone


def _elsewhere(row: FieldMapping, code: str, rows: Rows) -> str:
    """A code that CMiC has, only not below what is chosen above it."""
    field = str(row.field)
    above = rows.above
    anywhere = shelf_of(field, Above(company=above.company, type=above.type))
    if anywhere is None or find(rows.tenant.pk, anywhere, code)[0] is CodeState.UNKNOWN:
        return ""
    on = " / ".join(filter(None, (above.first, above.second)))
    if field == CODE_FIELDS[1]:
        on = above.first
    return f"CMiC does not have it on {on}: the two do not go together."
