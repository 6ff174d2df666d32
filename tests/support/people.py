"""Staff in a role, limited to some tenants or not, for tests of who may what."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.utils import timezone

from connector.models import TenantAccess
from logins.models import Lock

PASSWORD = "a sandbox password"


def add_staff(name, role=None, *, tenants=None):
    """Somebody of the staff; `tenants` are the only ones they see."""
    person = User.objects.create_user(name, password=PASSWORD, is_staff=True)
    if role is not None:
        person.groups.add(Group.objects.get(name=role))
    if tenants is not None:
        access = TenantAccess.objects.create(user=person, is_limited=True)
        access.tenants.set(tenants)
    return person


def add_lock(name, address="192.0.2.7"):
    """The login of this name from this address, locked since now."""
    return Lock.objects.create(
        username=name,
        ip_address=address,
        user_agent="Firefox",
        attempt_time=timezone.now(),
        failures_since_start=settings.AXES_FAILURE_LIMIT,
    )
