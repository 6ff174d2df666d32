"""A tenant out of JSON, whose shape `connector.transfer.exporting` says.

Reading is strict: an unknown key or a bad value is refused with its path, and then
nothing is changed. A key that is missing keeps what is there; a new tenant needs all
that has no default. Nobody is called; whose a token is, `connector.transfer.asking`
finds out before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction

from connector import clock
from connector.models import (
    CmicConnection,
    Field,
    FieldMapping,
    PexConnection,
    Tenant,
    TransactionSettings,
)
from connector.models.business import place_of
from connector.models.connections import Connection
from connector.transfer.exporting import (
    CMIC_KEYS,
    MAPPING_KEYS,
    PEX_KEYS,
    SWITCHES,
    TRANSACTION_KEYS,
    Key,
)
from connector.transfer.reading import Reader


class ImportRefusedError(ValueError):
    """The JSON cannot become a tenant; `problems` are (path, sentence)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(
            "\n".join(f"{path}: {sentence}" for path, sentence in problems)
        )
        self.problems = problems


_NEEDED = "A new tenant needs this."
_NO_OBJECT = "This must be an object."
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


@dataclass(frozen=True)
class _Part:
    """What of the JSON makes one row: where it stands, the row's model and its keys."""

    path: str
    model: type[models.Model]
    keys: Mapping[str, Key]

    @property
    def paths(self) -> dict[str, str]:
        """Where the JSON has each of the row's attributes."""
        return {rule.attribute: self.path_of(key) for key, rule in self.keys.items()}

    def path_of(self, key: str) -> str:
        return f"{self.path}.{key}"


