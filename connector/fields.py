"""Model fields of our own: a secret that is encrypted at rest and write-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.fernet import InvalidToken
from django.db import models
from fernet_fields import EncryptedTextField

if TYPE_CHECKING:
    # To types it is a text; the library brings none of its own.
    _Base = models.TextField[str, str]
else:
    _Base = EncryptedTextField


class UnreadableSecret(str):
    """A stored secret that no key opens: empty to whoever would use it, and written
    back as it was stored, so that it is there again with its key."""

    stored: bytes

    def __new__(cls, stored: bytes) -> UnreadableSecret:
        secret = super().__new__(cls, "")
        secret.stored = stored
        return secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnreadableSecret) and other.stored == self.stored

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.stored)

    def __getnewargs__(self) -> tuple[bytes]:  # type: ignore[override]
        return (self.stored,)


class SecretField(_Base):
    """Text encrypted with the newest of FERNET_KEYS, read with any of them.

    One that no key opens is an `UnreadableSecret`: a row is read for many reasons, and
    only who needs the secret is harmed.
    """

    def from_db_value(self, value: Any, *args: Any) -> str | None:
        try:
            opened: str | None = EncryptedTextField.from_db_value(self, value, *args)
        except InvalidToken:
            return UnreadableSecret(bytes(value))
        return opened

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if isinstance(value, UnreadableSecret):
            return connection.Database.Binary(value.stored)
        if hasattr(value, "resolve_expression"):
            # As of `bulk_update`: its own text would take the secret's place.
            raise TypeError("A secret is saved by itself, and not by an expression.")
        return super().get_db_prep_save(value, connection)

    def value_to_string(self, obj: Any) -> str:
        """For dumps, which would lose what cannot be read."""
        value: str = self.value_from_object(obj)
        if isinstance(value, UnreadableSecret):
            raise ValueError(f"{obj._meta.label} {obj.pk} has a secret no key opens.")
        return value


def problem_with(title: str, value: str) -> str:
    """Why a setting that is needed cannot be used, as a sentence; empty if it can."""
    if isinstance(value, UnreadableSecret):
        return (
            f"The stored {title} cannot be read with the keys that are set "
            "(FERNET_KEYS): enter it again, or have the operator add the key that it "
            "was stored with."
        )
    return "" if value else f"The {title} is missing."


def is_stored(value: str) -> bool:
    """Whether there is a secret, readable or not."""
    return bool(value) or isinstance(value, UnreadableSecret)
