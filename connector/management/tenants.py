"""What the commands that speak of one tenant share."""

from __future__ import annotations

from django.core.management.base import CommandError

from connector.models import Tenant


def get_tenant(slug: str, *, returncode: int) -> Tenant:
    """Raises `CommandError` with the exit code that the command promises."""
    try:
        return Tenant.objects.get(slug=slug)
    except Tenant.DoesNotExist as error:
        known = ", ".join(Tenant.objects.values_list("slug", flat=True)[:20])
        raise CommandError(
            f"There is no tenant “{slug}”. Known are: {known or 'none yet'}.",
            returncode=returncode,
        ) from error
