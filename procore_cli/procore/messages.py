"""What goes to Procore, and what comes back through the browser; opens no socket, reads no clock.

oauthlib makes the PKCE values and the request bodies; it parses nothing here.
"""

from __future__ import annotations

import hmac
import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from procore_cli.environments import AUTHORIZE_PATH
from procore_cli.errors import ConsentDeniedError, ProcoreLoginError, UnexpectedAnswerError

if TYPE_CHECKING:
    from oauthlib.oauth2 import WebApplicationClient

    from procore_cli.grants import AppCredentials

Pairs = list[tuple[str, str]]

# 32 of 62 letters and digits are 190 bits; the contract asks for 128.
_STATE_LENGTH = 32
_STATE_ALPHABET = string.ascii_letters + string.digits
_VERIFIER_LENGTH = 64
_LONGEST_DESCRIPTION = 300


@dataclass(frozen=True)
class Pkce:
    """A PKCE verifier and its S256 challenge (RFC 7636, section 4)."""

    verifier: str = field(repr=False)
    challenge: str


def new_state() -> str:
    """A fresh alphanumeric `state` (RFC 6749, section 10.12)."""
    return "".join(secrets.choice(_STATE_ALPHABET) for _ in range(_STATE_LENGTH))


def new_pkce() -> Pkce:
    """A fresh PKCE pair; the verifier goes to the token endpoint only."""
    client = _client("")
    verifier = client.create_code_verifier(_VERIFIER_LENGTH)
    return Pkce(verifier, client.create_code_challenge(verifier, "S256"))


def authorize_url(login_url: str, client_id: str, redirect_uri: str, state: str, challenge: str) -> str:
    """The link that a person opens (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
    # oauthlib's own builder refuses plain http, which a pretend Procore on loopback speaks.
    query = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{login_url}{AUTHORIZE_PATH}?{urlencode(query)}"


def is_ours(pairs: Pairs, state: str, *, bare_code: bool = False) -> bool:
    """Whether a callback's query answers our link: our `state` once, and one `code` or one `error`, not both.

    A doubled or an empty parameter makes it somebody else's (RFC 6749, section 3.1). `bare_code`: what the
    person copied from a page of Procore's comes without a state.
    """
    if bare_code and [name for name, _ in pairs] == ["code"]:
        return bool(pairs[0][1])
    if not _is_same(_values(pairs, "state"), state):
        return False
    codes, errors = _values(pairs, "code"), _values(pairs, "error")
    return len(codes) + len(errors) == 1 and all(codes + errors)


def read_callback(pairs: Pairs, environment_name: str) -> str:
    """The authorization code of a callback that `is_ours`.

    Raises ConsentDeniedError for `access_denied`, UnexpectedAnswerError for any other error
    (RFC 6749, section 4.1.2.1).
    """
    errors = _values(pairs, "error")
    if errors:
        raise _callback_error(errors[0], _values(pairs, "error_description"), environment_name)
    return _values(pairs, "code")[0]


def code_body(credentials: AppCredentials, code: str, redirect_uri: str, verifier: str) -> str:
    """The form that exchanges a code (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""
    body: str = _client(credentials.client_id).prepare_request_body(
        code=code,
        redirect_uri=redirect_uri,
        code_verifier=verifier,
        client_secret=credentials.client_secret,
    )
    return body


def refresh_body(credentials: AppCredentials, refresh_token: str) -> str:
    """The form that exchanges a refresh token (RFC 6749, section 6)."""
    body: str = _client(credentials.client_id).prepare_refresh_body(
        refresh_token=refresh_token,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
    )
    return body


def revoke_body(credentials: AppCredentials, token: str) -> str:
    """The form that revokes a token (RFC 7009, section 2.1)."""
    # oauthlib insists on https for this one too.
    return urlencode(
        {"token": token, "client_id": credentials.client_id, "client_secret": credentials.client_secret}
    )


def _client(client_id: str) -> WebApplicationClient:
    from oauthlib.oauth2 import WebApplicationClient

    return WebApplicationClient(client_id)


def _values(pairs: Pairs, name: str) -> list[str]:
    return [value for key, value in pairs if key == name]


def _is_same(states: list[str], state: str) -> bool:
    return len(states) == 1 and hmac.compare_digest(
        states[0].encode("utf-8", "surrogatepass"), state.encode("utf-8", "surrogatepass")
    )


def _callback_error(error: str, descriptions: list[str], environment_name: str) -> ProcoreLoginError:
    reason = ": ".join([error, *descriptions[:1]])[:_LONGEST_DESCRIPTION]
    if error == "access_denied":
        return ConsentDeniedError(
            f"{environment_name}: the sign-in was denied at Procore ({reason}).",
            "Run the command again and choose Allow on Procore's page.",
        )
    return UnexpectedAnswerError(
        f"{environment_name}: Procore ended the sign-in with an error ({reason}).",
        "Try again later; if it happens again, compare the app's settings in the Developer Portal.",
    )
