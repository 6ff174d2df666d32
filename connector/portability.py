"""A tenant as JSON, in and out (the shape is a contract with scripts outside).

Reading is strict: an unknown key or a bad value is refused with its path, and then
nothing is changed. A key that is missing keeps what is there; a new tenant needs all
that has no default. Secrets leave as the name of an environment variable only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction

from connector.models import (
    CmicConnection,
    Field,
    FieldMapping,
    PexConnection,
    Tenant,
    TransactionSettings,
)
from connector.parsing import is_storable


class ImportRefusedError(ValueError):
    """The JSON cannot become a tenant; `problems` are (path, sentence)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {said}" for path, said in problems))
        self.problems = problems


@dataclass(frozen=True)
class Key:
    """One key of the JSON: the model's attribute, its type, and what else holds."""

    attribute: str
    type: type
    is_secret: bool = False
    is_required: bool = False


PEX_KEYS = {
    "base_url": Key("base_url", str, is_required=True),
    "token": Key("token", str, is_secret=True, is_required=True),
}
CMIC_KEYS = {
    "base_url": Key("base_url", str, is_required=True),
    "auth": Key("auth", str),
    "client_id": Key("client_id", str),
    "username": Key("username", str),
    "password": Key("password", str, is_secret=True),
    "token_url": Key("token_url", str),
    "oauth_client_id": Key("oauth_client_id", str),
    "oauth_client_secret": Key("oauth_client_secret", str, is_secret=True),
    "scope": Key("scope", str),
    "upload_encoding": Key("upload_encoding", str),
    "flysheets": Key("flysheets", dict),
}
TRANSACTION_KEYS = {
    "start_date": Key("start_date", date),
    "end_date": Key("end_date", date),
    "company_code": Key("company_code", str, is_required=True),
    "ap_invoice_location.source_uuid": Key("source_uuid", str, is_required=True),
    "ap_invoice_location.document_type_uuid": Key(
        "document_type_uuid", str, is_required=True
    ),
    "vendor_code": Key("vendor_code", str, is_required=True),
    "approved_only": Key("approved_only", bool),
    "attachments_only": Key("attachments_only", bool),
    "invoice_date": Key("invoice_date", str),
    "refunds": Key("refunds", str),
    "after_lost_answer": Key("after_lost_answer", str),
    "max_file_bytes": Key("max_file_bytes", int),
}
MAPPING_KEYS = {
    "static": Key("static_value", str),
    "tag": Key("tag", str),
    "default": Key("default_value", str),
    "sync_options": Key("sync_options", bool),
    "label": Key("label", str),
}
_KIND_NAMES: dict[Any, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    dict: "an object",
}
_SWITCHES = ("auto_sync", "dependent_options")
_TOP = ("slug", "name", "pex", "cmic", "transactions", "mappings", *_SWITCHES)


def import_tenant(
    data: Any, environment: Mapping[str, str] | None
) -> tuple[Tenant, bool]:
    """Create or update the tenant that `data` describes; True if it is new.

    `environment` resolves ``{"env": "NAME"}``; None refuses that, for data from people
    who may not read the server's environment: they could have any variable sent to an
    address of theirs. Raises `ImportRefusedError`.
    """
    reader = _Reader(environment)
    if not isinstance(data, Mapping):
        raise ImportRefusedError([("$", "A tenant is a JSON object.")])
    reader.refuse_unknown("", data, _TOP)
    slug = reader.value("slug", data.get("slug"), str)
    if not slug:
        if "slug" not in dict(reader.problems):
            reader.refuse("slug", "A tenant needs a slug.")
        raise ImportRefusedError(reader.problems)
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().filter(slug=slug).first()
        is_new = tenant is None
        tenant = _import(reader, tenant or Tenant(slug=slug), data, is_new=is_new)
        if reader.problems:
            # Leaving with an exception takes everything back.
            raise ImportRefusedError(reader.problems)
    return tenant, is_new


