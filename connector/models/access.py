"""Who may see which tenants, and which permissions the roles were given.

`visible` is the one place that decides whether a row's tenant may be seen; querysets
offer it as `visible_to`. What a person may do there is Django's permissions. Whom and
which groups somebody may manage is decided here too: nobody may give, to others or by
way of others, what they have not themselves.
"""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import (
    AbstractBaseUser,
    AnonymousUser,
    Group,
    Permission,
    User,
)
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

Rows = TypeVar("Rows", bound="models.QuerySet[models.Model]")


class TenantAccessQuerySet(models.QuerySet["TenantAccess"]):
    def limiting(self, user: AbstractBaseUser | AnonymousUser) -> TenantAccessQuerySet:
        """Those that limit the person, by themselves or through a group."""
        return self.filter(
            Q(user=user.pk) | Q(group__user=user.pk), is_limited=True
        ).distinct()


class TenantAccess(models.Model):
    """A person or a group, and the tenants that they are limited to.

    Limits add up: who is limited in two ways sees the tenants of both. Without a limit
    all tenants are seen; limited to no tenant, none is.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="tenant_access",
    )
    # Whoever deletes a group must not lift the limits of its members by that.
    group = models.OneToOneField(
        Group,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tenant_access",
    )
    is_limited = models.BooleanField(
        _("only some tenants"),
        default=False,
        help_text=_("Off: all tenants are seen. On: only those chosen here."),
    )
    tenants = models.ManyToManyField(
        "connector.Tenant", blank=True, related_name="accesses"
    )

    objects = TenantAccessQuerySet.as_manager()

    class Meta:
        verbose_name = _("tenants seen")
        verbose_name_plural = _("tenants seen")
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, group=None)
                | Q(user=None, group__isnull=False),
                name="access_of_user_or_group",
            )
        ]

    def __str__(self) -> str:
        return f"Tenants seen by {self.user or self.group}"


class RoleGrant(models.Model):
    """A permission that a role was given once. It is never given a second time."""

    role = models.CharField(max_length=150)
    permission = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["role", "permission"], name="role_grant_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.permission}"


def is_limited(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether there may be tenants that the person does not see."""
    if not user.is_active:
        return True
    if getattr(user, "is_superuser", False):
        return False
    return TenantAccess.objects.limiting(user).exists()


def visible(
    rows: Rows, user: AbstractBaseUser | AnonymousUser, tenant: str = "tenant"
) -> Rows:
    """The rows whose tenant the person may see; `tenant` leads from a row to it."""
    if not user.is_active:
        return rows.none()
    if not is_limited(user):
        return rows
    seen = TenantAccess.tenants.through._default_manager.filter(
        tenantaccess__in=TenantAccess.objects.limiting(user).values("pk")
    )
    return rows.filter(**{f"{tenant}__in": seen.values("tenant")})


def people_of(user: User) -> models.QuerySet[User]:
    """The people that somebody may know of: all, or for who sees only some tenants,
    those that are limited to tenants of these."""
    people = User.objects.all()
    if not is_limited(user):
        return people
    limits = TenantAccess.objects.filter(is_limited=True)
    is_limited_too = Q(tenant_access__in=limits) | Q(groups__tenant_access__in=limits)
    wider = _wider_than(user)
    sees_others = Q(tenant_access__in=wider) | Q(groups__tenant_access__in=wider)
    people = people.filter(is_limited_too, is_superuser=False).exclude(sees_others)
    return people.distinct()


def groups_of(user: User) -> models.QuerySet[Group]:
    """The groups that somebody may put others into: those that may nothing that they
    may not, and see no tenant that they do not see."""
    groups = Group.objects.all()
    if user.is_superuser:
        return groups
    beyond = Permission.objects.exclude(pk__in=permissions_of(user))
    groups = groups.exclude(permissions__in=beyond)
    if is_limited(user):
        groups = groups.exclude(tenant_access__in=_wider_than(user))
    return groups


def permissions_of(user: User) -> models.QuerySet[Permission]:
    """What somebody may, by themselves or through groups; also while deactivated."""
    if user.is_superuser:
        return Permission.objects.all()
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def may_manage(user: User, person: User) -> bool:
    """Whether somebody may change another: their password, or a name that logs in, is a
    way to become them."""
    if user.is_superuser:
        return True
    if person.is_superuser or not people_of(user).filter(pk=person.pk).exists():
        return False
    beyond = permissions_of(person).exclude(pk__in=permissions_of(user).values("pk"))
    return not beyond.exists()


def _wider_than(user: User) -> models.QuerySet[TenantAccess]:
    """What lets others see tenants that the person does not see."""
    through = TenantAccess.tenants.through._default_manager
    mine = through.filter(tenantaccess__in=TenantAccess.objects.limiting(user))
    others = through.exclude(tenant__in=mine.values("tenant"))
    return TenantAccess.objects.filter(pk__in=others.values("tenantaccess"))
