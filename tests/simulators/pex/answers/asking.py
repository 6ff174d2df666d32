"""Reads what a request asks for: names in any case, Eastern dates, enums by name or
number, JSON bodies. Raises RefusalError for what PEX would not take.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from werkzeug import Request

from tests.simulators.exact_json import read_json
from tests.simulators.pex.answers.errors import RefusalError, invalid

APPROVALS = ("notreviewed", "noreceipt", "approved", "rejected", "ignored")
END_OF_DAY = timedelta(hours=23, minutes=59, seconds=59)
EARLIEST = datetime.fromisoformat("0001-01-01T00:00:00")
LATEST = datetime.fromisoformat("9999-12-31T23:59:59")
Window = tuple[datetime, datetime]


class Query:
    """The query of a request, its names in any case."""

    def __init__(self, request: Request) -> None:
        self._values: dict[str, list[str]] = {}
        for name, values in request.args.lists():
            self._values.setdefault(name.lower(), []).extend(values)

    def all(self, name: str) -> list[str]:
        values = self._values.get(name.lower(), [])
        return [part.strip() for one in values for part in one.split(",") if part]

    def text(self, name: str) -> str | None:
        values = self._values.get(name.lower())
        return values[-1] if values and values[-1] != "" else None

    def is_true(self, name: str, default: bool = False) -> bool:
        text = self.text(name)
        if text is None:
            return default
        if text.lower() not in ("true", "false"):
            raise invalid(f"The value '{text}' is not valid for {name}.")
        return text.lower() == "true"

    def maybe(self, name: str) -> bool | None:
        return None if self.text(name) is None else self.is_true(name)

    def whole(self, name: str, default: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit():
            raise invalid(f"The value '{text}' is not valid for {name}.")
        return int(text)

    def moment(self, name: str) -> datetime | None:
        """An Eastern wall-clock time; one with an offset is refused."""
        text = self.text(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is not None:
            raise invalid(f"The value '{text}' is not valid for {name}.")
        return moment

    def approvals(self) -> set[str]:
        return {enum_name(text, APPROVALS) for text in self.all("Approval")}


def enum_name(text: str, names: Sequence[str]) -> str:
    """The lower-case name of an enum member that is given by name or number."""
    plain = text.replace(" ", "").lower()
    if plain.isdigit() and int(plain) < len(names):
        return names[int(plain)]
    if plain not in names:
        raise invalid(f"The value '{text}' is not valid.")
    return plain


def required_window(query: Query, today: datetime) -> Window:
    """StartDate and EndDate, at most 12 months back."""
    start, end = query.moment("StartDate"), query.moment("EndDate")
    if start is None or end is None:
        raise invalid("StartDate and EndDate are required.")
    if end < start:
        raise invalid("EndDate must not be before StartDate.")
    _refuse_old(start, today)
    return start, end


def open_window(query: Query, today: datetime) -> Window:
    """MinDate and MaxDate, either of which may be left out, or the day OnDate."""
    on = query.moment("OnDate")
    start, end = query.moment("MinDate"), query.moment("MaxDate")
    if on is not None:
        if start or end:
            raise invalid("OnDate excludes MinDate and MaxDate.")
        start = datetime.combine(on.date(), datetime.min.time())
        end = start + END_OF_DAY
    if start is not None:
        _refuse_old(start, today)
    return start or EARLIEST, end or LATEST


def _refuse_old(start: datetime, today: datetime) -> None:
    if start.date() < year_before(today.date()):
        raise invalid("The date range must be within the last 12 months.")


def year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


class Body:
    """The JSON object of a request, its names in any case."""

    def __init__(self, request: Request) -> None:
        try:
            data = read_json(request) if request.get_data() else {}
        except ValueError as error:
            raise invalid("The request is invalid.") from error
        if not isinstance(data, dict):
            raise invalid("The request is invalid.")
        self._values = {name.lower(): value for name, value in data.items()}

    @classmethod
    def of(cls, data: Any) -> Body:
        if not isinstance(data, dict):
            raise invalid("The request is invalid.")
        body = cls.__new__(cls)
        body._values = {name.lower(): value for name, value in data.items()}
        return body

    def get(self, name: str, default: Any = None) -> Any:
        value = self._values.get(name.lower())
        return default if value is None else value

    def text(self, name: str) -> str:
        value = self.get(name)
        if not isinstance(value, str) or not value.strip():
            raise invalid(f"The {name} field is required.")
        return value

    def whole(self, name: str) -> int:
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid(f"The {name} field is required.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self.get(name, default)
        if not isinstance(value, bool):
            raise invalid(f"The {name} field must be true or false.")
        return value

    def list(self, name: str) -> list[Any]:
        value = self.get(name, [])
        if not isinstance(value, list):
            raise invalid(f"The {name} field must be a list.")
        return value


def path_number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise RefusalError(400, "The request is invalid.")
    return int(text)
