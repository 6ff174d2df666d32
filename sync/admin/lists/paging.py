"""Pages of a list that may have millions of rows.

Counting stops at `MOST`, and so do the pages: a step into the millions costs as much as
reading them, and nobody reads that far. Filters reach everything.
"""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """`count` is at most `MOST`; `is_cut` says that there are more."""

    template_name = "admin/sync/pagination.html"

    @cached_property
    def count(self) -> int:
        return min(self._found, MOST)

    @property
    def is_cut(self) -> bool:
        return self._found > MOST

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        found: int = rows.order_by().values("pk")[: MOST + 1].count()
        return found
