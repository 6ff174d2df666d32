"""The six fields of a CMiC invoice that mappings fill, and the kind of code in each.

Where a field's value comes from is `connector.models.mapping`; which codes of a kind
there are is `connector.models.codes`.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from connector.api.cmic.types import CodeKind, LineType


class Field(models.TextChoices):
    """The six fields of a CMiC invoice that a mapping fills, in their order."""

    GROUP_CODE = "group_code", _("Group Code")
    VALID_FLAG = "valid_flag", _("Valid Flag")
    TYPE_CODE = "type_code", _("Type Code")
    JOB_DEPT_EQP = "job_dept_eqp", _("Job/Dept/Eqp.")
    COST_CODE_ACCOUNT_CATEGORY = (
        "cost_code_account_category",
        _("Cost Code/Account/Category"),
    )
    COST_TYPE_TRAN_CODE = "cost_type_tran_code", _("Cost Type/Tran Code")


STATIC_ONLY = (Field.GROUP_CODE, Field.VALID_FLAG, Field.TYPE_CODE)
CODE_FIELDS = (
    Field.JOB_DEPT_EQP,
    Field.COST_CODE_ACCOUNT_CATEGORY,
    Field.COST_TYPE_TRAN_CODE,
)

KINDS_BY_TYPE: dict[LineType, tuple[CodeKind, ...]] = {
    LineType.JOB: (CodeKind.JOB, CodeKind.COST_CODE, CodeKind.CATEGORY),
    LineType.DEPARTMENT: (CodeKind.DEPARTMENT, CodeKind.ACCOUNT),
    LineType.EQUIPMENT: (
        CodeKind.EQUIPMENT,
        CodeKind.COMPONENT,
        CodeKind.TRANSACTION_CODE,
    ),
}
# Kinds that CMiC does not keep per company.
SHARED_KINDS = (
    CodeKind.COMPANY,
    CodeKind.ACCOUNT,
    CodeKind.SOURCE,
    CodeKind.DOCUMENT_TYPE,
)


def kind_of(field: str, type_code: str) -> CodeKind | None:
    """The kind of code that a field takes under this Type Code; None where it takes
    none, or which one is not known yet."""
    if field == Field.GROUP_CODE:
        return CodeKind.REGISTRY_GROUP
    if field not in CODE_FIELDS or type_code not in list(LineType):
        return None
    kinds = KINDS_BY_TYPE[LineType(type_code)]
    place = CODE_FIELDS.index(Field(field))
    return kinds[place] if place < len(kinds) else None
