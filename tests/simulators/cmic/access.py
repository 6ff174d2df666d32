"""Who may call: Basic with CLIENT||USER, and bearer tokens for client credentials."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from werkzeug import Request, Response

from tests.simulators.exact_json import json_response

USER = "ACME||APIUSER"
PASSWORD = "sandbox-password"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"
TOKEN_LIFE = 3599


@dataclass
class Access:
    user: str
    password: str
    client_id: str
    client_secret: str
    now: Callable[[], datetime]
    tokens: dict[str, datetime] = field(default_factory=dict)

    def admits(self, request: Request) -> bool:
        given = request.authorization
        if given is None:
            return False
        if given.type == "basic":
            return (given.username, given.password) == (self.user, self.password)
        expires_at = self.tokens.get(given.token or "")
        return expires_at is not None and self.now() < expires_at

    def issue(self, request: Request) -> Response:
        """The token endpoint of the customer's own identity provider."""
        form = request.form
        if form.get("grant_type") != "client_credentials":
            return json_response({"error": "unsupported_grant_type"}, 400)
        given = (form.get("client_id"), form.get("client_secret"))
        if basic := request.authorization:
            given = (basic.username, basic.password)
        if given != (self.client_id, self.client_secret):
            return json_response({"error": "invalid_client"}, 401)
        token = secrets.token_urlsafe(32)
        self.tokens[token] = self.now() + timedelta(seconds=TOKEN_LIFE)
        return json_response(
            {
                "token_type": "Bearer",
                "expires_in": TOKEN_LIFE,
                "access_token": token,
            }
        )


def unauthorised_response() -> Response:
    return Response(
        "",
        401,
        headers={"WWW-Authenticate": 'Basic realm="CMiC"'},
        content_type="text/plain",
    )
