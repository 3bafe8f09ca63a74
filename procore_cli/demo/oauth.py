"""The pretend Procore as an OAuth server, on oauthlib's server half, with Doorkeeper's error bodies.

Refuses to know pages: for them it gives addresses.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from oauthlib.oauth2 import ClientCredentialsGrant, RequestValidator, WebApplicationServer
from oauthlib.oauth2.rfc6749.errors import (
    AccessDeniedError,
    FatalClientError,
    InvalidClientIdError,
    InvalidRedirectURIError,
    InvalidRequestError,
    MismatchingRedirectURIError,
    OAuth2Error,
)

from procore_cli.config.environments import (
    AUTHORIZE_PATH,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    REVOKE_PATH,
    TOKEN_PATH,
)
from procore_cli.config.urls import read_redirect_uri
from procore_cli.demo.exchange import Answer, Call, new_json, refused
from procore_cli.demo.records import BadValueError
from procore_cli.demo.state import SERVICE_ACCOUNT, DemoState, Grant, IssuedToken
from procore_cli.errors import BadUrlError

# At debug level oauthlib logs codes and tokens.
logging.getLogger("oauthlib").setLevel(logging.WARNING)

# As Procore's.
_CODE_LIFETIME_S: Final = 600
_REALM: Final = 'Bearer realm="pretend Procore"'
_INVALID_TOKEN: Final = ("WWW-Authenticate", f'{_REALM}, error="invalid_token"')
# A SHA-256 digest in base64 (RFC 7636, section 4.2).
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
# Doorkeeper's own words.
_DESCRIPTIONS: Final = {
    "invalid_request": "The request is missing a required parameter, includes an unsupported parameter value,"
    " or is otherwise malformed.",
    "invalid_client": "Client authentication failed due to unknown client, no client authentication included,"
    " or unsupported authentication method.",
    "invalid_grant": "The provided authorization grant is invalid, expired, revoked, does not match the"
    " redirection URI used in the authorization request, or was issued to another client.",
    "unsupported_grant_type": "The authorization grant type is not supported by the authorization server.",
}
_BAD_REDIRECT_URI: Final = "The redirect URI must be http on this machine (http://localhost/...), or https."
_EXPLANATIONS: Final[dict[type[OAuth2Error], str]] = {
    InvalidClientIdError: "The client id is not the one of the pretend app.",
    InvalidRedirectURIError: _BAD_REDIRECT_URI,
    MismatchingRedirectURIError: _BAD_REDIRECT_URI,
}
_JWT_HEADER: Final = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"ES512"}').decode().rstrip("=")


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


class _Validator(RequestValidator):
    """One confidential client; oauthlib hands its own request object to each method."""

    # Procore has no scopes.
    get_default_scopes = get_original_scopes = _always([])
    validate_scopes = _always(True)
    # It wants the redirect URI in every request; validate_code compares it, and uses the code up.
    get_default_redirect_uri = _always("")
    confirm_redirect_uri = _always(True)
    invalidate_authorization_code = _always(None)
    # It documents no PKCE; _check_challenge lets no other method in.
    is_pkce_required = _always(False)
    get_code_challenge_method = _always("S256")

    def __init__(self, state: DemoState, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock

    def validate_client_id(self, client_id: str, *_: Any, **__: Any) -> bool:
        return client_id == DEMO_CLIENT_ID

    # oauthlib has refused all other grants before it asks.
    validate_grant_type = validate_client_id

    def authenticate_client(self, request: Any, *_: Any, **__: Any) -> bool:
        request.client = SimpleNamespace(client_id=DEMO_CLIENT_ID)
        id_fits = _same(request.client_id or "", DEMO_CLIENT_ID)
        return _same(request.client_secret or "", DEMO_CLIENT_SECRET) and id_fits

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, *_: Any, **__: Any) -> bool:
        # Any address on loopback, any https address, and the URN for pasting.
        try:
            read_redirect_uri(redirect_uri, "redirect_uri")
        except BadUrlError:
            return False
        return self.validate_client_id(client_id)

    def validate_response_type(self, client_id: str, response_type: str, *_: Any, **__: Any) -> bool:
        return self.validate_client_id(client_id) and response_type == "code"

    def save_authorization_code(self, client_id: str, code: Any, request: Any, *_: Any, **__: Any) -> None:
        grant = Grant(request.user, request.redirect_uri, request.code_challenge)
        self._state.save_grant(str(code["code"]), grant, int(self._clock()) + _CODE_LIFETIME_S)

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *_: Any, **__: Any) -> bool:
        # Claimed, whether the rest of the request is good or not.
        grant = self._state.claim_grant(code, int(self._clock()))
        # Compared here, not in confirm_redirect_uri: Doorkeeper calls a wrong one invalid_grant.
        if grant is None or grant.redirect_uri != request.redirect_uri:
            return False
        request.user, request.code_challenge = grant.user_id, grant.challenge
        return True

    def get_code_challenge(self, _code: str, request: Any) -> Any:
        return request.code_challenge

    def validate_refresh_token(
        self, refresh_token: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        # As validate_code does: a refresh token is for one try.
        request.user = self._state.claim_refresh(refresh_token)
        return request.user is not None

    def save_bearer_token(self, token: Mapping[str, Any], request: Any, *_: Any, **__: Any) -> None:
        created_at, expires_in = int(token["created_at"]), int(token["expires_in"])
        user_id = SERVICE_ACCOUNT if request.user is None else int(request.user)
        issued = IssuedToken(user_id, created_at, created_at + expires_in)
        self._state.save_token(token["access_token"], token.get("refresh_token"), issued)

    def revoke_token(self, token: str, *_: Any, **__: Any) -> None:
        self._state.revoke(token)


def _check_challenge(request: Any) -> dict[str, str]:
    """For oauthlib's authorize endpoint: a challenge must be a SHA-256 digest (RFC 7636, section 4.2)."""
    challenge = request.code_challenge
    is_digest = request.code_challenge_method == "S256" and _S256_CHALLENGE.fullmatch(challenge or "")
    if challenge is not None and not is_digest:
        raise InvalidRequestError("The code challenge must be made with S256.", request=request)
    return {}


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


