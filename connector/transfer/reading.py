"""A tenant's file as JSON, in whatever encoding an editor saved it; and values out of
it, each with its path, and all that is wrong with them.

Which keys there are, and what becomes of their values, is
`connector.transfer.importing`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connector.api.parsing import is_storable, parse_json

_KIND_NAMES: dict[Any, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    dict: "an object",
    list: "a list of strings",
}


def parse_file(content: bytes) -> Any:
    """What the file says: JSON in UTF-8, or in UTF-16 or UTF-32 as some editors save
    it, with or without a byte order mark.

    Raises `ValueError` with the end of a sentence that begins with “The file”.
    """
    encoding = json.detect_encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            "is not JSON: it is no text in UTF-8, or is damaged. Save it as UTF-8."
        ) from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise ValueError("is not JSON: it is empty.")
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"is not JSON: {error.msg} at {where}.") from error
    except ValueError as error:
        raise ValueError(f"is not JSON: it is {error}.") from error


@dataclass
class Reader:
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
        if not is_storable(self.environment[name]):
            self.refuse(
                path,
                f"The variable {name} contains characters that cannot be stored; set "
                "it again without them.",
            )
            return None
        return self.environment[name]

    def _date(self, path: str, value: Any) -> date | None:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.refuse(path, "This must be a day such as 2026-03-31, or null.")
            return None
