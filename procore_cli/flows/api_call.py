"""An API call: the order of the steps, from the token to the last page; refuses to know how output looks."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit

from procore_cli.client.api import COMPANY_REFUSALS, Company
from procore_cli.client.paging import Pager
from procore_cli.client.paths import DEFAULT_PREFIX
from procore_cli.client.request import Call
from procore_cli.client.responses import WAIT_STATUSES, Stream, find_wait_s, read_reason
from procore_cli.config.environments import COMPANY_HEADER
from procore_cli.config.urls import find_origin
from procore_cli.console import is_animated
from procore_cli.errors import (
    CompanyRefusedError,
    ProcoreError,
    ProcoreLoginError,
    RedirectRefusedError,
    TokenRefusedError,
    UnexpectedAnswerError,
)
from procore_cli.flows import access
from procore_cli.models import command
from procore_cli.storage.failures import new_twice_refused_error

if TYPE_CHECKING:
    from procore_cli.context import Context
    from procore_cli.models import Account
    from procore_cli.storage.store import Held


# A call that begins is to end before its token does.
_MIN_TTL_S = 60
_AGAIN_WITH_A_FILE = "Run the command again; a body from a file (--input FILE) can be sent twice."


@dataclass(frozen=True)
class Wanted:
    """What to call, whether to go on to the next pages, and how long one call may wait for Procore."""

    call: Call
    paginate: bool
    max_wait_s: int

    @property
    def is_for_all(self) -> bool:
        """Whether the whole list is wanted: who begins at a later page wants less."""
        pages = parse_qs(urlsplit(self.call.url).query).get("page", ["1"])
        return self.paginate and pages == ["1"]


class Writer(Protocol):
    """Where answers go."""

    def show(self, stream: Stream, *, counts: bool = False) -> int | None:
        """Write one answer; returns how many items it has, if that `counts` and it is a list."""

    def show_problem(self, stream: Stream) -> bytes:
        """Write an error's body; returns its beginning."""

    @property
    def shows_problems(self) -> bool:
        """Whether an error's body can be read anywhere."""


