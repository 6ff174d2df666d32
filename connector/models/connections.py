"""How to reach PEX and CMiC for one tenant, and what the last check said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from connector import clock
from connector.api.cmic.flysheets import Layout
from connector.api.pex.types import Tag
from connector.api.wire.addresses import AddressError, Reach, origin
from connector.fields import SecretField, is_stored, problem_with
from connector.models.business import Business, place_of
from connector.models.tenant import Tenant

PEX_PRODUCTION = "https://coreapi.pexcard.com"
RENEWAL_MONTH = timedelta(days=30)


class Connection(models.Model):
    """What both connections have: an address, and the result of the last check."""

    # "pex" or "cmic": the relation from the tenant, and the name in addresses.
    SYSTEM: ClassVar[str]
    # What a person enters to reach it, in the order of the page.
    CREDENTIALS: ClassVar[tuple[str, ...]] = ()
    # Each secret with the addresses that it, or what it is exchanged for, is sent to.
    SECRETS: ClassVar[dict[str, tuple[str, ...]]] = {}

    base_url = models.CharField(_("API address"), max_length=300)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_ok = models.BooleanField(null=True, editable=False)
    check_message = models.TextField(blank=True, editable=False)
    # Whoever stores credentials sets it anew: what was found with older ones is
    # recognized by it and not recorded. Who changed what is `CredentialsChange`'s.
    credentials_changed_at = models.DateTimeField(null=True, editable=False)
    is_disconnected = models.BooleanField(default=False, editable=False)

    class Meta:
        abstract = True

    def clean(self) -> None:
        super().clean()
        validate_address(self.base_url, "base_url")

    @classmethod
    def moved_secrets(
        cls, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> list[str]:
        """Names of the secrets that would go to another host `after` than `before`.

        What is stored is sent to the address that it was entered for only: whoever may
        change an address could read it otherwise.
        """
        return [
            name
            for name, addresses in cls.SECRETS.items()
            if is_stored(before[name])
            and any(
                after.get(each) and origin(after[each]) != origin(before[each])
                for each in addresses
            )
        ]


class PexConnectionQuerySet(models.QuerySet["PexConnection"]):
    def without_secrets(self) -> PexConnectionQuerySet:
        """With their tenants and without what is large or must be decrypted: a key that
        one tenant's token lacks is no trouble of another's."""
        return self.select_related("tenant").defer("token", "tags", "cardholders")

    def of_business(self, business: Business) -> list[PexConnection]:
        """Those that read this business now."""
        rows = self.without_secrets().filter(business_id=business.number)
        return [row for row in rows if row.reads(business)]

    def ever_of_business(self, business: Business) -> list[PexConnection]:
        """Those that read this business now or did so once."""
        once = {"number": business.number, "place": business.place}
        rows = self.without_secrets().filter(
            models.Q(business_id=business.number)
            | models.Q(former_businesses__contains=[once])
        )
        return [row for row in rows if row.reads(business) or row.has_read(business)]


class PexConnection(Connection):
    """The PEX business: its token, and who the token belongs to."""

    SYSTEM = "pex"
    CREDENTIALS = ("base_url", "token")
    SECRETS = {"token": ("base_url",)}

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="pex")
    token = SecretField(_("external API token"), blank=True, default="")
    token_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    business_id = models.BigIntegerField(
        _("PEX business"), null=True, blank=True, editable=False
    )
    business_name = models.CharField(max_length=200, blank=True, editable=False)
    # Scheme and host of the PEX that told the business; the address may change later.
    business_place = models.CharField(
        max_length=300, blank=True, default="", db_default="", editable=False
    )
    # `Business` and "until" of each that a person has replaced by another.
    former_businesses = models.JSONField(null=True, blank=True, editable=False)
    # Of the token and address that PEX was asked about last: whatever stores another
    # one, in whatever way, is found out before it is used.
    checked_token = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    username = models.CharField(max_length=200, blank=True, editable=False)
    tags = models.JSONField(default=list, blank=True, editable=False)
    cardholders = models.JSONField(default=dict, blank=True, editable=False)
    cardholders_read_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = PexConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("PEX connection")
        indexes = [models.Index(fields=["business_id"], name="pex_of_business")]

    def __str__(self) -> str:
        return self.business_name or self.base_url

    def clean(self) -> None:
        super().clean()
        if self.token and not (self.token.isascii() and self.token.isprintable()):
            raise ValidationError({"token": "A PEX token has only plain characters."})

    def missing_settings(self) -> list[str]:
        if self.is_disconnected:
            return ["PEX is disconnected."]
        missing = problem_with("PEX token", self.token)
        return [missing] if missing else []

    @property
    def business(self) -> Business | None:
        """The one that the tenant reads; None before PEX told one."""
        if self.business_id is None:
            return None
        place = self.business_place or place_of(self.base_url)
        return Business(self.business_id, self.business_name, place)

    def reads(self, business: Business) -> bool:
        known = self.business
        return known is not None and known.is_same(business)

    def has_read(self, business: Business) -> bool:
        """Whether it is one of those that were replaced."""
        former = (Business.from_json(each) for each in self.former_businesses or ())
        return any(each.is_same(business) for each in former)

    def business_at(self, moment: datetime) -> Business | None:
        """The one that the tenant read at that moment."""
        for each in self.former_businesses or ():
            if moment < datetime.fromisoformat(each["until"]):
                return Business.from_json(each)
        return self.business

    def leave_business(self, now: datetime) -> dict[str, Any]:
        """The columns to change where a person has confirmed another business: what
        was known of the former one's cards and tags is not true of the next."""
        known = self.business
        former = [*(self.former_businesses or ())]
        if known is not None:
            former.append({**known.to_json(), "until": now.isoformat()})
        return {
            "former_businesses": former,
            "tags": [],
            "cardholders": {},
            "cardholders_read_at": None,
        }

    @property
    def token_mark(self) -> str:
        """Stands for token and address together, and tells nothing of either."""
        text = f"{place_of(self.base_url)} {self.token}"
        return salted_hmac("pex-token", text, algorithm="sha256").hexdigest()

    @property
    def is_token_checked(self) -> bool:
        """Whether PEX has told whose the token is that is stored now."""
        return self.checked_token == self.token_mark

    def is_in_last_month(self) -> bool:
        """PEX renews a token in the last month of its life only."""
        expires_at = self.token_expires_at
        return expires_at is not None and expires_at - clock.now() < RENEWAL_MONTH

    def remember_tags(self, tags: Sequence[Tag]) -> None:
        """Keep the names and types of PEX's tags: mappings are checked against them."""
        known = [
            {
                "id": tag.tag_id,
                "name": tag.name,
                "type": "dropdown" if tag.is_dropdown else tag.type,
                "is_usable": tag.is_usable,
            }
            for tag in tags
        ]
        if known != self.tags:
            self.tags = known
            self.save(update_fields=["tags"])

    def remembered_tags(self) -> list[Tag]:
        """As PEX told them last, without options; empty before it was asked."""
        return [
            Tag(each["id"], each["name"], each["type"], each["is_usable"])
            for each in self.tags
        ]

    def tag_types(self) -> dict[str, str]:
        """Type by name of the usable ones among `remembered_tags`."""
        return {tag.name: tag.type for tag in self.remembered_tags() if tag.is_usable}


