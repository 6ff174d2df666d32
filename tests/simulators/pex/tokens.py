"""The API tokens: which are alive, whose they are, and when one may be renewed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from werkzeug import Request

from tests.simulators.pex.answers.errors import RefusalError
from tests.simulators.pex.seeding.people import BUSINESS_ID, BUSINESS_NAME

LIFE = timedelta(days=182)
LAST_MONTH = timedelta(days=31)
EXPIRED = "Token expired or does not exist"
SCHEMES = {"token", "bearer"}


class Tokens:
    def __init__(self, first: str, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._first = first
        # Age one month, so that it does not yet ask to be renewed.
        self.expirations = {first: now() + LIFE - LAST_MONTH}
        self._businesses: dict[str, tuple[int, str]] = {}

    def admitted(self, request: Request) -> str:
        """The token of the request; raises RefusalError unless it is alive."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expires_at = self.expirations.get(token.strip())
        if scheme.lower() not in SCHEMES or expires_at is None:
            raise RefusalError(401, EXPIRED)
        if expires_at <= self._now():
            raise RefusalError(401, EXPIRED)
        return token.strip()

    def renew(self, token: str) -> str:
        """A new token; the old one lives on until its own end."""
        with self._lock:
            if self.expirations[token] - self._now() > LAST_MONTH:
                raise RefusalError(403, "Cannot renew token")
            return self._issue(*self.business_of(token))

    def issue(self, business: int = BUSINESS_ID, name: str = BUSINESS_NAME) -> str:
        """A token of the business, or of another one that has the same books."""
        with self._lock:
            return self._issue(business, name)

    def business_of(self, token: str) -> tuple[int, str]:
        """Number and name of the token's business."""
        return self._businesses.get(token, (BUSINESS_ID, BUSINESS_NAME))

    def _issue(self, business: int, name: str) -> str:
        seed = f"{self._first}/{len(self.expirations)}"
        token = hashlib.sha256(seed.encode()).hexdigest()[:32]
        self.expirations[token] = self._now() + LIFE
        self._businesses[token] = business, name
        return token

    def expire(self, token: str | None = None, at: datetime | None = None) -> None:
        """Let one token, or all of them, end at a moment; at once when none given."""
        moment = at or self._now()
        with self._lock:
            for known in [token] if token else list(self.expirations):
                self.expirations[known] = moment