def call(
    context: Context, wanted: Wanted, writer: Writer, *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Make an API call and hand its answer to `writer`, page by page where that is wanted.

    An error answer's body goes to `writer` too. Raises CompanyRefusedError, and any other of our errors.
    """
    caller = _Caller(context, writer, wanted.max_wait_s, sleep)
    pager = Pager(context.settings.environment, wanted.call.url)
    current: Call | None = wanted.call
    came, total = 0 if wanted.is_for_all else None, None
    while current is not None:
        # 1. The token, and the call; after a pause, or with a new token, again.
        with closing(caller.send(current)) as stream:
            # 2. An error's body, and what it means.
            if not stream.is_ok:
                raise caller.new_error(caller.with_company(current), stream)
            # 3. The answer's head and body. What is no list, or names no total, cannot be counted.
            total = stream.find_number("total")
            items = writer.show(stream, counts=came is not None and total is not None)
            came = None if came is None or items is None else came + items
            # 4. The next page.
            link = stream.headers.get("link", "") if wanted.paginate else ""
            following = pager.find_next(link, stream.url)
            current = replace(current, url=following) if following else None
    # 5. Whether all came that the list says it has.
    if came is not None and total is not None and came < total:
        context.console.warn(
            f"{context.settings.environment.name}: the list says that it has {total} items, but"
            f" {came} came: Procore linked to no further page."
        )


class _Caller:
    """Sends the calls of one run with one account's token, and with what it takes to try again."""

    def __init__(
        self, context: Context, writer: Writer, max_wait_s: int, sleep: Callable[[float], None]
    ) -> None:
        self._context = context
        self._writer = writer
        self._max_wait_s = max_wait_s
        self._sleep = sleep
        self._held: tuple[Account, Held] | None = None
        self._just_renewed = False
        if context.settings.access_token:
            access.say_token_is_from_elsewhere()

    def send(self, call: Call) -> Stream:
        """The answer, after at most one refresh and as many pauses as `max_wait_s` allows for one call.

        A list of many pages may wait again and again, as Procore's limit begins anew.
        """
        is_renewed, left_s = False, self._max_wait_s
        while True:
            token = self._find_token()
            stream = self._context.api.open(self.with_company(call), token)
            # Another cloud's 401 is not about our token.
            if stream.status == 401 and self._context.api.is_own(stream.url) and not is_renewed:
                is_renewed = True
                if self._renew(call, stream):
                    continue
            wait_s = self._find_wait_s(stream)
            if wait_s is None or wait_s > left_s or not call.is_repeatable:
                return stream
            stream.close()
            left_s -= wait_s
            self._wait(wait_s, stream.status)

    def _find_token(self) -> str:
        """The token for the next call, refreshed when that is due. Raises any of our errors."""
        context = self._context
        if context.settings.access_token:
            return context.settings.access_token
        if self._held is None:
            account = access.find_account(context)
            self._held = account, access.load(context, account)
        account, loaded = self._held
        valid = access.keep_valid(context, account, loaded, _MIN_TTL_S)
        self._just_renewed = valid.tokens != loaded.tokens
        self._held = account, valid
        return valid.tokens.access_token

    def with_company(self, call: Call) -> Call:
        """A service account calls for its own company, unless another is named."""
        service = self._held[0].service if self._held else None
        names = {name.lower() for name in call.headers}
        if service is None or service.company is None or COMPANY_HEADER.lower() in names:
            return call
        company = find_company(call) or str(service.company)
        return replace(call, headers={**call.headers, COMPANY_HEADER: company})

    def _find_wait_s(self, stream: Stream) -> int | None:
        """How long Procore asks to be left alone, allowed or not."""
        return find_wait_s(stream.status, stream.headers, self._context.clock())

    def _wait(self, wait_s: int, status: int) -> None:
        """Wait; a terminal gets a countdown, anything else a line."""
        console = self._context.console
        why = "Procore's rate limit is reached (429)" if status == 429 else f"Procore is busy ({status})"
        if not is_animated(console.stream):
            console.say(f"{why}: waiting {wait_s} s, as it asks.")
            self._sleep(wait_s)
            return
        for left_s in range(wait_s, 0, -1):
            console.show_wait(f"{why}: going on in {left_s} s")
            self._sleep(1)
        console.show_wait("")

    def _renew(self, call: Call, stream: Stream) -> bool:
        """Whether there is another token than the one that got a 401; then that answer is done with."""
        if self._held is None:
            return False
        account, refused = self._held
        try:
            renewed = access.renew(self._context, account, refused, "refused", may_ask=not self._just_renewed)
            self._held, self._just_renewed = (account, renewed), True
            if renewed.tokens == refused.tokens:
                return False
            if not call.is_repeatable:
                raise ProcoreError(
                    "Procore answered 401; the token is renewed"
                    " now, but the body came from a stream and cannot be sent again.",
                    _AGAIN_WITH_A_FILE,
                )
        except ProcoreLoginError:
            self._writer.show_problem(stream)
            stream.close()
            raise
        stream.close()
        return True

    def new_error(self, call: Call, stream: Stream) -> ProcoreLoginError:
        """What an error answer means; its body is on its way out first."""
        body = self._writer.show_problem(stream)
        reason = read_reason(body, stream.secrets) if call.method != "HEAD" else "no body"
        if not self._context.api.is_own(stream.url):
            return UnexpectedAnswerError(
                f"{find_origin(stream.url)}, where Procore redirected to, answered {stream.status}"
                f" ({reason}).",
                "Such a link soon expires: run the command again.",
            )
        if stream.status == 401 and self._held and self._held[0].service:
            return new_twice_refused_error(self._held[0], self._context.settings.environment.name)
        if stream.status == 401:
            by_variable = self._context.settings.access_token is not None
            return TokenRefusedError(
                f"Procore did not accept the access token (401: {reason}).",
                "Renew the token in PROCORE_ACCESS_TOKEN, or unset it."
                if by_variable
                else f"Run {access.sign_in_command(self._context)}",
            )
        if 300 <= stream.status < 400 and "location" in stream.headers:
            return RedirectRefusedError(
                f"Procore answered with a redirect ({stream.status}); for a {call.method} it is not"
                " followed.",
                "See where it leads with --include.",
            )
        refused = self._find_company_error(call, stream.status, reason)
        if refused is not None:
            return refused
        return UnexpectedAnswerError(
            f"Procore answered {stream.status} ({reason}).", self._new_hint(call, stream, body)
        )

    def _new_hint(self, call: Call, stream: Stream, body: bytes) -> str:
        asked_s = self._find_wait_s(stream)
        if asked_s is not None:
            if not call.is_repeatable:
                return _AGAIN_WITH_A_FILE
            return f"Try again in {asked_s} s, or allow for more time with --max-wait SECONDS."
        if stream.status in WAIT_STATUSES or stream.status >= 500:
            return "Try again later; Procore's status page says whether it has trouble."
        if stream.status == 404:
            return f"Check the path and its ids: {call.method} {call.url.partition('?')[0]}"
        if stream.status == 304:
            return "Nothing has changed; without -H 'If-...' Procore sends it again."
        if not body:
            return "Procore sent nothing beside it; --include shows the headers."
        if not self._writer.shows_problems:
            return "Run it without --silent to see all that Procore says."
        return "The body on standard output says what Procore did not like."

    def _find_company_error(self, call: Call, status: int, reason: str) -> ProcoreLoginError | None:
        """What a refusal that is about the company means; None where it is about something else."""
        company, in_header = find_company(call), _find_in_header(call)
        refused, said = f"Procore answered {status} ({reason}).", reason.casefold()
        if company and status == 403 and "not connected to this company" in said:
            return CompanyRefusedError(
                f"{refused} The app is not installed in company {company}.",
                "Somebody who administers that company has to install the app there; or name another one:"
                " `--company ID`",
                self._list_companies(),
            )
        if status not in COMPANY_REFUSALS:
            return None
        in_address = _find_in_address(call)
        if in_header and in_address and in_header != in_address:
            return UnexpectedAnswerError(
                f"{refused} The call names company {in_address} in its address, {in_header} in its header.",
                f"Name the same one in both: `--company {in_address}`",
            )
        # Which of them Procore answers depends on the endpoint; each may also be about something else.
        if "company" not in said:
            return None
        if in_header is None and (company is None or COMPANY_HEADER.lower() in said):
            where = f"company {company} in its address alone" if company else "no company"
            companies = [] if company else self._list_companies()
            example = company or (companies[0].id if companies else "ID")
            keep = command(f"configure --company {example}", self._context.settings.environment.name)
            return CompanyRefusedError(
                f"{refused} The call names {where}.",
                f"Add `--company {example}`, or keep it: {keep}",
                companies,
            )
        if in_header and "company_id" in said and not in_address:
            return UnexpectedAnswerError(
                f"{refused} The call names company {in_header} in its header alone.",
                self._new_parameter_hint(call, in_header),
            )
        return None

    def _new_parameter_hint(self, call: Call, company: str) -> str:
        if call.method not in ("GET", "HEAD"):
            return "It is a parameter here, too: add `company_id` to the body."
        parts = urlsplit(call.url)
        query = "&".join(filter(None, [parts.query, f"company_id={company}"]))
        address = shlex.quote(f"{parts.path.removeprefix(DEFAULT_PREFIX)}?{query}")
        name = self._context.settings.environment.name
        return f"It is a parameter here, too: {command(f'api {address} --company {company}', name)}"

    def _list_companies(self) -> list[Company]:
        # They are a help beside the error; where they cannot be had, the error is enough.
        with suppress(ProcoreLoginError):
            token = self._find_token()
            service = self._held[0].service if self._held else None
            return self._context.api.companies(token, service_of=service and service.company)
        return []


# The company in a path, /companies/5/..., or in a query, company_id=5.
_IN_URL = re.compile(
    r"/companies/(\d+)(?=[/?]|$)|[?&](?:[^&=]*(?:\[|%5B))?company_id(?:\]|%5D)?=(\d+)", re.IGNORECASE
)


def find_company(call: Call) -> str | None:
    """The company's id that a call names: in its header, its path, or its query; None where there is none."""
    return _find_in_header(call) or _find_in_address(call)


def _find_in_address(call: Call) -> str | None:
    match = _IN_URL.search(call.url)
    return match and (match[1] or match[2])


def _find_in_header(call: Call) -> str | None:
    headers = {name.lower(): value for name, value in call.headers.items()}
    return headers.get(COMPANY_HEADER.lower()) or None
