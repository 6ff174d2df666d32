"""A tenant out of JSON, whose shape `connector.transfer.exporting` says.

Reading is strict: an unknown key or a bad value is refused with its path, and then
nothing is changed. A key that is missing keeps what is there; a new tenant needs all
that has no default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from connector.api.parsing import is_storable
from connector.models import (
    CmicConnection,
    Field,
    FieldMapping,
    PexConnection,
    Tenant,
    TransactionSettings,
)
from connector.models.connections import Connection
from connector.transfer.exporting import (
    CMIC_KEYS,
    MAPPING_KEYS,
    PEX_KEYS,
    SWITCHES,
    TRANSACTION_KEYS,
    Key,
)


class ImportRefusedError(ValueError):
    """The JSON cannot become a tenant; `problems` are (path, sentence)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{path}: {said}" for path, said in problems))
        self.problems = problems


_KIND_NAMES: dict[Any, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    dict: "an object",
    list: "a list of strings",
}
_TOP = (
    "slug",
    "name",
    "pex",
    "cmic",
    "transactions",
    "mappings",
    "alert_contacts",
    *SWITCHES,
)


def import_tenant(
    data: Any, environment: Mapping[str, str] | None
) -> tuple[Tenant, bool]:
    """Create or update the tenant that `data` describes; True if it is new.

    `environment` resolves ``{"env": "NAME"}``. With None, for data from people who may
    not read the server's environment and could have any variable sent to an address of
    theirs, such a secret is left as it is, and a new tenant may lack it.
    Raises `ImportRefusedError`.
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


@dataclass
class _Reader:
    """Reads values with their paths and gathers everything that is wrong."""

    environment: Mapping[str, str] | None
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_upload(self) -> bool:
        return self.environment is None

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
            empty: dict[Any, Any] = {str: "", dict: {}, list: []}
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
        if not self.environment or not self.environment.get(name):
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
    for switch in SWITCHES:
        if switch in data:
            value = reader.value(switch, data[switch], bool)
            setattr(tenant, switch, bool(value))
    if "alert_contacts" in data:
        tenant.alert_contacts = _contacts(reader, data["alert_contacts"])
    names = ("slug", "name", "alert_contacts")
    if not _save(reader, tenant, "", dict(zip(names, names, strict=True))):
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


def _contacts(reader: _Reader, value: Any) -> str:
    """One a line; whether each is an address is the model's to say."""
    found = reader.value("alert_contacts", value, list)
    if not all(isinstance(each, str) for each in found or []):
        reader.refuse("alert_contacts", "This must be a list of strings.")
        return ""
    return "\n".join(found or [])


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
    values = {
        key: value
        for key, value in _flat(reader, path, part, keys).items()
        if not (reader.is_upload and keys[key].is_secret and _names_variable(value))
    }
    if row is None:
        row = model(tenant=tenant)
        for key, rule in keys.items():
            may_wait = rule.is_secret and reader.is_upload
            if rule.is_required and not values.get(key) and not may_wait:
                reader.refuse(f"{path}.{key}", "A new tenant needs this.")
    stored = {rule.attribute: getattr(row, rule.attribute) for rule in keys.values()}
    before = len(reader.problems)
    for key, raw in values.items():
        rule, where = keys[key], f"{path}.{key}"
        value = (
            reader.secret(where, raw)
            if rule.is_secret
            else reader.value(where, raw, rule.type)
        )
        setattr(row, rule.attribute, value)
    if isinstance(row, Connection):
        _refuse_moved_secrets(reader, path, row, stored, values)
    if len(reader.problems) == before:
        if isinstance(row, Connection) and values:
            row.credentials_changed_at = timezone.now()
            row.is_disconnected = False
        paths = {rule.attribute: f"{path}.{key}" for key, rule in keys.items()}
        _save(reader, row, path, paths)


def _names_variable(value: Any) -> bool:
    """As the export writes a secret."""
    return isinstance(value, Mapping) and set(value) == {"env"}


def _refuse_moved_secrets(
    reader: _Reader,
    path: str,
    row: Connection,
    stored: Mapping[str, Any],
    values: Mapping[str, Any],
) -> None:
    """Of uploads only: whoever has the server's command line can read them anyway."""
    if not reader.is_upload:
        return
    for name in row.moved_secrets(stored, vars(row)):
        if name not in values:
            reader.refuse(
                f"{path}.{name}",
                "The address changed, and what is stored is sent to the address that "
                "it was entered for only. Change the address on the credentials page.",
            )


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
