"""The pretend Procore as an OAuth server, on oauthlib's server half, with error bodies like Doorkeeper's.

Refuses to know HTTP: it takes parameters and gives addresses, bodies and status codes.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from oauthlib.oauth2 import WebApplicationServer
from oauthlib.oauth2.rfc6749.errors import (
    AccessDeniedError,
    FatalClientError,
    InvalidClientIdError,
    InvalidRedirectURIError,
    MismatchingRedirectURIError,
    OAuth2Error,
)

from procore_cli.demo.app import DEMO_CLIENT_ID
from procore_cli.demo.state import DemoState, IssuedToken
from procore_cli.demo.validator import DemoValidator, check_challenge
from procore_cli.environments import AUTHORIZE_PATH, DEMO_TOKEN_LIFETIME_S, REVOKE_PATH, TOKEN_PATH

# At debug level oauthlib logs codes and tokens.
logging.getLogger("oauthlib").setLevel(logging.WARNING)

_DESCRIPTIONS: Final = {
    "invalid_request": "A parameter is missing, stands there twice, or has a value that cannot be used.",
    "invalid_client": "Client authentication failed: the client is unknown, or its secret is wrong.",
    "invalid_grant": "The authorization grant is invalid, expired, revoked or used, does not match the"
    " redirect URI of the authorization request, or was issued to another client.",
    "unsupported_grant_type": "This server does not support that grant type.",
}
_BAD_REDIRECT_URI: Final = "The redirect URI must be http on this machine (http://localhost/...), or https."
_EXPLANATIONS: Final[dict[type[OAuth2Error], str]] = {
    InvalidClientIdError: "The client id is not the one of the pretend app.",
    InvalidRedirectURIError: _BAD_REDIRECT_URI,
    MismatchingRedirectURIError: _BAD_REDIRECT_URI,
}
_JWT_HEADER: Final = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"ES512"}').decode().rstrip("=")


class AuthorizeRefusedError(Exception):
    """An authorize request that cannot be granted; `location` says where the browser may be sent with it."""

    def __init__(self, why: str, location: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.location = location


@dataclass(frozen=True)
class OAuthBody:
    """What the token and the revocation endpoint answer."""

    status: int
    values: dict[str, object] = field(repr=False)


class Provider:
    """The OAuth endpoints; every method raises DatabaseError where the state cannot be used."""

    def __init__(
        self,
        state: DemoState,
        clock: Callable[[], float],
        find_lifetime_s: Callable[[], int] = lambda: DEMO_TOKEN_LIFETIME_S,
    ) -> None:
        """`clock`: seconds since the epoch (UTC); `find_lifetime_s`: how long a new access token lives."""
        self._state = state
        self._clock = clock
        self._find_lifetime_s = find_lifetime_s
        self._server = WebApplicationServer(
            DemoValidator(state, clock),
            token_generator=_new_access_token,
            token_expires_in=lambda _request: find_lifetime_s(),
            refresh_token_generator=_new_refresh_token,
        )
        grant: Any = self._server.auth_grant
        grant.custom_validators.pre_auth.append(check_challenge)

    def read_redirect_uri(self, query: str) -> str:
        """Check an authorize request (RFC 6749, section 4.1.1). Raises AuthorizeRefusedError."""
        return str(self._read(query)["redirect_uri"])

    def allow(self, query: str, user_id: int) -> str:
        """The address that takes a new code to the client (RFC 6749, section 4.1.2)."""
        self._read(query)
        headers, _, _ = self._server.create_authorization_response(
            _new_uri(query), credentials={"user": user_id}
        )
        return str(headers["Location"])

    def deny(self, query: str) -> str:
        """The address that tells the client of the person's no (RFC 6749, section 4.1.2.1)."""
        info = self._read(query)
        denial = AccessDeniedError("The person denied the request.", state=info["state"])
        return str(denial.in_uri(info["redirect_uri"]))

    def issue_token(self, body: str) -> OAuthBody:
        """Exchange a code or a refresh token (RFC 6749, sections 4.1.3 and 6)."""
        fields = _read_fields(body)
        if fields is None or "grant_type" not in fields:
            return _new_error("invalid_request", 400)
        # oauthlib reads no clock, and has no other way to add to its answer.
        extra = {"created_at": int(self._clock()), "token_type": "bearer"}
        _, text, status = self._server.create_token_response(
            TOKEN_PATH, body=urlencode(fields), credentials=extra
        )
        return _read_answer(text, status)

    def sign_in(self, user_id: int) -> dict[str, Any]:
        """Tokens for a user without the pages, as the token endpoint answers them; for tests."""
        created_at, lifetime_s = int(self._clock()), self._find_lifetime_s()
        access_token, refresh_token = _new_access_token(None), _new_refresh_token(None)
        issued = IssuedToken(user_id, DEMO_CLIENT_ID, created_at, created_at + lifetime_s)
        self._state.save_token(access_token, refresh_token, issued)
        return {
            "access_token": access_token,
            "token_type": "bearer",
            "expires_in": lifetime_s,
            "refresh_token": refresh_token,
            "created_at": created_at,
        }

    def revoke(self, body: str) -> OAuthBody:
        """Revoke a token; 200 for an unknown one too (RFC 7009, section 2.2)."""
        fields = _read_fields(body)
        if fields is None:
            return _new_error("invalid_request", 400)
        _, text, status = self._server.create_revocation_response(REVOKE_PATH, body=urlencode(fields))
        return _read_answer(text or "{}", status)

    def find_token(self, authorization: str) -> IssuedToken | None:
        """What the bearer token of an Authorization header stands for (RFC 6750, section 2.1)."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self._state.find_token(token.strip(), int(self._clock()))

    def find_remaining_s(self, token: IssuedToken) -> int:
        """How many seconds a token still lives."""
        return token.expires_at - int(self._clock())

    def _read(self, query: str) -> dict[str, str]:
        try:
            _, info = self._server.validate_authorization_request(_new_uri(query))
        except FatalClientError as error:
            raise AuthorizeRefusedError(_EXPLANATIONS.get(type(error), error.description)) from None
        except OAuth2Error as error:
            raise AuthorizeRefusedError(error.description, error.in_uri(error.redirect_uri or "")) from None
        return dict(info)


def _new_uri(query: str) -> str:
    # oauthlib raises ValueError, with the query in it, for what is not strictly encoded: encode it again.
    return f"{AUTHORIZE_PATH}?{urlencode(parse_qsl(query))}"


def _read_fields(body: str) -> dict[str, str] | None:
    """The fields of a form, without `scope`, which Procore does not have; None where one is doubled."""
    pairs = parse_qsl(body)
    if any(count > 1 for count in Counter(name for name, _ in pairs).values()):
        return None
    return {name: value for name, value in pairs if name != "scope"}


def _read_answer(text: str, status: int) -> OAuthBody:
    values = dict(json.loads(text))
    if "error" in values:
        return _new_error(values["error"], status)
    values.pop("scope", None)
    return OAuthBody(status, values)


def _new_error(error: str, status: int) -> OAuthBody:
    return OAuthBody(status, {"error": error, "error_description": _DESCRIPTIONS[error]})


def _new_access_token(_request: object) -> str:
    """Random, as long as Procore's, and only at first sight a JWT."""
    return f"{_JWT_HEADER}.{secrets.token_urlsafe(210)}.{secrets.token_urlsafe(132)}"


def _new_refresh_token(_request: object) -> str:
    return secrets.token_urlsafe(32)