_PARTS = (
    _Part("pex", PexConnection, PEX_KEYS),
    _Part("cmic", CmicConnection, CMIC_KEYS),
    _Part("transactions", TransactionSettings, TRANSACTION_KEYS),
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
    reader = Reader(environment)
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


def _import(
    reader: Reader, tenant: Tenant, data: Mapping[str, Any], *, is_new: bool
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
    for part in _PARTS:
        given = data.get(part.path, {} if not is_new else None)
        _import_part(reader, tenant, part, given)
    _import_mappings(reader, tenant, data.get("mappings", {}), is_new=is_new)
    return tenant


def _contacts(reader: Reader, value: Any) -> str:
    """One a line; whether each is an address is the model's to say."""
    found = reader.value("alert_contacts", value, list)
    if not all(isinstance(each, str) for each in found or []):
        reader.refuse("alert_contacts", "This must be a list of strings.")
        return ""
    return "\n".join(found or [])


def _import_part(reader: Reader, tenant: Tenant, part: _Part, data: Any) -> None:
    if not isinstance(data, Mapping):
        reader.refuse(part.path, _NEEDED if data is None else _NO_OBJECT)
        return
    values = _given(reader, part, data)
    row = part.model._default_manager.filter(tenant=tenant).first()
    if row is None:
        row = part.model(tenant=tenant)
        _refuse_missing(reader, part, values)
    stored = {name: getattr(row, name) for name in part.paths}
    before = len(reader.problems)
    _fill(reader, row, part, values)
    if isinstance(row, Connection):
        _reconnect(reader, row, part, stored, values)
    if len(reader.problems) == before:
        _save(reader, row, part.path, part.paths)


def _given(reader: Reader, part: _Part, data: Mapping[str, Any]) -> dict[str, Any]:
    """The values by dotted key, without secrets that an upload cannot resolve."""
    return {
        key: value
        for key, value in _flat(reader, part, data).items()
        if not (
            reader.is_upload and part.keys[key].is_secret and _names_variable(value)
        )
    }


def _names_variable(value: Any) -> bool:
    """As the export writes a secret."""
    return isinstance(value, Mapping) and set(value) == {"env"}


def _refuse_missing(reader: Reader, part: _Part, values: Mapping[str, Any]) -> None:
    for key, rule in part.keys.items():
        may_wait = rule.is_secret and reader.is_upload
        if rule.is_required and not values.get(key) and not may_wait:
            reader.refuse(part.path_of(key), _NEEDED)


def _fill(
    reader: Reader, row: models.Model, part: _Part, values: Mapping[str, Any]
) -> None:
    for key, value in values.items():
        rule, path = part.keys[key], part.path_of(key)
        read = (
            reader.secret(path, value)
            if rule.is_secret
            else reader.value(path, value, rule.type)
        )
        setattr(row, rule.attribute, read)


def _reconnect(
    reader: Reader,
    row: Connection,
    part: _Part,
    stored: Mapping[str, Any],
    values: Mapping[str, Any],
) -> None:
    """Whoever has the server's command line can read its secrets anyway; an upload may
    not send them elsewhere."""
    if values:
        row.credentials_changed_at = clock.now()
        row.is_disconnected = False
    if isinstance(row, PexConnection) and row.business_id is not None:
        # The address may have changed, and the business is where it was told.
        row.business_place = row.business_place or place_of(stored["base_url"])
    moved = row.moved_secrets(stored, vars(row)) if reader.is_upload else []
    for name in moved:
        if name not in values:
            reader.refuse(
                part.path_of(name),
                "The address changed, and what is stored is sent to the address that "
                "it was entered for only. Change the address on the credentials page.",
            )


def _flat(reader: Reader, part: _Part, data: Mapping[str, Any]) -> dict[str, Any]:
    """The values by dotted key; unknown keys are refused."""
    values: dict[str, Any] = {}
    nested: dict[str, list[str]] = {}
    for outer, _, inner in (key.partition(".") for key in part.keys if "." in key):
        nested.setdefault(outer, []).append(inner)
    known = [key for key in (*part.keys, *nested) if "." not in key]
    reader.refuse_unknown(part.path, data, known)
    for key, value in data.items():
        if key in part.keys:
            values[key] = value
        elif key in nested and not isinstance(value, Mapping):
            reader.refuse(part.path_of(key), _NO_OBJECT)
        elif key in nested:
            reader.refuse_unknown(part.path_of(key), value, nested[key])
            given = (name for name in nested[key] if name in value)
            values |= {f"{key}.{name}": value[name] for name in given}
    return values


def _import_mappings(
    reader: Reader, tenant: Tenant, data: Any, *, is_new: bool
) -> None:
    if not isinstance(data, Mapping):
        reader.refuse("mappings", _NO_OBJECT)
        return
    reader.refuse_unknown("mappings", data, Field.values)
    # The Type Code first: what the others may hold follows from it.
    order = [Field.TYPE_CODE, *(each for each in Field if each != Field.TYPE_CODE)]
    for name in order:
        row = FieldMapping.objects.filter(tenant=tenant, field=name).first()
        row = row or FieldMapping(tenant=tenant, field=name)
        if name in data:
            part = _Part(f"mappings.{name}", FieldMapping, MAPPING_KEYS)
            _import_mapping(reader, row, part, data[name])
        elif is_new and not row.is_third_code:
            reader.refuse(f"mappings.{name}", "A new tenant needs this mapping.")
        elif row.pk is None:
            row.save()


def _import_mapping(reader: Reader, row: FieldMapping, part: _Part, data: Any) -> None:
    if not isinstance(data, Mapping):
        reader.refuse(part.path, 'This must be an object such as {"static": "J"}.')
        return
    reader.refuse_unknown(part.path, data, part.keys)
    before = len(reader.problems)
    if "static" in data and "tag" not in data:
        row.tag = row.default_value = ""
    if "tag" in data and "static" not in data:
        row.static_value = ""
    _fill(reader, row, part, {key: data[key] for key in part.keys if key in data})
    if len(reader.problems) == before:
        _save(reader, row, part.path, part.paths)


def _save(
    reader: Reader, row: models.Model, path: str, paths: Mapping[str, str]
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
