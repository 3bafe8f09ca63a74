"""What programs call at the pretend Procore: tokens, `/me`, companies, with Procore's own shapes.

Refuses every call to the API without a valid bearer token.
"""

from __future__ import annotations

from procore_cli.demo.app import COMPANIES
from procore_cli.demo.provider import OAuthBody, Provider
from procore_cli.demo.state import DemoState
from procore_cli.demo.wire import Answer, Call, new_errors, new_json

_REALM = 'Bearer realm="pretend Procore"'
_CHALLENGE = ("WWW-Authenticate", f'{_REALM}, error="invalid_token"')


class Api:
    """The routes for programs; each takes a call and gives an answer."""

    def __init__(self, provider: Provider, state: DemoState) -> None:
        self._provider = provider
        self._state = state

    def issue_token(self, call: Call) -> Answer:
        """POST /oauth/token."""
        return _new_oauth_answer(self._provider.issue_token(call.body))

    def revoke(self, call: Call) -> Answer:
        """POST /oauth/revoke."""
        return _new_oauth_answer(self._provider.revoke(call.body))

    def show_token_info(self, call: Call) -> Answer:
        """GET /oauth/token/info."""
        token = self._provider.find_token(call.authorization)
        if token is None:
            refusal = {"error": "invalid_token", "error_description": "The access token is not valid."}
            return new_json(401, refusal, _CHALLENGE)
        values = {
            "resource_owner_id": token.user_id,
            "scopes": [],
            "expires_in_seconds": self._provider.find_remaining_s(token),
            "application": {"uid": token.client_id},
            "created_at": token.created_at,
        }
        return new_json(200, values)

    def show_me(self, call: Call) -> Answer:
        """GET /rest/v1.0/me."""
        token = self._provider.find_token(call.authorization)
        user = self._state.find_user(token.user_id) if token else None
        if user is None:
            return _new_refusal()
        return new_json(200, {"id": user.id, "login": user.email, "name": user.name})

    def list_companies(self, call: Call) -> Answer:
        """GET /rest/v1.0/companies."""
        if self._provider.find_token(call.authorization) is None:
            return _new_refusal()
        return new_json(200, COMPANIES)


def _new_refusal() -> Answer:
    return new_errors(401, "Invalid or expired access token.", _CHALLENGE)


def _new_oauth_answer(body: OAuthBody) -> Answer:
    headers = (
        [("WWW-Authenticate", f'{_REALM}, error="{body.values["error"]}"')] if body.status == 401 else []
    )
    return new_json(body.status, body.values, *headers)
