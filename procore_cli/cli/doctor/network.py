"""The way to Procore's hosts, step by step, what they answer, and whether they know the app."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from procore_cli.cli.doctor.context import (
    CONNECT_TIMEOUT_S,
    KEYRING,
    Check,
    DoctorContext,
    fine,
    unchecked,
    warning,
)
from procore_cli.client.connections import ADDRESS_TIMEOUT_S, Address, connect, find_addresses
from procore_cli.config.environments import ME_PATH, TOKEN_PATH
from procore_cli.errors import UnexpectedAnswerError, UnreachableError

if TYPE_CHECKING:
    from procore_cli.client.responses import Answer


# OpenSSL's own, which count where the system's CA store is OpenSSL's.
_OF_OPENSSL = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def check_proxy(context: DoctorContext) -> Iterator[Check]:
    """The proxy for each of the environment's hosts, without its password. Raises BadUrlError."""
    from procore_cli.client.transport import find_proxy

    environment = context.settings.environment
    ways = {}
    for name, url in ((LOGIN_HOST, environment.login_url), (API_HOST, environment.api_url)):
        proxy = find_proxy(url) if url else None
        ways[name] = f"through {host_and_port(proxy)}" if proxy else "directly"
    if len(set(ways.values())) == 1:
        yield fine("proxy", f"requests go {ways[LOGIN_HOST]}")
    else:
        yield fine("proxy", ", ".join(f"{name}: {way}" for name, way in ways.items()))


def host_and_port(url: str) -> str:
    """The host and port of a proxy's URL, and nothing else of it."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port}" if parts.port else str(host)


def check_ca(context: DoctorContext) -> Iterator[Check]:
    """The CA file, if one is named, else the operating system's store. Raises CaFileError."""
    from procore_cli.client.network_errors import find_store_faults, read_ca_bundle

    path, environment = context.settings.ca_bundle, context.settings.environment
    if path is not None:
        count = len(read_ca_bundle(path).get_ca_certs())
        # A folder's are read when they are needed.
        held = f", {count} certificate{'' if count == 1 else 's'}" if count else ""
        yield fine("CA", f"{path} (from REQUESTS_CA_BUNDLE){held}")
        return
    is_needed = any(url.startswith("https:") for url in (environment.login_url, environment.api_url))
    faults = find_store_faults(os.environ) if is_needed else []
    named = [f"{name} is set" for name in _OF_OPENSSL if os.environ.get(name)]
    words = ", ".join(["the operating system's CA store", *named])
    words = "; ".join([words, *(fault.words for fault in faults)])
    fixes = " ".join(fault.fix for fault in faults)
    yield warning("CA", f"{words}.", fixes) if faults else fine("CA", words)


LOGIN_HOST = "login host"
API_HOST = "API host"
_VARIABLES = {LOGIN_HOST: "PROCORE_LOGIN_URL", API_HOST: "PROCORE_API_URL"}
# Asks for nothing: whatever is an OAuth server says what is missing.
_EMPTY_FORM = "grant_type=authorization_code"
_SILENT = (
    "A connection may wait {1:g} s for {0} before another address is tried: ask those who run your network,"
    " or switch {0} off on this machine."
)


def check_login_host(context: DoctorContext) -> Iterator[Check]:
    """DNS, TCP, TLS, and the token endpoint's answer to a form that asks for nothing.

    Raises UnreachableError, UnexpectedAnswerError.
    """
    from procore_cli.client.responses import find_error_code

    environment = context.settings.environment
    reach = _travel(context, LOGIN_HOST, environment.login_url)
    answer = context.transport.request(
        "POST", environment.login_url + TOKEN_PATH, environment=environment, form=_EMPTY_FORM
    )
    code = find_error_code(answer.body)
    is_sure = bool(code) and 400 <= answer.status < 500
    words = f"its token endpoint answers ({answer.status}, {code})"
    yield _judge(context, LOGIN_HOST, reach, answer, words if is_sure else "")


def check_api_host(context: DoctorContext) -> Iterator[Check]:
    """DNS, TCP, TLS, and what `/me` answers to somebody without a token.

    Raises UnreachableError, UnexpectedAnswerError.
    """
    environment = context.settings.environment
    reach = _travel(context, API_HOST, environment.api_url)
    answer = context.transport.request("GET", environment.api_url + ME_PATH, environment=environment)
    is_sure = answer.status == 401 and "json" in answer.headers.get("content-type", "")
    words = "the API answers (401 without a token, as it should)"
    yield _judge(context, API_HOST, reach, answer, words if is_sure else "")


