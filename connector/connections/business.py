"""Whose token it is: a tenant reads one PEX business until a person says otherwise.

`keep_found` puts on record what PEX said of a stored token, and refuses another
business's; `leave_for` is for tokens that are about to be stored. Two tenants of one
business are warned of by `sister_warning`. Makes no call.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction

from connector import clock
from connector.api.exceptions import SettingsIncompleteError
from connector.api.pex.types import TokenInfo
from connector.models import PexConnection, Tenant
from connector.models.business import Business, place_of


class OtherBusinessError(SettingsIncompleteError):
    """The token is not of the business that the tenant reads: a person must say that
    this is meant. `found` is None where PEX did not tell whose it is."""

    def __init__(self, tenant: Tenant, known: Business, found: Business | None) -> None:
        self.tenant, self.known, self.found = tenant, known, found
        super().__init__(_sentence(tenant, known, found), system="PEX")


def _sentence(tenant: Tenant, known: Business, found: Business | None) -> str:
    if found is None:
        return (
            f"PEX did not say which business the token belongs to, and {tenant} reads "
            f"{known}. Nothing is read or sent with it; check both sides again, and "
            "ask PEX support if it stays so."
        )
    return (
        f"The PEX token belongs to {found.words_beside(known)}, but {tenant} reads "
        f"{known.words_beside(found)}. Nothing is read or sent with it. Enter a token "
        f"of {known.title}, or confirm the other business, under Manage credentials."
    )


def business_of(info: TokenInfo, base_url: str) -> Business | None:
    """The business that PEX at this address told; None where it told none."""
    if info.business_id is None:
        return None
    return Business(info.business_id, info.business_name, place_of(base_url))


def token_columns(info: TokenInfo, connection: PexConnection) -> dict[str, object]:
    """What `PexConnection` keeps of an answer about the token that it has in hand."""
    columns: dict[str, object] = {
        "token_expires_at": info.expires_at,
        "username": info.username,
        "checked_token": connection.token_mark,
    }
    if found := business_of(info, connection.base_url):
        columns |= {
            "business_id": found.number,
            "business_name": found.name,
            "business_place": found.place,
        }
    return columns


def objection_to(
    connection: PexConnection, found: Business | None
) -> OtherBusinessError | None:
    """Why a token of `found` is not for this tenant. A tenant that reads no business
    yet takes any."""
    known = connection.business
    if known is None or (found is not None and known.is_same(found)):
        return None
    return OtherBusinessError(connection.tenant, known, found)


def keep_found(connection: PexConnection, info: TokenInfo) -> None:
    """Put on record what PEX said of the token that `connection` has in hand; as
    `keep_columns`."""
    columns = {"is_ok": True, "check_message": "", **token_columns(info, connection)}
    keep_columns(connection, columns, business_of(info, connection.base_url))


def keep_columns(
    connection: PexConnection, columns: dict[str, object], found: Business | None
) -> None:
    """Put on record what was found with the token that `connection` has in hand, which
    is one of `found`; unless another is stored by now.

    The first business is taken for the tenant's. Raises `OtherBusinessError`, on record
    too, for the token of another one.
    """
    with transaction.atomic():
        rows = PexConnection.objects.select_for_update(of=("self",))
        row = rows.select_related("tenant").filter(pk=connection.pk).first()
        if row is None:
            return
        # Two checks at once: whichever comes second finds what the first one kept.
        objection = objection_to(row, found)
        if objection:
            columns = {"is_ok": False, "check_message": objection.message}
        if row.token_mark == connection.token_mark:
            columns = {"checked_at": clock.now(), **columns}
            PexConnection.objects.filter(pk=row.pk).update(**columns)
            for name, value in columns.items():
                setattr(connection, name, value)
    if objection:
        raise objection


def leave_for(
    row: PexConnection,
    found: Business | None,
    confirmed: Business | None,
    now: datetime,
) -> dict[str, object]:
    """The further columns to store with a token of `found`; `row` is as it is stored.

    Raises `OtherBusinessError` unless that is the tenant's business, or the one that a
    person has `confirmed`.
    """
    objection = objection_to(row, found)
    if objection is None:
        return {}
    if found is None or confirmed is None or not confirmed.is_same(found):
        raise objection
    return dict(row.leave_business(now))


def sister_warning(
    tenant: Tenant, person: AbstractBaseUser | AnonymousUser | None = None
) -> str:
    """A sentence where other tenants read the same PEX business; else empty.

    Tenants that `person` may not see are not named. None is for the command line, which
    sees all.
    """
    connection = tenant.pex_or_none
    business = connection.business if connection else None
    if connection is None or business is None or connection.is_disconnected:
        return ""
    others = [
        each.tenant_id
        for each in PexConnection.objects.of_business(business)
        if each.pk != connection.pk and not each.is_disconnected
    ]
    if not others:
        return ""
    seen = Tenant.objects.filter(pk__in=others)
    if person is not None:
        seen = seen.visible_to(person)
    names = [each.name for each in seen]
    hidden = len(others) - len(names)
    if hidden:
        names.append("another tenant" if hidden == 1 else f"{hidden} other tenants")
    reads, hold, from_all = (
        ("reads", "the other one holds", "one of the two")
        if len(others) == 1
        else ("read", "the others hold", "all but one")
    )
    return (
        f"{_listed(names)} {reads} the same PEX business as {tenant}: {business}. Each "
        f"purchase is sent by the tenant that comes first; {hold} it back. Unless this "
        f"is meant, disconnect PEX from {from_all}."
    )


def _listed(names: list[str]) -> str:
    *most, last = names
    text = f"{', '.join(most)} and {last}" if most else last
    return text[:1].upper() + text[1:]
