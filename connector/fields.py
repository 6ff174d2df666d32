"""Model fields of our own: a secret that is encrypted at rest and write-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.fernet import InvalidToken
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from fernet_fields import EncryptedTextField

if TYPE_CHECKING:
    # To types it is a text; the library brings none of its own.
    _Base = models.TextField[str, str]
else:
    _Base = EncryptedTextField


class SecretField(_Base):
    """Text encrypted with the newest of FERNET_KEYS, read with any of them.

    A secret that no key opens raises instead of reading as empty: an empty value
    would be saved back over the secret.
    """

    def from_db_value(self, value: Any, *args: Any) -> str | None:
        try:
            opened: str | None = EncryptedTextField.from_db_value(self, value, *args)
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "A stored secret cannot be decrypted: FERNET_KEYS lacks the key it was "
                "encrypted with. Add that key at the end of FERNET_KEYS."
            ) from error
        return opened
