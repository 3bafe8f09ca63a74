"""The pretend Procore's answers to oauthlib's questions: which client, code, token is good.

Refuses to keep anything itself: what it learns goes to the state.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from oauthlib.oauth2 import RequestValidator
from oauthlib.oauth2.rfc6749.errors import InvalidRequestError

from procore_cli.demo.app import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from procore_cli.demo.state import DemoState, Grant, IssuedToken
from procore_cli.environments import CODE_LIFETIME_S
from procore_cli.errors import BadUrlError
from procore_cli.urls import read_redirect_uri

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class DemoValidator(RequestValidator):
    """One confidential client, no scopes; oauthlib hands its own request object to each method."""

    def __init__(self, state: DemoState, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock

    def validate_client_id(self, client_id: str, *_: Any, **__: Any) -> bool:
        """At the authorize page, an id is all that a client shows."""
        return client_id == DEMO_CLIENT_ID

    def authenticate_client(self, request: Any, *_: Any, **__: Any) -> bool:
        """At the token endpoint, id and secret stand in the form (RFC 6749, section 2.3.1)."""
        request.client = SimpleNamespace(client_id=DEMO_CLIENT_ID)
        id_fits = _same(request.client_id or "", DEMO_CLIENT_ID)
        return _same(request.client_secret or "", DEMO_CLIENT_SECRET) and id_fits

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, *_: Any, **__: Any) -> bool:
        """Any address on loopback, any https address, and the URN for pasting."""
        try:
            read_redirect_uri(redirect_uri, "redirect_uri")
        except BadUrlError:
            return False
        return self.validate_client_id(client_id)

    def get_default_redirect_uri(self, *_: Any, **__: Any) -> str:
        """None: Procore wants it in every request."""
        return ""

    def validate_response_type(self, client_id: str, response_type: str, *_: Any, **__: Any) -> bool:
        """Codes alone."""
        return self.validate_client_id(client_id) and response_type == "code"

    def validate_grant_type(self, client_id: str, *_: Any, **__: Any) -> bool:
        """Codes and refresh tokens; oauthlib has refused all others before it asks."""
        return self.validate_client_id(client_id)

    def get_default_scopes(self, *_: Any, **__: Any) -> list[str]:
        """None: Procore has no scopes."""
        return []

    def get_original_scopes(self, *_: Any, **__: Any) -> list[str]:
        """None: Procore has no scopes."""
        return []

    def validate_scopes(self, *_: Any, **__: Any) -> bool:
        """Procore has no scopes."""
        return True

    def save_authorization_code(
        self, client_id: str, code: Mapping[str, object], request: Any, *_: Any, **__: Any
    ) -> None:
        """Keep a new code for as long as Procore does."""
        grant = Grant(request.user, client_id, request.redirect_uri, request.code_challenge)
        self._state.save_grant(str(code["code"]), grant, int(self._clock()) + CODE_LIFETIME_S)

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *_: Any, **__: Any) -> bool:
        """Use the code up, whether the rest of the request is good or not."""
        grant = self._state.claim_grant(code, client_id, int(self._clock()))
        # Compared here, not in confirm_redirect_uri: Doorkeeper calls a wrong one invalid_grant.
        if grant is None or grant.redirect_uri != request.redirect_uri:
            return False
        request.user, request.code_challenge = grant.user_id, grant.challenge
        return True

    def confirm_redirect_uri(self, *_: Any, **__: Any) -> bool:
        """True: validate_code has compared it."""
        return True

    def get_code_challenge(self, _code: str, request: Any) -> Any:
        """The challenge of the authorize request, if there was one (RFC 7636, section 4.6)."""
        return request.code_challenge

    def get_code_challenge_method(self, *_: Any) -> str:
        """S256 alone, see check_challenge."""
        return "S256"

    def is_pkce_required(self, *_: Any) -> bool:
        """Procore documents no PKCE, so it may be left out."""
        return False

    def invalidate_authorization_code(self, *_: Any, **__: Any) -> None:
        """Nothing to do: validate_code used it up."""

    def validate_refresh_token(
        self, refresh_token: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        """Use the refresh token up, whether the rest of the request is good or not."""
        request.user = self._state.claim_refresh(refresh_token, client.client_id)
        return request.user is not None

    def save_bearer_token(self, token: Mapping[str, Any], request: Any, *_: Any, **__: Any) -> None:
        """Keep a new pair of tokens before it is sent."""
        created_at, expires_in = int(token["created_at"]), int(token["expires_in"])
        issued = IssuedToken(int(request.user), DEMO_CLIENT_ID, created_at, created_at + expires_in)
        self._state.save_token(token["access_token"], token["refresh_token"], issued)

    def revoke_token(self, token: str, *_: Any, **__: Any) -> None:
        """End the token, if it is one of ours (RFC 7009, section 2.2)."""
        self._state.revoke(token)


def check_challenge(request: Any) -> dict[str, str]:
    """A check for oauthlib's authorize endpoint: a challenge must be a SHA-256 digest (RFC 7636, 4.2)."""
    challenge = request.code_challenge
    if challenge is None:
        return {}
    if request.code_challenge_method != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequestError("The code challenge must be made with S256.", request=request)
    return {}


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
