"""What can go wrong when talking to PEX or CMiC, named by what the caller can do.

    ConnectorError
    ├─ ApiConnectionError       never reached them                  retryable
    ├─ ApiTimeoutError          sent, no answer                     retryable, doubtful
    ├─ ApiResponseError         answered, not accepted
    │  ├─ AuthenticationError   401, or PEX's dead-token sentence   configuration
    │  │  └─ TokenAddressError   no OAuth token address there       configuration
    │  ├─ AccessDeniedError     403, not licensed                   configuration
    │  ├─ NotFoundError         404
    │  ├─ ConflictError         409
    │  ├─ InvalidRequestError   400, 413, 422 and other 4xx
    │  ├─ RateLimitError        429, or our own limiter             retryable
    │  │  └─ RefreshActiveError  somebody reads these codes just now
    │  └─ ServerError           5xx                                 retryable, doubtful
    └─ UnexpectedResponseError  2xx or 3xx, not what was promised   doubtful

Two facts decide everything: ``retryable`` (the same call may succeed later) and
``may_have_succeeded`` (the other side may have done it although we saw no yes).
Faults count as doubtful unless the contrary is certain: the difference is an invoice.
"""

from __future__ import annotations

from typing import Any


class ConnectorError(Exception):
    """A sentence for people, and the two facts that decide what happens next."""

    retryable = False
    may_have_succeeded = False

    def __init__(self, message: str, *, system: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.system = system

    @property
    def is_ours(self) -> bool:
        """Whether the connector itself says so, and waiting is certain to help."""
        return False

    def __str__(self) -> str:
        return self.message


class ApiConnectionError(ConnectorError):
    """No connection was made, so nothing can have happened there."""

    retryable = True


class ApiTimeoutError(ConnectorError):
    """The request left and no whole answer came back."""

    retryable = True
    may_have_succeeded = True


class ApiResponseError(ConnectorError):
    """An answer that says no. ``detail`` is the other side's own sentence."""

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
        status: int = 0,
        detail: str = "",
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, system=system)
        self.status = status
        self.detail = detail
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after


class AuthenticationError(ApiResponseError):
    """The credentials are wrong or dead."""


class TokenAddressError(AuthenticationError):
    """Nobody gives tokens at the address that was entered; the sentence says so."""


class AccessDeniedError(ApiResponseError):
    """Known, but not allowed: a role, a permission or a licence is missing."""


class NotFoundError(ApiResponseError):
    """There is no such thing."""


class ConflictError(ApiResponseError):
    """Somebody changed it first, or it exists already."""


class InvalidRequestError(ApiResponseError):
    """Understood and refused for what it says."""


class RateLimitError(ApiResponseError):
    """Too many calls. Nothing was done; ``retry_after`` is in seconds, if known."""

    retryable = True

    @property
    def is_ours(self) -> bool:
        """Nobody has answered: our limiter says so, or another process of ours."""
        return not self.status


class LimiterAwayError(RateLimitError):
    """Redis, which counts the calls, cannot be used: no call is made, to nobody."""


class RefreshActiveError(RateLimitError):
    """Another process reads this tenant's codes: wait, it need not be done twice."""

    def __init__(self, tenant: str) -> None:
        super().__init__(
            f"CMiC's codes of {tenant} are being read by another process just now.",
            retry_after=15.0,
        )


class ServerError(ApiResponseError):
    """The other side failed while working on it."""

    retryable = True
    may_have_succeeded = True


class UnexpectedResponseError(ConnectorError):
    """An answer that is no refusal and not what was promised either."""

    may_have_succeeded = True

    def __init__(
        self, message: str, *, system: str = "", status: int = 0, body: str = ""
    ) -> None:
        super().__init__(message, system=system)
        self.status = status
        self.body = body


class ListMovedError(UnexpectedResponseError):
    """A list changed between two of its pages: what was read lacks rows, or may."""


class UnprovenAnswerError(UnexpectedResponseError):
    """A yes that names nothing that was stored: look whether it is there."""


class ContradictoryAnswerError(UnexpectedResponseError):
    """A yes that carries an error. A refusal, unless it turns out to be there; `detail`
    is the other side's own sentence."""

    def __init__(self, message: str, *, detail: str, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.detail = detail


class SettingsIncompleteError(ConnectorError):
    """Something a person must fill in is missing; the message says what and where."""
