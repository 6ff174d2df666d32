"""Recorded: what each row of a history says besides the values. It has no secrets."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.dispatch import receiver
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


def person_name() -> str:
    """Who sent the request that is being answered; empty where there is none."""
    request: Any = getattr(HistoricalRecords.context, "request", None)
    user = getattr(request, "user", None)
    return user.get_username() if user and user.is_authenticated else ""


@receiver(pre_create_historical_record)
def note_person_and_moment(history_instance: Any, **signal: Any) -> None:
    """A run is compared with the moment: it is one of the same clock."""
    history_instance.by = person_name()
    history_instance.history_date = clock.now()
