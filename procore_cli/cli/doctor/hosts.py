"""Procore's two hosts, each asked whether it is what it should be; sends no secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli.cli.doctor.case import CONNECT_TIMEOUT_S, PRETEND, Case
from procore_cli.cli.doctor.check import Check, failed, fine, unchecked, warning
from procore_cli.cli.doctor.trip import Found, Trip
from procore_cli.client.connections import ADDRESS_TIMEOUT_S
from procore_cli.config.environments import ME_PATH, TOKEN_PATH
from procore_cli.errors import ProcoreLoginError, UnexpectedAnswerError, UnreachableError

if TYPE_CHECKING:
    from procore_cli.client.responses import Answer


_LOGIN = "login host"
_API = "API host"
_VARIABLES = {_LOGIN: "PROCORE_LOGIN_URL", _API: "PROCORE_API_URL"}
# Asks for nothing: whatever is an OAuth server says what is missing.
_EMPTY_FORM = "grant_type=authorization_code"

_SILENT = (
    "A connection may wait {1:g} s for {0} before another address is tried: ask those who run your network,"
    " or switch {0} off on this machine."
)


def check_login_host(case: Case) -> Iterator[Check]:
    """DNS, TCP, TLS, and the token endpoint's answer to a form that asks for nothing."""
    yield _check(case, _LOGIN, case.settings.environment.login_url)


def check_api_host(case: Case) -> Iterator[Check]:
    """DNS, TCP, TLS, and what `/me` answers to somebody without a token."""
    yield _check(case, _API, case.settings.environment.api_url)


def _check(case: Case, name: str, url: str) -> Check:
    skip = _find_reason(case, name, url)
    if skip:
        case.broken.add(name)
        return unchecked(name, skip)
    if case.offline:
        return fine(name, f"{urlsplit(url).netloc or 'the embedded Procore'}: --offline, not asked")
    try:
        found = _travel(case, url)
        answer = _ask(case, name, url)
        _note_time(case, answer)
        words, is_sure = _read_token_endpoint(case, answer) if name == _LOGIN else _read_me(case, answer)
    except ProcoreLoginError as error:
        case.broken.add(name)
        return _blame_variable(case, name, failed(name, error))
    detail = f"{urlsplit(url).netloc}: {'; '.join([*found.steps, words])}"
    hints = []
    if found.silent_family:
        hints.append(_SILENT.format(found.silent_family, ADDRESS_TIMEOUT_S))
    if not is_sure:
        hints.append(f"If signing in fails, check {_VARIABLES[name]} and Procore's status page.")
    return warning(name, detail, " ".join(hints)) if hints else fine(name, detail)


def _blame_variable(case: Case, name: str, check: Check) -> Check:
    """The failure, with the variable that names the host as the first thing to look at."""
    variable = _VARIABLES[name]
    if (
        not case.environ.get(variable)
        or variable in check.fix
        or not isinstance(check.error, UnreachableError)
    ):
        return check
    return replace(check, fix=f"{variable} names this host: correct it, or unset it. {check.fix}")


def _find_reason(case: Case, name: str, url: str) -> str:
    faults = case.in_force.faults
    if PRETEND in faults and case.settings.own_server:
        return "the embedded Procore could not be started"
    if _VARIABLES[name] in faults:
        return f"{_VARIABLES[name]} is not in order"
    broken = next((each for each in ("proxy", "CA") if each in case.broken), None)
    return f"the {broken} is not in order" if broken and not case.offline and url else ""


def _travel(case: Case, url: str) -> Found:
    from procore_cli.client.transport import find_proxy

    proxy = find_proxy(url, case.environ)
    return Trip(case.name, url, proxy, case.settings.ca_bundle, CONNECT_TIMEOUT_S, ADDRESS_TIMEOUT_S).go()


def _ask(case: Case, name: str, url: str) -> Answer:
    environment = case.settings.environment
    if name == _LOGIN:
        return case.transport.request("POST", url + TOKEN_PATH, environment=environment, form=_EMPTY_FORM)
    return case.transport.request("GET", url + ME_PATH, environment=environment)


def _note_time(case: Case, answer: Answer) -> None:
    from procore_cli.client.oauth import find_date

    theirs = find_date(answer)
    if theirs is not None and case.server_ahead_s is None:
        case.server_ahead_s = theirs - case.clock()


def _read_token_endpoint(case: Case, answer: Answer) -> tuple[str, bool]:
    """What the answer says, in words, and whether it is surely a token endpoint's."""
    from procore_cli.client.responses import find_error_code

    code = find_error_code(answer.body)
    if code and 400 <= answer.status < 500:
        return f"its token endpoint answers ({answer.status}, {code})", True
    return _read_odd(case, answer, _LOGIN), False


def _read_me(case: Case, answer: Answer) -> tuple[str, bool]:
    from procore_cli.client.responses import read_reason

    is_json = read_reason(answer.body) not in ("an HTML page", "not JSON", "an empty body")
    if answer.status == 401 and is_json:
        return "the API answers (401 without a token, as it should)", True
    return _read_odd(case, answer, _API), False


def _read_odd(case: Case, answer: Answer, name: str) -> str:
    """Words for an answer that may yet be Procore's. Raises UnexpectedAnswerError for one that is not."""
    from procore_cli.client.responses import read_reason

    reason = read_reason(answer.body)
    words = f"it answered {answer.status} ({reason})"
    if answer.status < 400 or answer.status in (404, 405) or reason == "an HTML page":
        raise UnexpectedAnswerError(
            f"{case.name}: the {name} is not Procore's, or something stands before it: {words}.",
            f"Check {_VARIABLES[name]} if it is set; a network that asks for a login page, or a proxy,"
            " answers like that: open any web page in a browser, sign in to the network, then try again.",
        )
    if answer.status >= 500:
        raise UnexpectedAnswerError(
            f"{case.name}: the {name} has trouble: {words}.",
            "Look at Procore's status page (https://status.procore.com), and try again later.",
        )
    return words
