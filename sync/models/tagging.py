"""What is remembered of tag options: each sync of a tag, and texts that mean a code.

Owns the states of a sync and how much of its difference is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import connection, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connector import clock
from connector.api.exceptions import AuthenticationError, ConnectorError
from connector.models import Field, FieldMapping, PersonName, Tenant
from connector.models.access import visible
from connector.models.codes import KIND_CHOICES
from connector.models.recorded import whose
from sync.models.run import SyncRun

# Half of the advisory lock's number, which other locks do not share; the other half is
# the tenant's.
_LOCK_SPACE = 0x7A65
# Of each part of a difference; the counts tell of the rest.
MOST_KEPT = 200
# Parts of a difference: what PEX refused, and what was not written. Where the second is
# there, though empty, the sync was not brought to its end.
REFUSED, LEFT = "refused", "left"
_LONGEST_TEXT = 200

Part = Mapping[str, list[Any]]


class TagSyncActiveError(Exception):
    """Another process syncs the tenant's tags."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(
            f"The tag options of {tenant} are being synced by another process just "
            "now. Try again when it is done."
        )


@contextmanager
def only_one(tenant: Tenant) -> Iterator[None]:
    """Sync the tenant's tags alone. The lock goes with the database connection, so
    whoever dies leaves none. Raises `TagSyncActiveError`."""
    number = [lock_number(tenant)]
    if not _ask("SELECT pg_try_advisory_lock(%s)", number):
        raise TagSyncActiveError(tenant)
    try:
        yield
    finally:
        _ask("SELECT pg_advisory_unlock(%s)", number)


def lock_number(tenant: Tenant) -> int:
    return _LOCK_SPACE << 32 | tenant.pk


def _ask(statement: str, values: list[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.fetchone()[0])


class TagSyncQuerySet(models.QuerySet["TagSync"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> TagSyncQuerySet:
        """Those of tenants that the person may see."""
        return visible(self, user)

    def begin(
        self,
        mapping: FieldMapping,
        kind: str,
        run: SyncRun | None,
        user: User | None,
        **values: str,
    ) -> TagSync:
        """A row for a sync that is running, with the person who started its run."""
        return self.create(
            tenant=mapping.tenant,
            run=run,
            started_by=user or (run.started_by if run else None),
            started_by_name=run.started_by_name if run and not user else "",
            field=mapping.field,
            kind=kind,
            tag=mapping.tag,
            started_at=clock.now(),
            **values,
        )

    def done_by(self, run: SyncRun | None) -> set[tuple[str, str]]:
        """What a run has brought to its end so far, well or not: `what` and field."""
        ended = self.filter(run=run).exclude(ended_at=None)
        whole = ended.exclude(difference__has_key=LEFT)
        return set(whole.values_list("what", "field")) if run else set()

    def close_abandoned(self, tenant: Tenant, now: datetime) -> None:
        """Call with the tenant's lock held: then no other process can be at work."""
        for row in self.filter(tenant=tenant, state=TagSync.State.RUNNING):
            row.break_off(now, "The process that worked on it was stopped.")

    def refused_in(self, tenant: Tenant, tag_id: str) -> set[tuple[str, str]]:
        """Value and name of the options of a tag that PEX did not take lately."""
        rows = self.filter(tenant=tenant, tag_id=tag_id, difference__has_key=REFUSED)
        latest = rows.order_by("-pk").values_list("difference", flat=True).first()
        return {(each[0], each[1]) for each in (latest or {}).get(REFUSED, ())}

    def last_of_each(self, tenant: Tenant) -> list[TagSync]:
        """The last one that has ended of each tag's options, and of each filter."""
        ended = self.filter(tenant=tenant).exclude(state=TagSync.State.RUNNING)
        order = ended.order_by("field", "what", "-pk")
        return list(order.distinct("field", "what"))

    def lists_of(self, tenant: Tenant, tag_id: str) -> set[tuple[str, str]]:
        """Kind and company of every list of CMiC's that was put into the tag."""
        options = self.filter(tenant=tenant, tag_id=tag_id, what=TagSync.What.OPTIONS)
        put = options.exclude(state=TagSync.State.RUNNING).exclude(
            state=TagSync.State.FAILED, added=0
        )
        return set(put.values_list("kind", "company").distinct())


class TagSync(models.Model):
    """One sync of one mapped tag's options, or of its filter, by a run or a person.

    `held` options would be disabled and wait for a person, because CMiC's list was too
    short to be believed.
    """

    class What(models.TextChoices):
        OPTIONS = "options", _("options")
        FILTER = "filter", _("filter by the tag above")

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        WAITING = "waiting", _("waits for a person")
        FAILED = "failed", _("failed")

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="tag_syncs"
    )
    run = models.ForeignKey(
        SyncRun, null=True, on_delete=models.SET_NULL, related_name="tag_syncs"
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    started_by_name = PersonName("started_by")
    what = models.CharField(max_length=10, choices=What, default=What.OPTIONS)
    field = models.CharField(max_length=30, choices=Field)
    kind = models.CharField(max_length=20, choices=KIND_CHOICES)
    company = models.CharField(max_length=8, blank=True)
    tag = models.CharField(max_length=200)
    tag_id = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    message = models.TextField(blank=True)
    added = models.PositiveIntegerField(default=0)
    renamed = models.PositiveIntegerField(default=0)
    disabled = models.PositiveIntegerField(default=0)
    enabled = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    held = models.PositiveIntegerField(default=0)
    difference = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = TagSyncQuerySet.as_manager()

    class Meta:
        verbose_name = _("tag sync")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("running", "succeeded", "waiting", "failed")),
                name="tag_sync_state_known",
            ),
            models.CheckConstraint(
                condition=Q(what__in=("options", "filter")), name="tag_sync_what_known"
            ),
            models.CheckConstraint(
                condition=Q(field__in=Field.values), name="tag_sync_field_known"
            ),
            models.CheckConstraint(
                condition=Q(state="running", ended_at=None)
                | (~Q(state="running") & Q(ended_at__isnull=False)),
                name="tag_sync_ended_or_running",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "field", "-id"], name="tag_sync_latest"),
            models.Index(fields=["tenant", "tag_id"], name="tag_sync_of_tag"),
        ]

    def __str__(self) -> str:
        return f"Tag sync {self.pk} of “{self.tag}”"

    @property
    def starter(self) -> str:
        """Who started it or its run; empty for a command."""
        return whose(self, "started_by")

    def record(self, message: str, counts: Mapping[str, int], difference: Part) -> None:
        """Put on record what was done so far, because the process may die."""
        self._move(message=message, difference=_kept(difference), **counts)

    def end(
        self,
        state: State,
        now: datetime,
        message: str,
        counts: Mapping[str, int] | None = None,
        difference: Part | None = None,
    ) -> None:
        """Put on record how it ended, with the beginning of each list of changes."""
        kept = _kept(difference or {})
        self._move(
            state=state,
            ended_at=now,
            message=message,
            difference=kept,
            **(counts or {}),
        )

    def give_up(self, now: datetime, error: ConnectorError) -> None:
        """Put on record that `error` ended it.

        Raises it again where going on with the next tag makes no sense. Where our own
        limit is reached before anything was tried, the row goes: whoever waits begins
        with this tag.
        """
        if self.difference:
            self.break_off(now, error.message)
        elif error.is_ours:
            self.delete()
        else:
            self.end(self.State.FAILED, now, error.message)
        if error.is_ours or isinstance(error, AuthenticationError):
            raise error

    def break_off(self, now: datetime, why: str) -> None:
        """It failed before its end; what was recorded of it stays."""
        self._move(
            state=self.State.FAILED,
            ended_at=now,
            message=f"{why.rstrip('.')}. {self.message}".strip(),
            difference={LEFT: [], **self.difference},
        )

    def _move(self, **values: Any) -> None:
        """Whoever was taken for dead changes nothing any more."""
        TagSync.objects.filter(pk=self.pk, state=self.State.RUNNING).update(
            tag_id=self.tag_id, **values
        )
        self.refresh_from_db()


