"""What becomes of a tag sync that met an error, and which errors end all of them."""

from __future__ import annotations

from django.utils import timezone

from connector.api.exceptions import AuthenticationError, ConnectorError, RateLimitError
from sync.models import TagSync


def fail(row: TagSync, error: ConnectorError) -> None:
    """Raises it again where going on with the next tag makes no sense."""
    if row.difference:
        row.break_off(timezone.now(), error.message)
    elif is_our_limit(error):
        # Nothing was tried: whoever waits begins with this tag.
        row.delete()
    else:
        row.end(TagSync.State.FAILED, timezone.now(), error.message)
    if is_our_limit(error) or isinstance(error, AuthenticationError):
        raise error


def is_our_limit(error: ConnectorError) -> bool:
    """Not PEX or CMiC says so, but we count: waiting for it is certain to help."""
    return isinstance(error, RateLimitError) and not error.status
