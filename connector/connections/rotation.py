"""Encrypts the stored secrets anew with the newest key, wherever a model has some.

Each secret by itself, under a lock of its row: it may be stopped between any two, run
twice at once, and run again. Which keys there are is the environment's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.db import connection, models, transaction

from connector.fields import SecretField

_BATCH = 500


@dataclass
class Rotation:
    """How many secrets were (or would be) encrypted anew; empty ones do not count.

    `unreadable` names those that no key opens: model, id and field.
    """

    rotated: int = 0
    already_newest: int = 0
    unreadable: list[dict[str, Any]] = field(default_factory=list)
    # Also by what is empty: it could not be read without its key either.
    old_keys_needed: bool = False


def rotate(*, is_check: bool = False) -> Rotation:
    """Encrypt what an older key opens with the newest; `is_check` writes nothing.

    Afterwards `old_keys_needed` is false only if each secret that is stored now was
    seen to open with the newest key.
    """
    found = Rotation()
    for model, secret in _secret_fields():
        for pk in _keys_of(model, secret):
            _rotate_one(found, model, secret, pk, is_check=is_check)
    return found


def _secret_fields() -> Iterator[tuple[type[models.Model], Any]]:
    for model in apps.get_models():
        for each in model._meta.concrete_fields:
            if isinstance(each, SecretField) and each.model is model:
                yield model, each


def _keys_of(model: type[models.Model], secret: Any) -> Iterator[Any]:
    """In portions: no cursor stays open while rows are written."""
    rows = model._base_manager.filter(**{f"{secret.name}__isnull": False})
    last = None
    while True:
        some = rows if last is None else rows.filter(pk__gt=last)
        keys = list(some.order_by("pk").values_list("pk", flat=True)[:_BATCH])
        yield from keys
        if len(keys) < _BATCH:
            return
        last = keys[-1]


def _rotate_one(
    found: Rotation,
    model: type[models.Model],
    secret: Any,
    pk: Any,
    *,
    is_check: bool,
) -> None:
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), quote(str(secret.column))
    key = quote(str(model._meta.pk.column))
    with transaction.atomic(), connection.cursor() as cursor:
        lock = "" if is_check else " FOR UPDATE"
        cursor.execute(
            f"SELECT {column} FROM {table} WHERE {key} = %s{lock}",  # noqa: S608
            [pk],
        )
        row = cursor.fetchone()
        if row is None or row[0] is None:
            return
        stored, newest = bytes(row[0]), Fernet(secret.fernet_keys[0])
        of_newest = _open(newest, stored)
        opened = _open(secret.fernet, stored) if of_newest is None else of_newest
        if opened is None:
            where = {"model": model._meta.label_lower, "id": pk, "field": secret.name}
            found.unreadable.append(where)
            found.old_keys_needed = True
            return
        if of_newest is not None:
            found.already_newest += bool(opened)
            return
        found.rotated += bool(opened)
        if is_check:
            found.old_keys_needed = True
            return
        cursor.execute(
            f"UPDATE {table} SET {column} = %s WHERE {key} = %s",  # noqa: S608
            [newest.encrypt(opened), pk],
        )


def _open(fernet: Any, stored: bytes) -> bytes | None:
    try:
        opened: bytes = fernet.decrypt(stored)
    except InvalidToken:
        return None
    return opened