class AuthorizeRefusedError(Exception):
    """An authorize request that cannot be granted; `location` says where the browser may be sent with it."""

    def __init__(self, why: str, location: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.location = location


class Provider:
    """The OAuth endpoints; every method raises DatabaseError where the state cannot be used."""

    def __init__(self, state: DemoState, clock: Callable[[], float], lifetime_s: int) -> None:
        """`clock`: seconds since the epoch (UTC); `lifetime_s`: how long a new access token lives."""
        self._state = state
        self._clock = clock
        self.lifetime_s = lifetime_s
        validator = _Validator(state, clock)
        self._server = WebApplicationServer(
            validator,
            token_generator=_new_access_token,
            token_expires_in=lambda _request: self.lifetime_s,
            refresh_token_generator=_new_refresh_token,
        )
        grant: Any = self._server.auth_grant
        grant.custom_validators.pre_auth.append(_check_challenge)
        self._server.grant_types["client_credentials"] = ClientCredentialsGrant(validator)

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

    def issue_token(self, call: Call) -> Answer:
        """POST /oauth/token: for a code, a refresh token or the client's own credentials (RFC 6749)."""
        fields = _read_fields(call)
        if "grant_type" not in fields:
            return _new_error("invalid_request", 400)
        # oauthlib reads no clock, and has no other way to add to its answer.
        extra = {"created_at": int(self._clock()), "token_type": "bearer"}
        _, text, status = self._server.create_token_response(
            TOKEN_PATH, body=urlencode(fields), credentials=extra
        )
        return _read_answer(text, status)

    def sign_in(self, user_id: int) -> dict[str, Any]:
        """Tokens for a user without the pages, as the token endpoint answers them; for tests."""
        created_at, lifetime_s = int(self._clock()), self.lifetime_s
        access_token, refresh_token = _new_access_token(None), _new_refresh_token(None)
        issued = IssuedToken(user_id, created_at, created_at + lifetime_s)
        self._state.save_token(access_token, refresh_token, issued)
        lifetimes = {"expires_in": lifetime_s, "created_at": created_at}
        tokens = {"access_token": access_token, "refresh_token": refresh_token}
        return tokens | {"token_type": "bearer"} | lifetimes

    def revoke(self, call: Call) -> Answer:
        """POST /oauth/revoke: revoke a token; 200 for an unknown one too (RFC 7009, section 2.2)."""
        fields = _read_fields(call)
        if not fields:
            return _new_error("invalid_request", 400)
        _, text, status = self._server.create_revocation_response(REVOKE_PATH, body=urlencode(fields))
        return _read_answer(text or "{}", status)

    def show_token_info(self, call: Call) -> Answer:
        """GET /oauth/token/info."""
        token = self._find_token(call)
        if token is None:
            refusal = {"error": "invalid_token", "error_description": "The access token is not valid."}
            return new_json(401, refusal, _INVALID_TOKEN)
        values: dict[str, Any] = {
            "resource_owner_id": None if token.user_id == SERVICE_ACCOUNT else token.user_id,
            "scopes": [],
            "expires_in_seconds": token.expires_at - int(self._clock()),
            "application": {"uid": DEMO_CLIENT_ID},
            "created_at": token.created_at,
        }
        return new_json(200, values)

    def read_token(self, call: Call) -> IssuedToken:
        """What the call's bearer token stands for. Raises RefusedCallError with a 401."""
        token = self._find_token(call)
        if token is None:
            raise refused(401, "Invalid or expired access token.", _INVALID_TOKEN)
        return token

    def _find_token(self, call: Call) -> IssuedToken | None:
        """RFC 6750, section 2.1."""
        scheme, _, token = call.header("Authorization").partition(" ")
        is_bearer = scheme.lower() == "bearer"
        return self._state.find_token(token.strip(), int(self._clock())) if is_bearer else None

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


def _read_fields(call: Call) -> dict[str, str]:
    """The fields of a request, without `scope`, which Procore does not have.

    None at all where one is doubled or no text, or where the query, which is logged on the way, carries any.
    """
    try:
        fields = {name: value for name, value in call.read().items() if value not in ("", None)}
    except BadValueError:
        return {}
    if call.query or not all(isinstance(value, str) for value in fields.values()):
        return {}
    return {name: value for name, value in fields.items() if name != "scope"} | call.basic_credentials


def _read_answer(text: str, status: int) -> Answer:
    values = dict(json.loads(text))
    if "error" in values:
        return _new_error(values["error"], status)
    return new_json(status, {name: value for name, value in values.items() if name != "scope"})


def _new_error(error: str, status: int) -> Answer:
    headers = [("WWW-Authenticate", f'{_REALM}, error="{error}"')] if status == 401 else []
    return new_json(status, {"error": error, "error_description": _DESCRIPTIONS[error]}, *headers)


def _new_access_token(_request: object) -> str:
    """Random, as long as Procore's, and only at first sight a JWT."""
    return f"{_JWT_HEADER}.{secrets.token_urlsafe(210)}.{secrets.token_urlsafe(132)}"


def _new_refresh_token(_request: object) -> str:
    return secrets.token_urlsafe(32)
