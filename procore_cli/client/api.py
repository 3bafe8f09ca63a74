"""Procore's API: `/me`, the companies, and any other call with its redirects; keeps no token."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin, urlsplit

from procore_cli import log
from procore_cli.client.paths import has_dots
from procore_cli.client.responses import Answer, read_me, read_service_me
from procore_cli.config.environments import COMPANIES_PATH, COMPANY_HEADER, ME_PATH
from procore_cli.config.urls import find_origin, is_at, is_plain_netloc
from procore_cli.errors import RedirectRefusedError, UnexpectedAnswerError

if TYPE_CHECKING:
    from procore_cli.client.request import Call
    from procore_cli.client.responses import Stream
    from procore_cli.client.transport import Transport
    from procore_cli.models import Environment, Me


MOST_REDIRECTS = 5
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


def find_redirected(call: Call, stream: Stream) -> Call | None:
    """The call that a redirect asks for, or None where the answer is to be taken as it is.

    At another origin the call carries neither its headers nor a body. Raises RedirectRefusedError.
    """
    location = stream.headers.get("location", "")
    if stream.status not in _REDIRECTS or not location or call.method not in ("GET", "HEAD"):
        return None
    target = _read_target(call.url, location)
    if is_at(target, call.url):
        return replace(call, url=target)
    # A file's URL leads to another cloud: nothing that we say to Procore is for its eyes.
    return replace(call, url=target, headers={}, body=None)


def _read_target(url: str, location: str) -> str:
    try:
        if "\\" in location or not all(character.isprintable() for character in location):
            raise refused("its target has a backslash or a control character")
        target = urldefrag(urljoin(url, location.strip())).url
        parts = urlsplit(target)
        origin = find_origin(target)
    except ValueError:
        raise refused("its target is not a URL") from None
    if parts.scheme not in ("http", "https") or not is_plain_netloc(parts.netloc):
        raise refused("its target is not a plain http or https URL")
    if urlsplit(url).scheme == "https" and parts.scheme != "https":
        raise refused(f"it leads from https to {origin}")
    if is_at(target, url) and has_dots(parts.path):
        raise refused(f"its target, at {origin}, has . or .. in its path")
    return target


def refused(why: str) -> RedirectRefusedError:
    """The error for a redirect that is not followed."""
    return RedirectRefusedError(
        f"a redirect was not followed: {why}.",
        "Ask Procore's support; --debug shows each call on the way there.",
    )


# As many as a page can have.
_MOST_COMPANIES = 1000
# Not there, not yours, not like this: any of them may be about the company that a call names.
COMPANY_REFUSALS = frozenset((400, 403, 404))


class Api:
    """One environment's API; `/me` and the companies are asked for `company`, if there is one."""

    def __init__(self, transport: Transport, environment: Environment, company: int | None = None) -> None:
        self._transport = transport
        self._environment = environment
        self._company = company

    @log.phase("question who it is")
    def me(self, access_token: str, *, service_of: int | None = None) -> Me:
        """Whose token it is; a service account's is asked about in its company.

        Raises TokenRefusedError for a 401, and what `Transport.request` raises.
        """
        if service_of is None:
            return read_me(self._ask(ME_PATH, access_token), self._environment)
        answer = self._get(ME_PATH, access_token, {COMPANY_HEADER: str(service_of)})
        return read_service_me(answer, self._environment, service_of)

    def companies(self, access_token: str, *, service_of: int | None = None) -> list[Company]:
        """The companies that the account sees; a service account says so in its company alone.

        Raises UnexpectedAnswerError, and as `Transport.request`.
        """
        path = f"{COMPANIES_PATH}?per_page={_MOST_COMPANIES}"
        if service_of is None:
            answer = self._ask(path, access_token)
        else:
            answer = self._get(path, access_token, {COMPANY_HEADER: str(service_of)})
        return read_companies(answer)

    def open(self, call: Call, access_token: str) -> Stream:
        """Send any call of the API; redirects of a GET or HEAD are followed, elsewhere without the token.

        The answer may be an error's. Raises RedirectRefusedError, and what `Transport.open` raises.
        """
        bearer: str | None = access_token
        for _ in range(MOST_REDIRECTS + 1):
            stream = self._transport.open(call, environment=self._environment, bearer=bearer)
            try:
                target = find_redirected(call, stream)
            except RedirectRefusedError:
                stream.close()
                raise
            if target is None:
                return stream
            stream.close()
            if not is_at(target.url, call.url):
                # Once the way has left Procore, the token stays behind for good.
                bearer = None
            call = target
        raise refused(f"there were more than {MOST_REDIRECTS} in a row")

    def is_own(self, url: str) -> bool:
        """Whether a URL is at the API's origin."""
        return is_at(url, self._environment.api_url)

    def _ask(self, path: str, access_token: str) -> Answer:
        """The answer for the company; where that is refused, the one without, if a person may have it."""
        company = {} if self._company is None else {COMPANY_HEADER: str(self._company)}
        answer = self._get(path, access_token, company)
        if company and answer.status in COMPANY_REFUSALS:
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


@dataclass(frozen=True)
class Company:
    """A line of `/rest/v1.0/companies`."""

    id: int
    name: str


def read_companies(answer: Answer) -> list[Company]:
    """The companies from the list's answer; a line that is none is left out. Raises UnexpectedAnswerError."""
    try:
        content = json.loads(answer.body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, list):
        raise UnexpectedAnswerError(
            f"Procore does not list the companies ({answer.status}: {answer.reason}).",
            "Try `procore-login api companies`",
        )
    lines = [line for line in content if isinstance(line, dict) and type(line.get("id")) is int]
    return [Company(line["id"], str(line.get("name") or "")) for line in lines if line["id"] > 0]
