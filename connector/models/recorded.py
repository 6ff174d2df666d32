"""Who did something, by the name that stays when the account goes: what each row of a
history says besides the values, and a column beside each key to an account."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.http import HttpRequest
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record

from connector import clock


class Recorded(models.Model):
    """`by` is the person's name, which stays when the account goes; empty: a script."""

    by = models.CharField(max_length=150, blank=True)

    class Meta:
        abstract = True


def record_history(*excluded: str) -> HistoricalRecords:
    """The history of a model, without the columns that no person changes."""
    return HistoricalRecords(bases=[Recorded], excluded_fields=excluded)


def request_in_hand() -> HttpRequest | None:
    """The request that is being answered; None in a command or a worker."""
    request: HttpRequest | None = getattr(HistoricalRecords.context, "request", None)
    return request


def person_name() -> str:
    """Who sent the request that is being answered; empty where there is none."""
    user = getattr(request_in_hand(), "user", None)
    return user.get_username() if user and user.is_authenticated else ""


@receiver(pre_create_historical_record)
def note_person_and_moment(history_instance: Any, **signal: Any) -> None:
    """A run is compared with the moment: it is one of the same clock."""
    history_instance.by = person_name()
    history_instance.history_date = clock.now()


class PersonName(models.CharField):  # type: ignore[type-arg]
    """The name of the account to which the key `of` points, written with the row, and
    with the account's deletion where an older release has written the row."""

    places: list[tuple[type[models.Model], str, str]] = []

    def __init__(self, of: str, **options: Any) -> None:
        self.of = of
        options |= {"max_length": 150, "blank": True, "default": "", "db_default": ""}
        super().__init__(**options, editable=False)

    def deconstruct(self) -> Any:
        """To migrations a plain column."""
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.CharField", args, options

    def clone(self) -> models.CharField[str, str]:  # type: ignore[override]
        _, _, args, options = self.deconstruct()
        return models.CharField(*args, **options)

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False
    ) -> None:
        super().contribute_to_class(cls, name, private_only)
        self.places.append((cls, self.of, name))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        name = super().pre_save(model_instance, add)
        if not name and getattr(model_instance, f"{self.of}_id") is not None:
            name = getattr(model_instance, self.of).get_username()
            setattr(model_instance, self.attname, name)
        return name


def whose(row: models.Model, of: str) -> str:
    """The person that the key of the row points to, or did while there was the account;
    empty where it has been nobody, or somebody of whom no name was kept."""
    user = getattr(row, of)
    if user is not None:
        return str(user.get_username())
    return str(getattr(row, f"{of}_name"))


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL)
def keep_names(instance: Any, **signal: Any) -> None:
    for model, of, name in PersonName.places:
        nameless = model._default_manager.filter(**{of: instance.pk, name: ""})
        nameless.update(**{name: instance.get_username()})
