"""What every answer of PEX must be: an object or a list that can be read, or an error.

The calls themselves are `connector.api.pex.client` and `connector.api.pex.tags`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from connector.api.exceptions import UnexpectedResponseError
from connector.api.http import ApiClient
from connector.api.pex.reading import UnreadableError

T = TypeVar("T")


class PexApi(ApiClient):
    system = "PEX"

    def _object(self, data: Any) -> Mapping[str, Any]:
        if not isinstance(data, Mapping):
            raise self._unexpected("something other than an object")
        return data

    def _list(self, data: Any) -> Sequence[Any]:
        if data is None:
            return []
        if not isinstance(data, list):
            raise self._unexpected("something other than a list")
        return data

    def _parsed(self, read: Callable[[Any], T], data: Any) -> T:
        try:
            return read(data)
        except UnreadableError as error:
            raise self._unexpected(f"an answer in which {error}") from error

    def _unexpected(self, what: str) -> UnexpectedResponseError:
        return UnexpectedResponseError(f"PEX sent {what}.", system=self.system)
