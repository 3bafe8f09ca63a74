"""Procore's answers: one that is read as it comes, and what is made of a whole one, strictly.

What does not have the promised shape is an error. No error text holds a whole body, nor what was sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

from procore_cli.errors import (
    GrantRefusedError,
    NoServiceAccountError,
    RefusedCredentialsError,
    TokenRefusedError,
    UnexpectedAnswerError,
)
from procore_cli.grants import AppCredentials, TokenSet
from procore_cli.models import Binding, Environment, Me, command

if TYPE_CHECKING:
    from requests import Response

_LONGEST_TOKEN = 16 * 1024
_LONGEST_LOGIN = 320
_LONGEST_NAME = 500
_LONGEST_REASON = 300
_LARGEST_ID = 2**63 - 1
# Longer than any token lives, and short enough for every calendar.
_LONGEST_LIFETIME_S = 100 * 365 * 86_400
_REASON_KEYS = ("error", "error_description", "message", "errors")
_REASON_DEPTH = 3
# What an app is told that may not use a grant (RFC 6749, section 5.2).
_NO_SERVICE_ACCOUNT = frozenset(("unauthorized_client", "unsupported_grant_type"))


@dataclass(frozen=True)
class Answer:
    """What a server answered; header names are in lower case, `secrets` are those that it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    secrets: Collection[str] = field(default=(), repr=False)

    @property
    def reason(self) -> str:
        """A short reason for people, where it is an error's."""
        return read_reason(self.body, self.secrets)


_CHUNK = 64 * 1024


