"""What a connection's last check says, as a label and as a sentence.

Reads the row only; asking PEX and CMiC is `connector.admin.live`.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from connector.models import CmicConnection, PexConnection
from connector.models.connections import RENEWAL_MONTH

LABEL_COLOURS = {
    "good": "success",
    "soon": "warning",
    "bad": "danger",
    "open": "info",
    "none": "default",
}


def day(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "DATE_FORMAT")


def minute(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "M j, Y, H:i")


def second(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "M j, Y, H:i:s")


def pex_label(connection: PexConnection | None) -> tuple[str, str]:
    """(key of `LABEL_COLOURS`, a few words)."""
    label = _label(connection)
    expires_at = connection.token_expires_at if connection else None
    if expires_at is None or label[0] == "bad":
        return label
    left = expires_at - timezone.now()
    if left.total_seconds() <= 0:
        return "bad", "token expired"
    if left < RENEWAL_MONTH:
        days = "1 day" if left.days == 1 else f"{left.days} days"
        return "soon", f"token: {days} left"
    return label


def cmic_label(connection: CmicConnection | None) -> tuple[str, str]:
    return _label(connection)


def pex_sentence(connection: PexConnection) -> SafeString:
    if not connection.is_ok:
        return _unchecked_or_wrong(connection)
    expires_at = connection.token_expires_at
    until = f", token until {day(expires_at)}" if expires_at else ""
    return format_html(
        "Connected to {} (business {}) as {}{}. {}{}",
        connection.business_name,
        connection.business_id,
        connection.username,
        until,
        _checked(connection),
        f" {connection.check_message}" if connection.check_message else "",
    )


def cmic_sentence(connection: CmicConnection) -> SafeString:
    if connection.is_ok is None:
        return _unchecked_or_wrong(connection)
    modules = format_html_join(
        "",
        "<li>{}: {}</li>",
        (
            (module["name"].upper(), module["message"] or "answers")
            for module in connection.modules
        ),
    )
    if not modules:
        return _unchecked_or_wrong(connection)
    return format_html("<ul>{}</ul>{}", modules, _checked(connection))


def _label(connection: PexConnection | CmicConnection | None) -> tuple[str, str]:
    if connection is None:
        return "none", "missing"
    if connection.is_ok is None:
        return "open", "not checked"
    return ("good", "connected") if connection.is_ok else ("bad", "not working")


def _checked(connection: PexConnection | CmicConnection) -> str:
    if connection.checked_at is None:
        return ""
    return f"Checked {minute(connection.checked_at)}."


def _unchecked_or_wrong(connection: PexConnection | CmicConnection) -> SafeString:
    if connection.is_ok is None:
        return format_html("{}", "Not checked yet; saving the credentials checks them.")
    return format_html("{} {}", connection.check_message, _checked(connection))
