"""CMiC's reference data as last read: what there is to choose from and check against.

Reading it is `connector.codes.reading`; this module only knows how to ask what is
there.
"""

from __future__ import annotations

import enum

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from connector import clock
from connector.api.cmic.types import CodeKind
from connector.models.connections import CmicConnection
from connector.models.tenant import Tenant

KIND_CHOICES = [(kind.value, kind.label) for kind in CodeKind]


class CodeState(enum.Enum):
    """What the cache knows of a code."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    UNKNOWN = "unknown"
    UNCHECKED = "unchecked"


class CmicCodeManager(models.Manager["CmicCode"]):
    def state_of(
        self, tenant_id: int, kind: CodeKind, code: str, *, company: str = ""
    ) -> CodeState:
        """What CMiC was last known to say of one code, anywhere below its company.

        UNCHECKED where it was not found and that proves nothing.
        """
        known = self.filter(tenant_id=tenant_id, kind=kind)
        if company:
            known = known.filter(company=company)
        states = set(known.filter(code=code).values_list("is_active", flat=True))
        if True in states:
            return CodeState.ACTIVE
        if False in states:
            return CodeState.INACTIVE
        is_sure = self.is_sure(tenant_id, kind, company=company)
        return CodeState.UNKNOWN if is_sure else CodeState.UNCHECKED

    def currency_of(self, tenant_id: int, company: str) -> str:
        """The company's currency code, empty if CMiC did not say."""
        rows = self.filter(tenant_id=tenant_id, kind=CodeKind.COMPANY, code=company)
        return rows.values_list("currency", flat=True).first() or ""

    def is_sure(self, tenant_id: int, kind: CodeKind, *, company: str = "") -> bool:
        """Whether CMiC is known not to have what is not in the cache.

        It is not where the kind was never read for the company, and not while CMiC
        cannot be reached: the list may then be behind.
        """
        refreshed = CodeRefresh.objects.filter(tenant_id=tenant_id, kind=kind)
        if company:
            refreshed = refreshed.filter(company__in=("", company))
        failed = CmicConnection.objects.filter(tenant_id=tenant_id, is_ok=False)
        return refreshed.exists() and not failed.exists()


class CmicCode(models.Model):
    """One cached value: kind, code, the codes it hangs on, name, active or not.

    `status` is CMiC's own word for a job's, such as I for in progress.
    `seen_at` is when CMiC was first seen to say what the row says now; `missing_since`
    when its list first lacked the code, until the list has it again.
    """

    State = CodeState

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="codes")
    kind = models.CharField(max_length=20, choices=KIND_CHOICES)
    company = models.CharField(max_length=8, blank=True)
    grandparent = models.CharField(max_length=64, blank=True)
    parent = models.CharField(max_length=64, blank=True)
    code = models.CharField(max_length=64)
    name = models.CharField(max_length=200, blank=True)
    currency = models.CharField(max_length=30, blank=True)
    status = models.CharField(max_length=30, blank=True, default="", db_default="")
    is_active = models.BooleanField(default=True)
    seen_at = models.DateTimeField()
    missing_since = models.DateTimeField(null=True)

    objects = CmicCodeManager()

    class Meta:
        verbose_name = _("CMiC code")
        ordering = ["kind", "code"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "company", "grandparent", "parent", "code"],
                name="cmic_code_once",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in CodeKind]),
                name="cmic_code_kind_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "kind", "company", "code"], name="cmic_code_by_code"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} – {self.name}" if self.name else self.code


class CodeRefreshQuerySet(models.QuerySet["CodeRefresh"]):
    def doubted(self, tenant: Tenant) -> CodeRefreshQuerySet:
        """Lists of the company that became so short that a person is asked."""
        of_company = self.filter(tenant=tenant, company__in=("", tenant.company_code))
        return of_company.exclude(short_count=None).order_by("kind")


class CodeRefresh(models.Model):
    """When one kind was last read whole for one company, and how many it has.

    `short_count` is what the last reading had where that was too few to be believed;
    `count` then is of the one before, until a person believes the shorter list.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="code_refreshes"
    )
    kind = models.CharField(max_length=20, choices=KIND_CHOICES)
    company = models.CharField(max_length=8, blank=True)
    refreshed_at = models.DateTimeField()
    count = models.PositiveIntegerField()
    short_count = models.PositiveIntegerField(null=True)

    objects = CodeRefreshQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "company"], name="code_refresh_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.tenant}"

    def believe(self, short_count: int) -> bool:
        """Close what the shorter list lacks, because a person has said that it is gone.
        False if another list was read since, or if somebody else was first."""
        with transaction.atomic():
            same = CodeRefresh.objects.filter(pk=self.pk, short_count=short_count)
            if not same.update(count=short_count, short_count=None):
                return False
            missing = CmicCode.objects.filter(
                tenant=self.tenant_id, kind=self.kind, missing_since__isnull=False
            )
            if self.company:
                missing = missing.filter(company=self.company)
            missing.filter(is_active=True).update(is_active=False, seen_at=clock.now())
        return True