def export_tenant(tenant: Tenant) -> dict[str, Any]:
    """The JSON that `import_tenant` reads, with secrets as environment names."""
    prefix = tenant.slug.upper().replace("-", "_")
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "pex": _export_part(tenant.pex, PEX_KEYS, f"{prefix}_PEX"),
        "cmic": _export_part(tenant.cmic, CMIC_KEYS, f"{prefix}_CMIC"),
        "transactions": _export_part(tenant.transactions, TRANSACTION_KEYS, prefix),
        "mappings": {
            mapping.field: export_mapping(mapping)
            for mapping in sorted(
                tenant.mappings.all(), key=lambda each: Field.values.index(each.field)
            )
        },
        **{switch: getattr(tenant, switch) for switch in _SWITCHES},
    }


def export_mapping(mapping: FieldMapping) -> dict[str, Any]:
    if mapping.tag:
        return {
            "tag": mapping.tag,
            "default": mapping.default_value or None,
            "sync_options": mapping.sync_options,
            "label": mapping.label,
        }
    return {"static": mapping.static_value or None}


@dataclass
class _Reader:
    """Reads values with their paths and gathers everything that is wrong."""

    environment: Mapping[str, str] | None
    problems: list[tuple[str, str]] = field(default_factory=list)

    def refuse(self, path: str, sentence: str) -> None:
        self.problems.append((path, sentence))

    def refuse_unknown(self, path: str, data: Mapping[str, Any], known: Any) -> None:
        for key in data:
            if key not in known:
                where = f"{path}.{key}" if path else str(key)
                self.refuse(where, f"Unknown key. Known are: {', '.join(known)}.")

    def value(self, path: str, value: Any, kind: type) -> Any:
        """The value as its kind; null is the kind's empty value."""
        if value is None and kind is not bool:
            empty: dict[Any, Any] = {str: "", dict: {}}
            return empty.get(kind)
        if kind is date:
            return self._date(path, value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.refuse(path, f"This must be {_KIND_NAMES[kind]}.")
            return None
        if not is_storable(value):
            self.refuse(path, "This has characters that cannot be stored.")
            return None
        return value.strip() if isinstance(value, str) else value

    def secret(self, path: str, value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return self.value(path, value, str)  # type: ignore[no-any-return]
        name = value.get("env")
        if set(value) != {"env"} or not isinstance(name, str):
            self.refuse(path, 'A secret is a string or {"env": "NAME"}.')
            return None
        if self.environment is None:
            self.refuse(
                path,
                "A file that is uploaded cannot name variables of the server. Leave "
                "this out to keep what is stored, or enter it on the tenant's page.",
            )
            return None
        if not self.environment.get(name):
            self.refuse(path, f"The environment has no variable {name}.")
            return None
        return self.environment[name]

    def _date(self, path: str, value: Any) -> date | None:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.refuse(path, "This must be a day such as 2026-03-31, or null.")
            return None


def _import(
    reader: _Reader, tenant: Tenant, data: Mapping[str, Any], *, is_new: bool
) -> Tenant:
    name = reader.value("name", data.get("name", tenant.name), str)
    tenant.name = name or tenant.slug
    for switch in _SWITCHES:
        if switch in data:
            value = reader.value(switch, data[switch], bool)
            setattr(tenant, switch, bool(value))
    if not _save(reader, tenant, "", {"slug": "slug", "name": "name"}):
        return tenant
    for path, model, keys in (
        ("pex", PexConnection, PEX_KEYS),
        ("cmic", CmicConnection, CMIC_KEYS),
        ("transactions", TransactionSettings, TRANSACTION_KEYS),
    ):
        part = data.get(path, {} if not is_new else None)
        _import_part(reader, tenant, path, model, keys, part, is_new=is_new)
    _import_mappings(reader, tenant, data.get("mappings", {}), is_new=is_new)
    return tenant


def _import_part(
    reader: _Reader,
    tenant: Tenant,
    path: str,
    model: type[models.Model],
    keys: Mapping[str, Key],
    part: Any,
    *,
    is_new: bool,
) -> None:
    if not isinstance(part, Mapping):
        missing = (
            "A new tenant needs this." if part is None else "This must be an object."
        )
        reader.refuse(path, missing)
        return
    row = model._default_manager.filter(tenant=tenant).first()
    values = _flat(reader, path, part, keys)
    if row is None:
        row = model(tenant=tenant)
        for key, rule in keys.items():
            if rule.is_required and not values.get(key):
                reader.refuse(f"{path}.{key}", "A new tenant needs this.")
    before = len(reader.problems)
    for key, raw in values.items():
        rule, where = keys[key], f"{path}.{key}"
        value = (
            reader.secret(where, raw)
            if rule.is_secret
            else reader.value(where, raw, rule.type)
        )
        setattr(row, rule.attribute, value)
    if len(reader.problems) == before:
        paths = {rule.attribute: f"{path}.{key}" for key, rule in keys.items()}
        _save(reader, row, path, paths)


def _flat(
    reader: _Reader, path: str, part: Mapping[str, Any], keys: Mapping[str, Key]
) -> dict[str, Any]:
    """The part's values by dotted key; unknown keys are refused."""
    values: dict[str, Any] = {}
    nested = {key.partition(".")[0] for key in keys if "." in key}
    reader.refuse_unknown(
        path, part, [key for key in (*keys, *nested) if "." not in key]
    )
    for key, value in part.items():
        if key in nested:
            if not isinstance(value, Mapping):
                reader.refuse(f"{path}.{key}", "This must be an object.")
                continue
            inner = [
                known.partition(".")[2] for known in keys if known.startswith(f"{key}.")
            ]
            reader.refuse_unknown(f"{path}.{key}", value, inner)
            values.update(
                {f"{key}.{name}": value[name] for name in inner if name in value}
            )
        elif key in keys:
            values[key] = value
    return values


def _import_mappings(
    reader: _Reader, tenant: Tenant, data: Any, *, is_new: bool
) -> None:
    if not isinstance(data, Mapping):
        reader.refuse("mappings", "This must be an object.")
        return
    reader.refuse_unknown("mappings", data, Field.values)
    # The Type Code first: what the others may hold follows from it.
    order = [Field.TYPE_CODE, *(each for each in Field if each != Field.TYPE_CODE)]
    for name in order:
        row = FieldMapping.objects.filter(tenant=tenant, field=name).first()
        row = row or FieldMapping(tenant=tenant, field=name)
        if name in data:
            _import_mapping(reader, row, f"mappings.{name}", data[name])
        elif is_new and not row.is_third_code:
            reader.refuse(f"mappings.{name}", "A new tenant needs this mapping.")
        elif row.pk is None:
            row.save()


def _import_mapping(reader: _Reader, row: FieldMapping, path: str, data: Any) -> None:
    if not isinstance(data, Mapping):
        reader.refuse(path, 'This must be an object such as {"static": "J"}.')
        return
    reader.refuse_unknown(path, data, MAPPING_KEYS)
    before = len(reader.problems)
    if "static" in data and "tag" not in data:
        row.tag = row.default_value = ""
    if "tag" in data and "static" not in data:
        row.static_value = ""
    for key, rule in MAPPING_KEYS.items():
        if key in data:
            value = reader.value(f"{path}.{key}", data[key], rule.type)
            setattr(row, rule.attribute, value)
    if len(reader.problems) == before:
        paths = {rule.attribute: f"{path}.{key}" for key, rule in MAPPING_KEYS.items()}
        _save(reader, row, path, paths)


def _save(
    reader: _Reader, row: models.Model, path: str, paths: Mapping[str, str]
) -> bool:
    """Validate and save; what the model says is told at the key's path."""
    try:
        row.full_clean()
    except ValidationError as error:
        for attribute, sentences in error.message_dict.items():
            where = paths.get(attribute, path or "$")
            for sentence in sentences:
                reader.refuse(where, sentence)
        return False
    row.save()
    return True


def _export_part(
    row: models.Model, keys: Mapping[str, Key], prefix: str
) -> dict[str, Any]:
    part: dict[str, Any] = {}
    for key, rule in keys.items():
        value = getattr(row, rule.attribute)
        if rule.is_secret:
            if not value:
                continue
            value = {"env": f"{prefix}_{key.upper()}"}
        elif isinstance(value, date):
            value = value.isoformat()
        outer, _, inner = key.partition(".")
        if inner:
            part.setdefault(outer, {})[inner] = value
        else:
            part[outer] = value
    return part
