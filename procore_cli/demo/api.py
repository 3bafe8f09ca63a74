"""What programs call to sign in and to ask who it is: tokens, revocation, `/me`, with Procore's own shapes.

Refuses `/me` without a valid bearer token.
"""

from __future__ import annotations

from procore_cli.demo.app import SAMPLE_EMAIL
from procore_cli.demo.bearer import CHALLENGE, REALM, new_unauthorized, read_token
from procore_cli.demo.emails import is_email
from procore_cli.demo.provider import OAuthBody, Provider
from procore_cli.demo.state import DemoState
from procore_cli.demo.wire import Answer, Call, RefusedCallError, new_errors, new_json


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
            return new_json(401, refusal, CHALLENGE)
        values = {
            "resource_owner_id": token.user_id,
            "scopes": [],
            "expires_in_seconds": self._provider.find_remaining_s(token),
            "application": {"uid": token.client_id},
            "created_at": token.created_at,
        }
        return new_json(200, values)

    def sign_in(self, call: Call) -> Answer:
        """POST /demo/tokens: tokens without the pages, for tests; `email` as a form, else the sample user."""
        email = call.form.get("email", SAMPLE_EMAIL).strip()
        if not is_email(email):
            return new_errors(422, {"email": ["is not an e-mail address"]})
        return new_json(200, self._provider.sign_in(self._state.save_user(email).id))

    def show_me(self, call: Call) -> Answer:
        """GET /rest/v1.0/me."""
        user = self._state.find_user(read_token(self._provider, call).user_id)
        if user is None:
            raise RefusedCallError(new_unauthorized())
        return new_json(200, {"id": user.id, "login": user.email, "name": user.name})


def _new_oauth_answer(body: OAuthBody) -> Answer:
    headers = [("WWW-Authenticate", f'{REALM}, error="{body.values["error"]}"')] if body.status == 401 else []
    return new_json(body.status, body.values, *headers)
