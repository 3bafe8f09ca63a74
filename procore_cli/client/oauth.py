"""Procore's OAuth: link and forms, made over oauthlib; exchange, refresh, revoke, probe.

Each call is one request, and keeps nothing.
"""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from procore_cli import log
from procore_cli.client.responses import find_error_code, raise_for_refusal, read_tokens
from procore_cli.config.environments import AUTHORIZE_PATH, REVOKE_PATH, TOKEN_INFO_PATH, TOKEN_PATH
from procore_cli.errors import (
    AnswerLostError,
    GrantRefusedError,
    RedirectRefusedError,
    UnexpectedAnswerError,
)

if TYPE_CHECKING:
    from oauthlib.oauth2 import WebApplicationClient

    from procore_cli.client.connections import BeforeSend
    from procore_cli.client.responses import Answer
    from procore_cli.client.transport import Transport
    from procore_cli.grants import AppCredentials, TokenSet
    from procore_cli.models import Binding, Environment


# 32 of 62 letters and digits are 190 bits; the contract asks for 128.
_STATE_LENGTH = 32
_STATE_ALPHABET = string.ascii_letters + string.digits
_VERIFIER_LENGTH = 64
_AT_ONCE_S = 2.0


@dataclass(frozen=True)
class Pkce:
    """A PKCE verifier and its S256 challenge (RFC 7636, section 4)."""

    verifier: str = field(repr=False)
    challenge: str


def new_state() -> str:
    """A fresh alphanumeric `state` (RFC 6749, section 10.12)."""
    return "".join(secrets.choice(_STATE_ALPHABET) for _ in range(_STATE_LENGTH))


def new_pkce(verifier: str | None = None) -> Pkce:
    """A PKCE pair, fresh unless there is a verifier, which goes to the token endpoint only."""
    client = _client("")
    verifier = verifier or client.create_code_verifier(_VERIFIER_LENGTH)
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


def code_body(credentials: AppCredentials, code: str, redirect_uri: str, verifier: str) -> str:
    """The form that exchanges a code (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""
    body: str = _client(credentials.client_id).prepare_request_body(
        code=code,
        redirect_uri=redirect_uri,
        code_verifier=verifier,
        client_secret=credentials.client_secret,
    )
    return body


def _client(client_id: str) -> WebApplicationClient:
    from oauthlib.oauth2 import WebApplicationClient

    return WebApplicationClient(client_id)


class Verdict(Enum):
    """What the answer says of client id and client secret."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Probe:
    """An answer of the token endpoint; `words` are for people."""

    verdict: Verdict
    words: str


def read_probe(answer: Answer) -> Probe:
    """What an answer to a code that cannot exist means (RFC 6749, section 5.2).

    The app is looked at before the code: `invalid_grant` says that it is right. Raises nothing.
    """
    # A failing server's word is not taken for a verdict.
    error = find_error_code(answer.body) if 400 <= answer.status < 500 else None
    verdicts = {"invalid_grant": Verdict.ACCEPTED, "invalid_client": Verdict.REFUSED}
    verdict = verdicts.get(error or "", Verdict.UNCLEAR)
    reason = answer.reason if verdict is Verdict.UNCLEAR else error
    return Probe(verdict, f"{answer.status}, {reason}")


