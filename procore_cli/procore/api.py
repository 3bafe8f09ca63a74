"""Procore's API: `/me`, the companies, and any other call; keeps no token and asks for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli.environments import COMPANIES_PATH, COMPANY_HEADER, ME_PATH
from procore_cli.errors import ProcoreLoginError
from procore_cli.procore.answers import Answer, read_me
from procore_cli.urls import is_at

if TYPE_CHECKING:
    from procore_cli.models import Environment, Me
    from procore_cli.procore.companies import Company
    from procore_cli.procore.stream import Call, Stream
    from procore_cli.procore.transport import Transport

# As many as a page can have.
_MOST_COMPANIES = 1000
# Not there, not yours, not like this: any of them may be about the company that a call names.
_REFUSALS = frozenset((400, 403, 404))


class Api:
    """One environment's API; `/me` and the companies are asked for `company`, if there is one."""

    def __init__(self, transport: Transport, environment: Environment, company: int | None = None) -> None:
        self._transport = transport
        self._environment = environment
        self._company = company

    def me(self, access_token: str) -> Me:
        """Whose token it is. Raises TokenRefusedError for a 401, and what `Transport.request` raises."""
        return read_me(self._ask(ME_PATH, access_token), self._environment, (access_token,))

    def companies(self, access_token: str) -> list[Company]:
        """The companies that the account sees. Raises UnexpectedAnswerError, and as `Transport.request`."""
        from procore_cli.procore.companies import read_companies

        answer = self._ask(f"{COMPANIES_PATH}?per_page={_MOST_COMPANIES}", access_token)
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

    def _ask(self, path: str, access_token: str) -> Answer:
        """The answer for the company; where that is refused, the one without, if a person may have it."""
        if self._company is None:
            return self._get(path, access_token, {})
        answer = self._get(path, access_token, {COMPANY_HEADER: str(self._company)})
        if answer.status in _REFUSALS:
            without = self._get(path, access_token, {})
            # A service account needs a company: then the first refusal says what is wrong.
            return without if 200 <= without.status < 300 else answer
        return answer

    def _get(self, path: str, access_token: str, headers: dict[str, str]) -> Answer:
        return self._transport.request(
            "GET",
            self._environment.api_url + path,
            environment=self._environment,
            bearer=access_token,
            headers=headers,
        )

    def _find_redirected(self, call: Call, stream: Stream) -> Call | None:
        from procore_cli.procore.redirects import find_redirected

        try:
            return find_redirected(call, stream, self._environment)
        except ProcoreLoginError:
            stream.close()
            raise
