"""What a module's answer to a check says: which problem, and what to ask of whom (F3).

Making the call is the client's; here is only what its outcome means to a person.
"""

from __future__ import annotations

from connector.api.cmic.reference import MODULES
from connector.api.cmic.types import ModuleState, Problem
from connector.api.exceptions import (
    AccessDeniedError,
    ApiResponseError,
    AuthenticationError,
    ConnectorError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    TokenAddressError,
    UnexpectedResponseError,
)

TITLES = {
    "gl": "General Ledger",
    "ap": "Accounts Payable",
    "jc": "Job Costing",
    "ecm": "Document Management (ECM)",
}
_NOT_LICENSED = "not licensed"


def is_not_licensed(sentence: str) -> bool:
    return _NOT_LICENSED in sentence.casefold()


def module_state(
    name: str,
    error: ConnectorError | None,
    base_url: str = "",
    *,
    is_oauth: bool = False,
) -> ModuleState:
    """What one module said; `error` is None where it answered as it should."""
    if error is None:
        return ModuleState(name, True, "")
    problem = _problem(error)
    return ModuleState(
        name, False, _sentence(name, problem, error, base_url, is_oauth), problem
    )


def settle(states: dict[str, ModuleState]) -> list[ModuleState]:
    """All modules in their order.

    An address where nothing is found at all is no address of CMiC; where other modules
    answer it is, and this one is not installed there.
    """
    is_cmic = any(state.is_ok or state.is_refused for state in states.values())
    return [
        _not_installed(states[name])
        if is_cmic and states[name].problem is Problem.NOT_CMIC
        else states[name]
        for name in MODULES
    ]


def _problem(error: ConnectorError) -> Problem:
    if isinstance(error, TokenAddressError):
        return Problem.NO_TOKEN_ADDRESS
    if isinstance(error, AuthenticationError):
        return Problem.WRONG_PASSWORD
    if isinstance(error, AccessDeniedError):
        return (
            Problem.NOT_LICENSED if is_not_licensed(error.detail) else Problem.NO_ROLE
        )
    if isinstance(error, RateLimitError):
        return Problem.NOT_REACHABLE
    if isinstance(error, NotFoundError | InvalidRequestError | UnexpectedResponseError):
        return Problem.NOT_CMIC
    return Problem.NOT_REACHABLE


def _sentence(
    name: str, problem: Problem, error: ConnectorError, base_url: str, is_oauth: bool
) -> str:
    title = TITLES[name]
    if problem is Problem.NOT_LICENSED:
        return f"{title} is not licensed for this API. Ask CMiC for the licence."
    if problem is Problem.NO_ROLE:
        return (
            f"The user has no role for {title}. Ask the CMiC administrator to grant it "
            "under API Security."
        )
    if problem is Problem.NO_TOKEN_ADDRESS:
        return error.message
    if problem is Problem.WRONG_PASSWORD and is_oauth:
        return (
            f"{error.message} Enter the OAuth client id and secret again; the "
            "customer's CMiC administrator has them."
        )
    if problem is Problem.WRONG_PASSWORD:
        return (
            "CMiC refuses the user name or password. Enter them again; the user name "
            "is the CMiC user without the client id. The customer's CMiC administrator "
            "can reset the password."
        )
    if problem is Problem.NOT_CMIC:
        return (
            f"{base_url} does not answer as CMiC does{_status(error)}. Copy the "
            "address from the browser in which the customer uses CMiC, up to and with "
            "the environment, as in https://example.cmiccloud.com/cmicprod."
        )
    return (
        f"{error.message} Try again; if it stays so, ask the customer's CMiC "
        "administrator whether CMiC is up and lets this server in."
    )


def _not_installed(state: ModuleState) -> ModuleState:
    sentence = (
        f"CMiC has no {TITLES[state.name]} API at this address. Ask CMiC to install it."
    )
    return ModuleState(state.name, False, sentence, state.problem)


def _status(error: ConnectorError) -> str:
    is_answer = isinstance(error, ApiResponseError | UnexpectedResponseError)
    return f" (status {error.status})" if is_answer and error.status else ""  # type: ignore[attr-defined]