class OAuth:
    """One environment's OAuth server; `clock` gives seconds since the epoch (UTC)."""

    def __init__(self, transport: Transport, environment: Environment, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._environment = environment
        self._clock = clock

    @log.phase("exchange of the code")
    def exchange(
        self, credentials: AppCredentials, code: str, redirect_uri: str, verifier: str, binding: Binding
    ) -> TokenSet:
        """Tokens for an authorization code (RFC 6749, section 4.1.3); `binding` is what they are made for.

        Raises GrantRefusedError, RefusedCredentialsError, and what `Transport.request` raises.
        """
        form = code_body(credentials, code, redirect_uri, verifier)
        try:
            return self._tokens(form, credentials, binding)
        except GrantRefusedError as error:
            raise GrantRefusedError(
                f"{error.message} A code can be used once, within ten minutes, with the redirect URI "
                f"that it was asked for ({redirect_uri}).",
                "Run the command again.",
            ) from None

    def refresh(
        self, credentials: AppCredentials, tokens: TokenSet, before_send: BeforeSend | None = None
    ) -> TokenSet:
        """Tokens in place of `tokens`, whose refresh token is used up by that (RFC 6749, section 6).

        `before_send` is called right before the token leaves; what it raises keeps it here.
        Raises GrantRefusedError when it is no longer valid, RefusedCredentialsError, and what
        `Transport.request` raises; only after UnreachableError is the refresh token surely unused.
        """
        form = _client(credentials.client_id).prepare_refresh_body(
            refresh_token=tokens.refresh_token,
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
        )
        return self._tokens(form, credentials, tokens.binding, before_send)

    @log.phase("token of the service account")
    def client_credentials(
        self, credentials: AppCredentials, binding: Binding, before_send: BeforeSend | None = None
    ) -> TokenSet:
        """A service account's tokens (RFC 6749, section 4.4); `binding` is what they are made for.

        A refresh token among them is not one to use (section 4.4.3). A connection that breaks at once is
        tried once more, since nothing is spent. Raises NoServiceAccountError, RefusedCredentialsError, and
        as `Transport.request`.
        """
        from oauthlib.oauth2 import BackendApplicationClient

        form = BackendApplicationClient(credentials.client_id).prepare_request_body(
            include_client_id=True, client_secret=credentials.client_secret
        )
        began_s = time.monotonic()
        try:
            tokens = self._tokens(form, credentials, binding, before_send, is_service=True)
        except AnswerLostError:
            # A server that does not answer has had its time.
            if time.monotonic() - began_s > _AT_ONCE_S:
                raise
            tokens = self._tokens(form, credentials, binding, before_send, is_service=True)
        return replace(tokens, refresh_token=None)

    def probe(self, credentials: AppCredentials, redirect_uri: str) -> Probe:
        """Ask whether Procore knows the app, with a code that cannot exist. Raises as `Transport.request`."""
        code, verifier = f"procore-login-check-{new_state()}", new_pkce().verifier
        return read_probe(self._post(TOKEN_PATH, code_body(credentials, code, redirect_uri, verifier)))

    def reach(self) -> None:
        """Find out whether the server answers at all, whatever it says.

        Raises UnreachableError, AnswerLostError, CaFileError, BadUrlError.
        """
        url = self._environment.login_url + TOKEN_INFO_PATH
        with suppress(RedirectRefusedError, UnexpectedAnswerError):
            self._transport.request("GET", url, environment=self._environment)

    def revoke(self, credentials: AppCredentials, token: str) -> None:
        """Make a token invalid (RFC 7009); an unknown one is no error. Raises as `refresh` does."""
        # oauthlib's own form for this insists on https.
        form = {
            "token": token,
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        answer = self._post(REVOKE_PATH, urlencode(form))
        raise_for_refusal(answer, self._environment, credentials)

    def _tokens(
        self,
        form: str,
        credentials: AppCredentials,
        binding: Binding,
        before_send: BeforeSend | None = None,
        *,
        is_service: bool = False,
    ) -> TokenSet:
        # The lifetime is counted from before the request: early is safe, late is not.
        now = self._clock()
        answer = self._post(TOKEN_PATH, form, before_send)
        raise_for_refusal(answer, self._environment, credentials, is_service=is_service)
        return read_tokens(answer, binding, now)

    def _post(self, path: str, form: str, before_send: BeforeSend | None = None) -> Answer:
        url = self._environment.login_url + path
        return self._transport.request(
            "POST", url, environment=self._environment, form=form, before_send=before_send
        )
