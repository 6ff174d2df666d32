"""What becomes of tag syncs that met an error, and which errors end all of them."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from connector.exceptions import AuthenticationError, ConnectorError, RateLimitError
from sync.models import TagSync


def fail(rows: Sequence[TagSync], error: ConnectorError) -> None:
    """Raises it again where going on with the next tag makes no sense."""
    if is_our_limit(error):
        # Nothing was tried: whoever waits begins with this tag.
        for row in rows:
            row.delete()
        raise error
    for row in rows:
        row.end(TagSync.State.FAILED, timezone.now(), error.message)
    if isinstance(error, AuthenticationError):
        raise error


def is_our_limit(error: ConnectorError) -> bool:
    """Not PEX or CMiC says so, but we count: waiting for it is certain to help."""
    return isinstance(error, RateLimitError) and not error.status
