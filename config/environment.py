"""Reading variables of the environment and of `.env`: each value as it is.

Nothing in a value means anything: no `$` refers to another variable, and no `#` begins
a comment. What cannot be read is refused with a sentence that names the variable;
values are shown of numbers and switches only, because the others may be secrets.
"""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Collection, MutableMapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

ENV_FILE = Path(__file__).resolve().parent.parent / ".env"

_TRUE = ("1", "true", "yes", "on", "y", "t", "ok")
_FALSE = ("", "0", "false", "no", "off", "n", "f")
_LINE = re.compile(r"(?:export )?([A-Za-z_][A-Za-z_0-9]*)=(.*)")
_ESCAPED = re.compile(r"\\(.)")


class Environment:
    """What the variables of `values` say, each with the default of whoever asks."""

    def __init__(self, values: MutableMapping[str, str]) -> None:
        self.values = values

    def read_file(self, path: Path) -> None:
        """Add the variables of such a file; those that are there keep their values.

        Raises ImproperlyConfigured for a line that is neither NAME=value, a comment nor
        empty.
        """
        for name, value in variables_in(path).items():
            self.values.setdefault(name, value)

    def text(self, name: str, *, default: str = "") -> str:
        return self.values.get(name, default)

    def parts(self, name: str, *, default: Sequence[str] = ()) -> list[str]:
        """Its parts between commas, without the empty ones."""
        text = self.values.get(name)
        return list(default) if text is None else [x for x in text.split(",") if x]

    def switch(self, name: str, *, default: bool) -> bool:
        text = self.values.get(name)
        if text is None:
            return default
        word = text.strip().lower()
        if word not in (*_TRUE, *_FALSE):
            raise ImproperlyConfigured(f"{name} ({text}) must be 1 or 0.")
        return word in _TRUE

    def whole(self, name: str, *, default: int) -> int:
        text = self.values.get(name)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} ({text}) must be a whole number."
            ) from None

    def number(self, name: str, *, default: float) -> float:
        text = self.values.get(name)
        return default if text is None else finite(name, text)

    def database(self, name: str, url: str) -> dict[str, Any]:
        """Django's settings of the PostgreSQL at `url`, which `name` gave."""
        parts = address(name, url, environ.Env.POSTGRES_FAMILY)
        if not (parts.path.strip("/") or parts.query):
            raise ImproperlyConfigured(f"{name} names no database: end it with /name.")
        return dict(environ.Env.db_url_config(url))

    def mail(self, name: str, *, default: str) -> dict[str, Any]:
        """Django's settings of the mail server, all of which are in one address."""
        url = self.values.get(name) or default
        address(name, url, environ.Env.EMAIL_SCHEMES)
        return dict(environ.Env.email_url_config(url))


def finite(name: str, text: str) -> float:
    """A finite number; raises ImproperlyConfigured for anything else."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ImproperlyConfigured(f"{name} ({text}) must be a number.")
    return found


def address(name: str, url: str, schemes: Collection[str]) -> SplitResult:
    """The parts of an address that begins with one of the schemes.

    Raises ImproperlyConfigured, and tells nothing of the address, which may hold a
    password.
    """
    if url.startswith("$"):
        raise ImproperlyConfigured(
            f"{name} begins with $, which refers to no other variable here: write the "
            "address itself."
        )
    try:
        parts = urlsplit(url)
        # Several hosts have several ports, which Django's settings take as they are.
        _ = "," in parts.netloc.rpartition("@")[2] or parts.port
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} cannot be read as an address. In a user name or password write "
            "%25 for %, %2F for /, %3A for :, %3F for ?, %23 for # and %40 for @."
        ) from None
    if parts.scheme not in schemes:
        first = ", ".join(f"{each}://" for each in sorted(schemes))
        raise ImproperlyConfigured(f"{name} must begin with one of {first}.")
    return parts


def variables_in(path: Path) -> dict[str, str]:
    """The variables of a file with a NAME=value a line; none where there is no file.

    Quotes around a whole value are taken off, and within double quotes a backslash
    before a character other than n, r and t. All else is a part of the value.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error}") from None
    found = {}
    for place, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ImproperlyConfigured(
                f"Line {place} of {path} is not NAME=value, without spaces around the "
                "name."
            )
        found[match[1]] = _without_quotes(match[2])
    return found


def _without_quotes(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) > 1 and value[0] == value[-1] == '"':
        return _ESCAPED.sub(_unescaped, value[1:-1])
    return value


def _unescaped(match: re.Match[str]) -> str:
    return match[0] if match[1] in "nrt" else match[1]


def print_for_shell() -> None:
    """What the file adds to this environment, as commands that a shell evaluates."""
    for name, value in variables_in(ENV_FILE).items():
        if name not in os.environ:
            print(f"export {name}={shlex.quote(value)}")  # noqa: T201
