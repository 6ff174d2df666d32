"""What a connection's last check says, as a label and as a sentence.

Reads the row only; asking PEX and CMiC is `connector.admin.pages.live`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from connector import clock
from connector.admin.moments import day, minute
from connector.api.cmic.modules import TITLES
from connector.api.cmic.types import ModuleState
from connector.connections.token_life import days_left, token_warning
from connector.history import SCRIPT
from connector.models import CmicConnection, CredentialsChange, PexConnection

LABEL_COLOURS = {
    "good": "success",
    "soon": "warning",
    "bad": "danger",
    "open": "info",
    "none": "default",
}


def pex_label(connection: PexConnection | None) -> tuple[str, str]:
    """(key of `LABEL_COLOURS`, a few words)."""
    label = _label(connection)
    now = clock.now()
    warning = token_warning(connection, now) if connection else None
    expires_at = connection.token_expires_at if connection else None
    if warning is None or expires_at is None or label[0] == "bad":
        return label
    if warning.stage == 0:
        return "bad", "token expired"
    colour = "bad" if warning.is_loud else "soon"
    return colour, f"token: {days_left(expires_at - now)} left"


def cmic_label(connection: CmicConnection | None) -> tuple[str, str]:
    return _label(connection)


def pex_sentence(connection: PexConnection) -> SafeString:
    if not connection.is_ok:
        return _unchecked_or_wrong(connection)
    warning = token_warning(connection, clock.now())
    return format_html(
        "{} {}{}",
        pex_found(vars(connection)),
        _checked(connection),
        f" {warning.sentence}" if warning else "",
    )


def pex_found(columns: Mapping[str, Any]) -> str:
    """What PEX said of the token: business, person and until when it lives."""
    expires_at = columns["token_expires_at"]
    until = f", token until {day(expires_at)}" if expires_at else ""
    return (
        f"Connected to {columns['business_name']} (business {columns['business_id']}) "
        f"as {columns['username']}{until}."
    )


def cmic_found(modules: Iterable[ModuleState]) -> str:
    """What CMiC said where every module answered."""
    names = ", ".join(module.name.upper() for module in modules)
    return f"connected; {names} answer."


def module_label(state: ModuleState) -> tuple[str, str, str]:
    """(the module's name, a colour, a word or two)."""
    if state.is_ok:
        return TITLES[state.name], "success", "ok"
    return TITLES[state.name], "danger", str(state.problem or "not working")


def changed_sentence(connection: PexConnection | CmicConnection) -> str:
    """When the credentials were last changed, and by whom."""
    if connection.pk is None:
        return "Nothing is stored yet."
    changes = CredentialsChange.objects.filter(tenant=connection.tenant_id)
    change = changes.filter(system=connection.SYSTEM).last()
    if change is None:
        return "When these credentials were last changed is not on record."
    done = "Disconnected" if connection.is_disconnected else "Last changed"
    what = f" ({', '.join(change.fields)})" if not connection.is_disconnected else ""
    return f"{done} {minute(change.at)} by {change.by or SCRIPT}{what}."


def cmic_sentence(connection: CmicConnection) -> SafeString:
    if connection.is_ok is None:
        return _unchecked_or_wrong(connection)
    messages = {module["message"] for module in connection.modules}
    if len(messages) == 1 and messages != {""}:
        return _unchecked_or_wrong(connection)
    modules = format_html_join(
        "",
        "<li>{}: {}</li>",
        (
            (TITLES[module["name"]], module["message"] or "ok")
            for module in connection.modules
        ),
    )
    if not modules:
        return _unchecked_or_wrong(connection)
    return format_html("<ul>{}</ul>{}", modules, _checked(connection))


def _label(connection: PexConnection | CmicConnection | None) -> tuple[str, str]:
    if connection is None:
        return "none", "missing"
    if connection.is_disconnected:
        return "none", "disconnected"
    if connection.is_ok is None:
        return "open", "not checked"
    return ("good", "connected") if connection.is_ok else ("bad", "not working")


def _checked(connection: PexConnection | CmicConnection) -> str:
    if connection.checked_at is None:
        return ""
    return f"Checked {minute(connection.checked_at)}."


def _unchecked_or_wrong(connection: PexConnection | CmicConnection) -> SafeString:
    if connection.is_disconnected:
        return format_html(
            "{}", "Disconnected: enter the credentials to connect again."
        )
    if connection.is_ok is None:
        return format_html("{}", "Not checked yet; saving the credentials checks them.")
    return format_html("{} {}", connection.check_message, _checked(connection))
