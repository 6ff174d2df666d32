"""Sessions with whose they are and since when, and logins that are locked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Exists, OuterRef, Subquery, Sum
from django.utils import timezone

from connector.models.access import is_limited, people_of


def idle_limit() -> timedelta:
    return timedelta(minutes=settings.SESSION_IDLE_MINUTES)


def age_limit() -> timedelta:
    return timedelta(seconds=settings.SESSION_COOKIE_AGE)


class PersonSessionQuerySet(models.QuerySet["PersonSession"]):
    def alive(self, now: datetime) -> PersonSessionQuerySet:
        """Those in which somebody is logged in."""
        stored = Session.objects.filter(session_key=OuterRef("key"))
        return self.filter(
            Exists(stored),
            began_at__gt=now - age_limit(),
            seen_at__gt=now - idle_limit(),
        )


class PersonSession(models.Model):
    """A login that holds; the session itself is Django's, under the same key.

    Neither key has a constraint, because a release that does not know of this table
    deletes sessions, too.
    """

    key = models.CharField(max_length=40, primary_key=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="+",
    )
    began_at = models.DateTimeField(db_index=True)
    seen_at = models.DateTimeField()
    # When the password was entered last.
    confirmed_at = models.DateTimeField()
    address = models.CharField(max_length=45, blank=True)
    browser = models.CharField(max_length=255, blank=True)

    objects = PersonSessionQuerySet.as_manager()

    class Meta:
        verbose_name = "session"
        default_permissions = ()

    def __str__(self) -> str:
        return f"Session since {self.began_at:%Y-%m-%d %H:%M}"

    def why_ended(self, now: datetime) -> str:
        """As a sentence; empty while it holds."""
        if now >= self.began_at + age_limit():
            return f"A login holds for {_hours()}. Please log in again."
        if now >= self.seen_at + idle_limit():
            minutes = settings.SESSION_IDLE_MINUTES
            return f"Nothing was done for {minutes} minutes. Please log in again."
        return ""


def _hours() -> str:
    return f"{age_limit() / timedelta(hours=1):g} hours"


class LockQuerySet(models.QuerySet["Lock"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> LockQuerySet:
        """Who sees only some tenants sees locks of those that they may know of."""
        if not isinstance(user, User) or not user.is_active:
            return self.none()
        if not is_limited(user):
            return self
        return self.filter(username__in=people_of(user).values("username"))


class LockManager(models.Manager["Lock"]):
    """Finds what is locked now."""

    def get_queryset(self) -> LockQuerySet:
        since = timezone.now() - settings.AXES_COOLOFF_TIME
        same: Any = AccessAttempt.objects.filter(
            username=OuterRef("username"),
            ip_address=OuterRef("ip_address"),
            attempt_time__gte=since,
        )
        summed = (
            same.order_by()
            .values("username")
            .annotate(total=Sum("failures_since_start"))
        )
        rows = LockQuerySet(self.model, using=self._db).filter(attempt_time__gte=since)
        rows = rows.alias(total=Subquery(summed.values("total")))
        locked: LockQuerySet = rows.filter(total__gte=settings.AXES_FAILURE_LIMIT)
        return locked

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> LockQuerySet:
        return self.get_queryset().visible_to(user)


class Lock(AccessAttempt):  # type: ignore[misc]
    """Wrong passwords of one name from one address, so many that it is locked."""

    objects = LockManager()

    class Meta:
        proxy = True
        verbose_name = "locked login"
        default_permissions = ("view",)
        permissions = [("unlock", "Can unlock logins")]

    def __str__(self) -> str:
        address = self.ip_address or "an unknown address"
        who = f"as {self.username}" if self.is_known else f"under {self.who}"
        return f"{who} from {address}"

    @property
    def is_known(self) -> bool:
        """Whether an account has the name; of another there is a digest only."""
        return ":" not in (self.username or ":")

    @property
    def who(self) -> str:
        return str(self.username) if self.is_known else "a name that no account has"

    @property
    def until(self) -> datetime:
        end: datetime = self.attempt_time + settings.AXES_COOLOFF_TIME
        return end