def _judge(context: DoctorContext, name: str, reach: Reach, answer: Answer, known_by: str) -> Check:
    """The line about a host; without `known_by` it may yet be Procore's. Raises UnexpectedAnswerError."""
    from procore_cli.client.responses import find_date, read_reason

    theirs = find_date(answer.headers)
    if theirs is not None and context.server_ahead_s is None:
        context.server_ahead_s = theirs - context.clock()
    hints = [_SILENT.format(reach.silent_family, ADDRESS_TIMEOUT_S)] if reach.silent_family else []
    if not known_by:
        odd = f"it answered {answer.status} ({read_reason(answer.body)})"
        _refuse_strangers(context, name, answer, odd)
        hints.append(f"If signing in fails, check {_VARIABLES[name]} and Procore's status page.")
    detail = f"{reach.place}: {'; '.join([*reach.steps, known_by or odd])}"
    return warning(name, detail, " ".join(hints)) if hints else fine(name, detail)


def _refuse_strangers(context: DoctorContext, name: str, answer: Answer, odd: str) -> None:
    is_page = answer.body.lstrip().startswith(b"<")
    if answer.status < 400 or answer.status in (404, 405) or is_page:
        raise UnexpectedAnswerError(
            f"{context.name}: the {name} is not Procore's, or something stands before it: {odd}.",
            f"Check {_VARIABLES[name]} if it is set; a network that asks for a login page, or a proxy,"
            " answers like that: open any web page in a browser, sign in to the network, then try again.",
        )
    if answer.status >= 500:
        raise UnexpectedAnswerError(
            f"{context.name}: the {name} has trouble: {odd}.",
            "Look at Procore's status page (https://status.procore.com), and try again later.",
        )


class Reach(NamedTuple):
    """The way to a host: what each step found, and which family of addresses is silent, if one is."""

    place: str
    steps: list[str]
    silent_family: str = ""


def _travel(context: DoctorContext, name: str, url: str) -> Reach:
    """Go there. Raises UnreachableError, with the variable that names the host as the first to look at."""
    from procore_cli.client.transport import find_proxy

    proxy, variable = find_proxy(url), _VARIABLES[name]
    try:
        return travel(context.name, url, proxy, context.settings.ca_bundle)
    except UnreachableError as error:
        if not context.environ.get(variable):
            raise
        hint = f"{variable} names this host: correct it, or unset it. {error.hint}"
        raise error.reworded(error.message, hint) from None


_PORTS = {"http": 80, "https": 443}
_FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}


def travel(
    environment: str, url: str, proxy: str | None, ca_bundle: str | None, timeout_s: float = CONNECT_TIMEOUT_S
) -> Reach:
    """From here to a URL's host or its proxy; `timeout_s` is for each step, the rest as for `Transport`.

    Raises UnreachableError, CaFileError.
    """
    target = urlsplit(proxy or url)
    host, port = target.hostname or "", target.port or _PORTS[target.scheme]
    try:
        addresses = _resolve(environment, host, port, timeout_s)
        started = time.monotonic()
        with connect(addresses, timeout_s, ADDRESS_TIMEOUT_S) as connection:
            took_ms = (time.monotonic() - started) * 1000
            names = dict.fromkeys(str(address.place[0]) for address in addresses)
            steps = [f"proxy {host}"] if proxy else []
            steps += [f"DNS {', '.join(names)}", f"TCP port {port} in {took_ms:.0f} ms"]
            silent_family = _find_silent(addresses, connection.family)
            if silent_family:
                steps.append(f"{silent_family} does not answer")
            if target.scheme == "https":
                steps.append(_greet(connection, host, ca_bundle, timeout_s))
    except (OSError, ValueError) as error:
        raise _new_error(error, environment, host, proxy, ca_bundle, timeout_s) from None
    return Reach(urlsplit(url).netloc, steps, silent_family)


def _resolve(environment: str, host: str, port: int, timeout_s: float) -> list[Address]:
    from procore_cli.threads import Limits, OutOfTimeError, call_within

    try:
        return call_within(Limits(timeout_s, timeout_s), lambda: find_addresses(host, port), lambda: None)
    except OutOfTimeError:
        raise UnreachableError(
            f"{environment}: {host} cannot be reached: its name was not resolved within {timeout_s:g} s.",
            _name_hint(host),
        ) from None