class Stream:
    """An answer: its head at once, its body as it is asked for; `close` lets its connection go."""

    def __init__(
        self,
        response: Response,
        url: str,
        secrets: Collection[str],
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.url = url
        self.secrets = secrets
        self.status = response.status_code
        self.reason = response.reason or ""
        self.version = "1.0" if getattr(response.raw, "version", 11) == 10 else "1.1"
        # urllib3 keeps apart what came apart.
        self.head: list[tuple[str, str]] = list(response.raw.headers.iteritems())
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._translated = translated

    @property
    def is_ok(self) -> bool:
        """Whether what was asked for was done."""
        return 200 <= self.status < 300

    @property
    def length(self) -> int | None:
        """How many bytes the body has, where the server says so."""
        return None if "content-encoding" in self.headers else self.find_number("content-length")

    def find_number(self, header: str) -> int | None:
        """What a header says, where that is a whole number; `header` in lower case."""
        text = self.headers.get(header, "").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None

    def chunks(self) -> Iterator[bytes]:
        """The body. Raises AnswerLostError where it breaks off."""
        raw = self._response.raw
        while True:
            # Only reading is translated: what the reader does with a chunk is not the network's trouble.
            with self._translated():
                # What has come is passed on, without waiting for more.
                chunk = raw.read1(_CHUNK, decode_content=True)
            if not chunk:
                return
            yield chunk

    def close(self) -> None:
        """Let the connection go; what was not read is not wanted."""
        self._response.close()


def read_tokens(answer: Answer, binding: Binding, now: float) -> TokenSet:
    """Tokens from the token endpoint's answer (RFC 6749, section 5.1). Raises UnexpectedAnswerError.

    `now` is the time of sending (seconds, UTC).
    """
    content = _read_content(answer)
    if str(content.get("token_type") or "bearer").lower() != "bearer":
        raise _senseless("tokens of a type that is not bearer")
    access_token = _read_token(content, "access_token")
    if access_token is None:
        raise _senseless("no access token")
    refresh_token = _read_token(content, "refresh_token")
    lifetime_s = _read_lifetime(content)
    expires_at = None if lifetime_s is None else int(now) + lifetime_s
    return TokenSet(access_token, refresh_token, expires_at, binding, lifetime_s)


def read_me(answer: Answer, environment: Environment) -> Me:
    """The person from `/me`'s answer. Raises TokenRefusedError for a 401, UnexpectedAnswerError."""
    if answer.status == 401:
        raise TokenRefusedError(
            f"Procore did not accept the access token (401: {answer.reason}).",
            f"Sign in again: {command('signin', environment.name)}",
        )
    content = _read_content(answer)
    number = content.get("id")
    if type(number) is not int or not 1 <= number <= _LARGEST_ID:
        raise _senseless("a person without a usable id")
    login = content.get("login")
    if not isinstance(login, str) or not login.strip() or len(login) > _LONGEST_LOGIN:
        raise _senseless("a person without a usable login")
    name = content.get("name")
    if name is not None and not isinstance(name, str):
        raise _senseless("a person whose name is not text")
    return Me(number, _encodable(login), name and _encodable(name[:_LONGEST_NAME]))


def read_service_me(answer: Answer, environment: Environment, company: int) -> Me:
    """As `read_me`, for a service account: whose app may have to be installed. Raises as `read_me`."""
    try:
        return read_me(answer, environment)
    except UnexpectedAnswerError as error:
        if answer.status not in (403, 404) and not 200 <= answer.status < 300:
            # A busy or failing server says nothing of the app.
            raise
        raise error.reworded(
            "Client id and secret are good, but Procore does not say who the service account is:"
            f" {error.message}",
            f"Check that the app is installed in company {company}, and its permitted projects there.",
        ) from None


def raise_for_refusal(
    answer: Answer, environment: Environment, credentials: AppCredentials, *, is_service: bool = False
) -> None:
    """Raise what an OAuth endpoint's answer means if it is an error's (RFC 6749, section 5.2).

    `is_service`: the app asked for itself. Raises RefusedCredentialsError, NoServiceAccountError,
    GrantRefusedError, UnexpectedAnswerError.
    """
    if answer.status < 400:
        return
    # A failing server's word is not taken for a verdict on the credentials.
    error = find_error_code(answer.body) if answer.status < 500 else None
    if error == "invalid_client":
        raise new_refused_credentials(environment, credentials)
    if is_service and error in _NO_SERVICE_ACCOUNT:
        raise NoServiceAccountError(
            f"This app has no service account ({error}).",
            "Add the Data Connector component in the Developer Portal, and have the app installed in the"
            " company.",
        )
    if error == "invalid_grant" and not is_service:
        raise GrantRefusedError(f"Procore refused what was sent ({answer.reason}).")
    raise _failed(answer)


def new_refused_credentials(environment: Environment, app: AppCredentials) -> RefusedCredentialsError:
    """The error for `invalid_client`, which another environment's credentials get as well."""
    secret = f", the client secret from {app.secret_source}" if app.secret_source else ""
    return RefusedCredentialsError(
        f"Procore refused the client id or the client secret (invalid_client). "
        f"The client id comes from {app.source}{secret}. Is {environment.name} the right environment?",
        f"See what is set: {command('configure --show', environment.name)}",
    )


def find_error_code(body: bytes) -> str | None:
    """The `error` of an OAuth error answer (RFC 6749, section 5.2), or None."""
    try:
        content = _read_json(body)
    except ValueError:
        return None
    error = content.get("error") if isinstance(content, dict) else None
    return error if isinstance(error, str) else None


def read_reason(body: bytes, secrets: Collection[str] = ()) -> str:
    """A short reason for people from an error answer's body, without the `secrets` that were sent."""
    if not body.strip():
        return "an empty body"
    if body.lstrip().startswith(b"<"):
        return "an HTML page"
    try:
        content = _read_json(body)
    except ValueError:
        return "not JSON"
    named = [content.get(key) for key in _REASON_KEYS] if isinstance(content, dict) else []
    reason = ": ".join(dict.fromkeys(text for value in named for text in _texts(value, _REASON_DEPTH)))
    for secret in filter(None, secrets):
        reason = reason.replace(secret, "…").replace(quote(secret, safe=""), "…")
    return _encodable(" ".join(reason.split()))[:_LONGEST_REASON] or "no reason given"


def _read_content(answer: Answer) -> dict[str, object]:
    if not 200 <= answer.status < 300:
        raise _failed(answer)
    try:
        content = _read_json(answer.body)
    except ValueError:
        raise _senseless(answer.reason) from None
    if not isinstance(content, dict):
        raise _senseless("JSON that is not an object")
    return content


def _read_json(body: bytes) -> object:
    try:
        content: object = json.loads(
            body.decode("utf-8"), object_pairs_hook=_read_object, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise ValueError("nested too deep") from None
    return content


def _read_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key twice")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _read_token(content: dict[str, object], key: str) -> str | None:
    token = content.get(key)
    if token is None or token == "":
        return None
    # A token goes into a header: visible ASCII, nothing else (RFC 6749, appendix A.12).
    if not isinstance(token, str) or not all("!" <= c <= "~" for c in token) or len(token) > _LONGEST_TOKEN:
        raise _senseless(f"an unusable {key}")
    return token


def _read_lifetime(content: dict[str, object]) -> int | None:
    lifetime_s = content.get("expires_in")
    if lifetime_s is None:
        return None
    if isinstance(lifetime_s, bool) or not isinstance(lifetime_s, (int, float)):
        raise _senseless("an expires_in that is not a number")
    return int(min(max(0, lifetime_s), _LONGEST_LIFETIME_S))


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _texts(item, depth - 1)
    elif isinstance(value, dict) and depth:
        for key, item in value.items():
            yield from (f"{key} {text}" for text in _texts(item, depth - 1))


def _encodable(text: str) -> str:
    # JSON can carry half a surrogate pair, which neither SQLite nor a terminal takes.
    return text.encode("utf-8", "replace").decode("utf-8")


def _failed(answer: Answer) -> UnexpectedAnswerError:
    wait_s = answer.headers.get("retry-after", "")
    when = f"in {wait_s} seconds" if wait_s.isascii() and wait_s.isdigit() and len(wait_s) < 6 else "later"
    return UnexpectedAnswerError(
        f"Procore answered {answer.status} ({answer.reason}).",
        f"Try again {when}; Procore's status page says whether it has trouble.",
    )


def _senseless(what: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(
        f"Procore's answer makes no sense: {what}.",
        "Check PROCORE_LOGIN_URL and PROCORE_API_URL if they are set; otherwise try again later.",
    )


WAIT_STATUSES = frozenset((429, 503))
# Procore says "now" for a window that ends within the second.
_SHORTEST_WAIT_S = 1
_LONGEST_DIGITS = 12


def find_wait_s(status: int, headers: Mapping[str, str], now: float) -> int | None:
    """Seconds to wait before the call is repeated, at least 1; None where the answer asks for no wait.

    `headers` with names in lower case, `now` in seconds (UTC). Retry-After (RFC 9110, section 10.2.3) comes
    before X-Rate-Limit-Reset, which is judged by the server's clock where that shows.
    """
    if status not in WAIT_STATUSES:
        return None
    # Loaded long ago where there is an answer; the help of a command that may ask for one does without.
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        wait_s = Retry().parse_retry_after(headers.get("retry-after", ""))
    except (InvalidHeader, ValueError, OverflowError):
        reset = headers.get("x-rate-limit-reset", "").strip()
        if not (reset.isascii() and reset.isdigit() and len(reset) <= _LONGEST_DIGITS):
            return None
        wait_s = int(reset) - (find_date(headers) or now)
    # A part of a second more is better than being too early.
    return max(_SHORTEST_WAIT_S, math.ceil(wait_s))


def find_date(headers: Mapping[str, str]) -> float | None:
    """What the server's clock says (seconds, UTC), None where it does not say (RFC 9110, section 6.6.1)."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        return None
