"""Procore's API: `/me`, the companies, and any other call; keeps no token and asks for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli.environments import COMPANIES_PATH, ME_PATH
from procore_cli.errors import ProcoreLoginError
from procore_cli.procore.answers import read_me
from procore_cli.urls import is_at

if TYPE_CHECKING:
    from procore_cli.models import Environment, Me
    from procore_cli.procore.companies import Company
    from procore_cli.procore.stream import Call, Stream
    from procore_cli.procore.transport import Transport

# As many as a page can have.
_MOST_COMPANIES = 1000


class Api:
    """One environment's API."""

    def __init__(self, transport: Transport, environment: Environment) -> None:
        self._transport = transport
        self._environment = environment

    def me(self, access_token: str) -> Me:
        """Whose token it is. Raises TokenRefusedError for a 401, and what `Transport.request` raises."""
        answer = self._transport.request(
            "GET",
            self._environment.api_url + ME_PATH,
            environment=self._environment,
            bearer=access_token,
        )
        return read_me(answer, self._environment, (access_token,))

    def companies(self, access_token: str) -> list[Company]:
        """The companies that the account sees. Raises UnexpectedAnswerError, and as `Transport.request`."""
        from procore_cli.procore.companies import read_companies

        answer = self._transport.request(
            "GET",
            f"{self._environment.api_url}{COMPANIES_PATH}?per_page={_MOST_COMPANIES}",
            environment=self._environment,
            bearer=access_token,
        )
        return read_companies(answer, self._environment, (access_token,))

    def open(self, call: Call, access_token: str) -> Stream:
        """Send any call of the API; redirects of a GET or HEAD are followed, elsewhere without the token.

        The answer may be an error's. Raises RedirectRefusedError, and what `Transport.open` raises.
        """
        from procore_cli.procore.redirects import MOST_REDIRECTS, refused

        bearer: str | None = access_token
        for _ in range(MOST_REDIRECTS + 1):
            stream = self._transport.open(call, environment=self._environment, bearer=bearer)
            target = self._find_redirected(call, stream)
            if target is None:
                return stream
            stream.close()
            if not is_at(target.url, call.url):
                # Once the way has left Procore, the token stays behind for good.
                bearer = None
            call = target
        raise refused(self._environment, f"there were more than {MOST_REDIRECTS} in a row")

    def is_own(self, url: str) -> bool:
        """Whether a URL is at the API's origin."""
        return is_at(url, self._environment.api_url)

    def _find_redirected(self, call: Call, stream: Stream) -> Call | None:
        from procore_cli.procore.redirects import find_redirected

        try:
            return find_redirected(call, stream, self._environment)
        except ProcoreLoginError:
            stream.close()
            raise
