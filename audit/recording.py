"""Putting a line on the audit list.

It is written before what it tells of happens or in the same transaction, so that
nothing is taken along that is not on the list.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest

from audit.client import client_address
from audit.models import Entry
from connector import clock
from connector.models import Tenant
from connector.models.recorded import request_in_hand

LONGEST_SENTENCE = 2000


def record(
    kind: Entry.Kind,
    sentence: str,
    *,
    tenant: Tenant | None = None,
    person: User | None = None,
    request: HttpRequest | None = None,
) -> Entry:
    """The new row. The request is the one that is being answered unless another is
    given, and the person who sent it; without a request it was a command."""
    request = request or request_in_hand()
    sender: Any = getattr(request, "user", None)
    if person is None and sender is not None and sender.is_authenticated:
        person = sender
    return Entry.objects.create(
        at=clock.now(),
        kind=kind,
        person=person,
        person_name=person.get_username() if person else "",
        tenant=tenant,
        tenant_name=tenant.name if tenant else "",
        address=client_address(request) if request else "",
        sentence=sentence.replace("\0", "")[:LONGEST_SENTENCE],
    )