def _kept(difference: Part) -> dict[str, list[Any]]:
    return {name: part[:MOST_KEPT] for name, part in difference.items() if part}


class Aliases(NamedTuple):
    """Codes by the Values, and by the former names, that stand for them."""

    values: dict[str, str]
    names: dict[str, str]


class OptionAliasQuerySet(models.QuerySet["OptionAlias"]):
    def remember(
        self, tenant: Tenant, tag_id: str, codes: Mapping[str, str], *, is_value: bool
    ) -> None:
        """Texts that stand for a code from now on.

        A name that has stood for another code stands for none any more: nobody could
        tell which of the two a purchase means. A Value is the option's own.
        """
        folded = {text[:_LONGEST_TEXT]: code for text, code in codes.items()}
        if not folded:
            return
        known = dict(
            self.filter(
                tenant=tenant, tag_id=tag_id, is_value=is_value, text__in=list(folded)
            ).values_list("text", "code")
        )
        rows = [
            OptionAlias(
                tenant=tenant,
                tag_id=tag_id,
                is_value=is_value,
                text=text,
                code=code if is_value or known.get(text, code) == code else "",
            )
            for text, code in folded.items()
            if known.get(text) != code
        ]
        self.bulk_create(
            rows,
            batch_size=5000,
            update_conflicts=True,
            update_fields=["code"],
            unique_fields=["tenant", "tag_id", "is_value", "text"],
        )

    def values_of(self, tenant: Tenant, tag_id: str) -> dict[str, str]:
        """The codes that options stand for whose Value is another, by Value."""
        rows = self.filter(tenant=tenant, tag_id=tag_id, is_value=True)
        return dict(rows.values_list("text", "code"))

    def texts_of(self, tenant: Tenant, tag_ids: Iterable[str]) -> dict[str, Aliases]:
        """All of some tags, folded, by tag."""
        found: dict[str, Aliases] = {}
        rows = self.filter(tenant=tenant, tag_id__in=list(tag_ids)).exclude(code="")
        for tag_id, is_value, text, code in rows.values_list(
            "tag_id", "is_value", "text", "code"
        ):
            aliases = found.setdefault(tag_id, Aliases({}, {}))
            (aliases.values if is_value else aliases.names)[text.casefold()] = code
        return found


class OptionAlias(models.Model):
    """A text of a tag that stands for a code without being it: the Value of an option
    that a person had made (`is_value`), or a name that an option had, folded."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="option_aliases"
    )
    tag_id = models.CharField(max_length=200)
    is_value = models.BooleanField()
    text = models.CharField(max_length=_LONGEST_TEXT)
    code = models.CharField(max_length=64, blank=True)

    objects = OptionAliasQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "tag_id", "is_value", "text"],
                name="option_alias_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.text}: {self.code}"