class CmicConnection(Connection):
    """The CMiC environment, its service account and how uploads look there."""

    class Auth(models.TextChoices):
        BASIC = "basic", _("user name and password")
        OAUTH = "oauth", _("OAuth 2 client credentials")

    class Encoding(models.TextChoices):
        MULTIPART = "multipart", _("multipart form with a file")
        JSON = "json", _("JSON with the file in base64")

    SYSTEM = "cmic"
    CREDENTIALS = (
        "base_url",
        "auth",
        "client_id",
        "username",
        "password",
        "token_url",
        "oauth_client_id",
        "oauth_client_secret",
        "scope",
        "upload_encoding",
        "flysheets",
    )
    SECRETS = {
        "password": ("base_url",),
        "oauth_client_secret": ("token_url", "base_url"),
    }

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="cmic")
    auth = models.CharField(max_length=10, choices=Auth, default=Auth.BASIC)
    client_id = models.CharField(
        _("client id"),
        max_length=60,
        blank=True,
        help_text=_("The part before || in CMiC Cloud; empty for on-premise."),
    )
    username = models.CharField(_("user name"), max_length=100, blank=True)
    password = SecretField(blank=True, default="")
    token_url = models.CharField(_("token address"), max_length=300, blank=True)
    oauth_client_id = models.CharField(_("OAuth client id"), max_length=200, blank=True)
    oauth_client_secret = SecretField(_("OAuth secret"), blank=True, default="")
    scope = models.CharField(max_length=300, blank=True)
    upload_encoding = models.CharField(
        max_length=10, choices=Encoding, default=Encoding.MULTIPART
    )
    flysheets = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Flysheet names and columns that differ from the defaults."),
    )
    modules = models.JSONField(default=list, blank=True, editable=False)

    class Meta:
        verbose_name = _("CMiC connection")

    def __str__(self) -> str:
        return self.base_url

    def clean(self) -> None:
        super().clean()
        if self.token_url:
            validate_address(self.token_url, "token_url")
        if not isinstance(self.flysheets, dict):
            raise ValidationError({"flysheets": "This must be a JSON object."})
        try:
            self.layout()
        except ValueError as error:
            raise ValidationError({"flysheets": str(error)}) from error

    def missing_settings(self) -> list[str]:
        if self.is_disconnected:
            return ["CMiC is disconnected."]
        if self.auth == self.Auth.BASIC:
            needed = {"CMiC user name": self.username, "CMiC password": self.password}
        else:
            needed = {
                "CMiC token address": self.token_url,
                "CMiC OAuth client id": self.oauth_client_id,
                "CMiC OAuth secret": self.oauth_client_secret,
            }
        missing = (problem_with(name, value) for name, value in needed.items())
        return [sentence for sentence in missing if sentence]

    @property
    def login(self) -> str:
        """The Basic user name: ``CLIENT||USER``, or the user alone on-premise."""
        if self.client_id:
            return f"{self.client_id}||{self.username}"
        return self.username

    def layout(self) -> Layout:
        """Raises `ValueError` with a sentence where `flysheets` makes no sense."""
        changes: dict[str, Any] = self.flysheets
        return Layout.from_settings(changes)


def own_reach() -> Reach:
    """Where the environment lets this installation call."""
    return Reach(
        hosts=tuple(map(str.strip, settings.CONNECTOR_ALLOWED_HOSTS)),
        private_hosts=tuple(map(str.strip, settings.CONNECTOR_PRIVATE_HOSTS)),
        allow_loopback=settings.CONNECTOR_ALLOW_LOOPBACK,
    )


def validate_address(url: str, field: str) -> None:
    """Raises `ValidationError` at `field` for an address we must not call."""
    try:
        own_reach().check(url)
    except AddressError as error:
        raise ValidationError({field: str(error)}) from error