def _find_silent(addresses: Sequence[Address], family_in_use: int) -> str:
    """The family of addresses that gives no answer, if there is another one that does; else ""."""
    others = [address for address in addresses if address.family != family_in_use]
    try:
        if others:
            connect(others, ADDRESS_TIMEOUT_S).close()
    except TimeoutError:
        return _FAMILIES.get(socket.AddressFamily(others[0].family), "one family")
    except OSError:
        # What is refused at once, or what this machine does not have, costs nobody any time.
        pass
    return ""


def _greet(connection: socket.socket, host: str, ca_bundle: str | None, timeout_s: float) -> str:
    from procore_cli.client.network_errors import new_system_context, read_ca_bundle

    connection.settimeout(timeout_s)
    tls_context = read_ca_bundle(ca_bundle) if ca_bundle else new_system_context()
    with tls_context.wrap_socket(connection, server_hostname=host) as tls:
        return f"{tls.version()}, certificate trusted"


def _new_error(
    error: Exception, environment: str, host: str, proxy: str | None, ca_bundle: str | None, timeout_s: float
) -> UnreachableError:
    from procore_cli.client.network_errors import Route, unreachable

    named = f"the proxy {host}" if proxy else host
    found = unreachable(error, Route(environment, named, None, ca_bundle), timeout_s)
    if proxy and not isinstance(error, ssl.SSLCertVerificationError):
        return found.reworded(
            found.message, "Check HTTPS_PROXY (http://USER:PASSWORD@HOST:PORT) and NO_PROXY."
        )
    return found.reworded(found.message, _name_hint(host)) if isinstance(error, socket.gaierror) else found


def _name_hint(host: str) -> str:
    return (
        f"Look it up: nslookup {host}. If nothing is found, check the network, the VPN, and"
        " PROCORE_LOGIN_URL and PROCORE_API_URL if they are set."
    )


# Requests and clocks take time; what is beyond this is a clock that is wrong.
_MOST_SKEW_S = 60


def check_clock(context: DoctorContext) -> Iterator[Check]:
    """This machine's clock beside the server's Date, if one told it."""
    if context.server_ahead_s is None:
        return
    ahead = round(context.server_ahead_s)
    if abs(ahead) <= _MOST_SKEW_S:
        yield fine("clock", f"within {_MOST_SKEW_S} s of Procore's")
        return
    yield warning(
        "clock",
        f"this machine's clock is {_words(abs(ahead))} {'behind' if ahead > 0 else 'ahead of'} Procore's.",
        "Set the clock (sudo timedatectl set-ntp true). How long tokens live is counted by this clock alone,"
        " so a steady difference does little harm; a clock that is set while tokens live does.",
    )


def _words(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} days"


_CREDENTIALS = "credentials"


def check_app(context: DoctorContext) -> Iterator[Check]:
    """The app in force, and what Procore's token endpoint says to it and to a code that cannot exist.

    Raises MissingCredentialsError, BindingError, StorageError, ProcoreError.
    """
    from procore_cli.client.oauth import OAuth, Verdict
    from procore_cli.client.responses import new_refused_credentials
    from procore_cli.flows.credentials import find_app

    settings, environment = context.settings, context.settings.environment
    # A missing id is found without the keyring, and is the more telling of the two.
    if settings.client_id and not settings.client_secret and KEYRING in context.broken:
        yield unchecked(_CREDENTIALS, KEYRING)
        return
    app = find_app(settings, context.storage.client_secrets)
    known = f"client id {app.client_id} (from {app.source})"
    if context.offline:
        yield fine(_CREDENTIALS, f"{known} and its client secret are there; --offline: Procore was not asked")
        return
    probe = OAuth(context.transport, environment, context.clock).probe(app, settings.redirect_uri.text)
    if probe.verdict is Verdict.REFUSED:
        raise new_refused_credentials(environment, app)
    if probe.verdict is Verdict.UNCLEAR:
        yield warning(
            _CREDENTIALS,
            f"{known} and its client secret are there; whether they are right could not be found out:"
            f" {context.name} answered {probe.words}.",
            f"Try it: procore-login signin --env {context.name}",
        )
        return
    yield fine(_CREDENTIALS, f"{context.name} knows {known} with its client secret")
