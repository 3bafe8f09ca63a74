"""Procore's OAuth endpoints: exchange, refresh, revoke; each call is one request, and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from procore_cli.environments import REVOKE_PATH, TOKEN_INFO_PATH, TOKEN_PATH
from procore_cli.errors import GrantRefusedError, RedirectRefusedError, UnexpectedAnswerError
from procore_cli.procore.answers import raise_for_refusal, read_token_answer
from procore_cli.procore.messages import code_body, new_pkce, refresh_body, revoke_body

if TYPE_CHECKING:
    from procore_cli.grants import AppCredentials, TokenAnswer
    from procore_cli.models import Environment
    from procore_cli.procore.answers import Answer
    from procore_cli.procore.probe import Probe
    from procore_cli.procore.transport import Transport


class OAuth:
    """One environment's OAuth server; `clock` gives seconds since the epoch (UTC)."""

    def __init__(self, transport: Transport, environment: Environment, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._environment = environment
        self._clock = clock

    def exchange(
        self, credentials: AppCredentials, code: str, redirect_uri: str, verifier: str
    ) -> TokenAnswer:
        """Tokens for an authorization code (RFC 6749, section 4.1.3).

        Raises GrantRefusedError, RefusedCredentialsError, and what `Transport.request` raises.
        """
        form = code_body(credentials, code, redirect_uri, verifier)
        try:
            return self._tokens(form, credentials, (code, verifier))
        except GrantRefusedError as error:
            raise GrantRefusedError(
                f"{error.message} A code can be used once, within ten minutes, with the redirect URI "
                f"that it was asked for ({redirect_uri}).",
                "Run the command again.",
            ) from None

    def refresh(self, credentials: AppCredentials, refresh_token: str) -> TokenAnswer:
        """Tokens for a refresh token, which is used up by that (RFC 6749, section 6).

        Raises GrantRefusedError when it is no longer valid, RefusedCredentialsError, and what
        `Transport.request` raises; only after UnreachableError is the refresh token surely unused.
        """
        return self._tokens(refresh_body(credentials, refresh_token), credentials, (refresh_token,))

    def probe(self, credentials: AppCredentials, redirect_uri: str) -> Probe:
        """Ask whether Procore knows the app, with a code that cannot exist. Raises as `Transport.request`."""
        from procore_cli.procore.probe import new_impossible_code, read_probe

        code, verifier = new_impossible_code(), new_pkce().verifier
        answer = self._post(TOKEN_PATH, code_body(credentials, code, redirect_uri, verifier))
        return read_probe(answer, (code, verifier, credentials.client_secret))

    def reach(self) -> None:
        """Find out whether the server answers at all, whatever it says.

        Raises UnreachableError, AnswerLostError, CaFileError, BadUrlError.
        """
        url = self._environment.login_url + TOKEN_INFO_PATH
        with suppress(RedirectRefusedError, UnexpectedAnswerError):
            self._transport.request("GET", url, environment=self._environment)

    def revoke(self, credentials: AppCredentials, token: str) -> None:
        """Make a token invalid (RFC 7009); an unknown one is no error. Raises as `refresh` does."""
        answer = self._post(REVOKE_PATH, revoke_body(credentials, token))
        if answer.status >= 400:
            raise_for_refusal(answer, self._environment, credentials, (token, credentials.client_secret))

    def _tokens(self, form: str, credentials: AppCredentials, sent: tuple[str, ...]) -> TokenAnswer:
        # The lifetime is counted from before the request: early is safe, late is not.
        now = self._clock()
        answer = self._post(TOKEN_PATH, form)
        secrets = (*sent, credentials.client_secret)
        return read_token_answer(answer, self._environment, credentials, now, secrets)

    def _post(self, path: str, form: str) -> Answer:
        url = self._environment.login_url + path
        return self._transport.request("POST", url, environment=self._environment, form=form)
