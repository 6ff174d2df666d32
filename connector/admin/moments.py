"""How moments are written in the admin, always as the business zone has them."""

from __future__ import annotations

from datetime import datetime

from django.utils import formats, timezone


def day(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "DATE_FORMAT")


def minute(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "M j, Y, H:i T")


def second(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "M j, Y, H:i:s T")


def time_of_day(moment: datetime) -> str:
    """A time of today, to the second."""
    return formats.date_format(timezone.localtime(moment), "H:i:s T")
