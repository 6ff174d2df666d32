"""The calls about PEX's tags (§5)."""

from __future__ import annotations

from collections.abc import Sequence

from connector.pex.api import PexApi
from connector.pex.reading import read_or_none
from connector.pex.types import Tag, TagOption


class TagCalls(PexApi):
    """Every method raises the errors of `connector.exceptions`."""

    def list_tags(self) -> list[Tag]:
        """All tag definitions with options; 403 when the feature is off (§5.1)."""
        data = self.call("GET", "V4/Business/Configuration/Tags").json()
        tags = (read_or_none(Tag.from_api, entry) for entry in self._list(data))
        return [tag for tag in tags if tag is not None]

    def create_dropdown(
        self,
        name: str,
        description: str,
        options: Sequence[TagOption],
        *,
        required: bool,
    ) -> Tag:
        """A new dropdown tag, enabled, with its options (§5.1, §5.2).

        Not idempotent: after an error that `may_have_succeeded`, list before creating.
        """
        data = self.call(
            "POST",
            "V4/Business/Configuration/Tag/Dropdown",
            body={
                "Name": name,
                "Description": description,
                "IsRequired": required,
                "IsEnabled": True,
                "Options": [
                    {
                        "Name": option.name,
                        "Value": option.value,
                        "Order": 0,
                        "IsEnabled": option.is_enabled,
                    }
                    for option in options
                ],
            },
        ).json()
        return self._parsed(Tag.from_api, data)
