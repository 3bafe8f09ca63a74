"""The way to Procore's hosts, step by step, what they answer, and whether they know the app."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from procore_cli.cli.doctor.context import (
    CONNECT_TIMEOUT_S,
    PRETEND,
    Check,
    DoctorContext,
    failed,
    fine,
    unchecked,
    warning,
)
from procore_cli.client.connections import ADDRESS_TIMEOUT_S, Address, connect, find_addresses
from procore_cli.config.environments import ME_PATH, TOKEN_PATH
from procore_cli.errors import (
    BadUrlError,
    CaFileError,
    MissingCredentialsError,
    ProcoreLoginError,
    StorageError,
    UnexpectedAnswerError,
    UnreachableError,
)
from procore_cli.grants import AppCredentials

if TYPE_CHECKING:
    from ssl import SSLContext

    from procore_cli.client.responses import Answer


# OpenSSL's own, which count where the system's CA store is OpenSSL's.
_OF_OPENSSL = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def check_proxy(context: DoctorContext) -> Iterator[Check]:
    """The proxy for each of the environment's hosts; its user name and password are not shown."""
    from procore_cli.client.transport import find_proxy

    environment = context.settings.environment
    browser_options = {}
    try:
        for noun, url in (("login host", environment.login_url), ("API host", environment.api_url)):
            proxy = find_proxy(url) if url else None
            browser_options[noun] = f"through {host_and_port(proxy)}" if proxy else "directly"
    except BadUrlError as error:
        context.broken.add("proxy")
        yield failed("proxy", error)
        return
    if len(set(browser_options.values())) == 1:
        yield fine("proxy", f"requests go {browser_options['login host']}")
    else:
        yield fine("proxy", ", ".join(f"{noun}: {way}" for noun, way in browser_options.items()))


def check_ca(context: DoctorContext) -> Iterator[Check]:
    """The CA file, if one is named, else the operating system's store."""
    from procore_cli.client.network_errors import find_store_faults, read_ca_bundle

    path = context.settings.ca_bundle
    if path is None:
        named = [f"{name} is set" for name in _OF_OPENSSL if os.environ.get(name)]
        words = ", ".join(["the operating system's CA store", *named])
        environment = context.settings.environment
        is_needed = any(url.startswith("https:") for url in (environment.login_url, environment.api_url))
        faults = find_store_faults(os.environ) if is_needed else []
        for fault in faults:
            words = f"{words}; {fault.words}"
        fixes = " ".join(fault.fix for fault in faults)
        yield warning("CA", f"{words}.", fixes) if faults else fine("CA", words)
        return
    try:
        count = len(read_ca_bundle(path).get_ca_certs())
    except CaFileError as error:
        context.broken.add("CA")
        yield failed("CA", error)
        return
    # A folder's are read when they are needed.
    held = f", {count} certificate{'' if count == 1 else 's'}" if count else ""
    yield fine("CA", f"{path} (from REQUESTS_CA_BUNDLE){held}")


def host_and_port(url: str) -> str:
    """The host and port of a proxy's URL, and nothing else of it."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port}" if parts.port else str(host)


_PORTS = {"http": 80, "https": 443}
_FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}


@dataclass(frozen=True)
class Found:
    """What each step of a trip found, in words, and which family of addresses is silent, if one is."""

    steps: list[str]
    silent_family: str


@dataclass(frozen=True)
class ConnectionProbe:
    """From here to a URL's host; `timeout_s` is for each step, the rest is as `Transport` takes it."""

    environment: str
    url: str
    proxy: str | None
    ca_bundle: str | None
    timeout_s: float
    address_timeout_s: float = ADDRESS_TIMEOUT_S

    def go(self) -> Found:
        """Go there. Raises UnreachableError, CaFileError."""
        target = urlsplit(self.proxy or self.url)
        host, port = target.hostname or "", target.port or _PORTS[target.scheme]
        try:
            addresses = self._resolve(host, port)
            started = time.monotonic()
            with connect(addresses, self.timeout_s, self.address_timeout_s) as connection:
                took_ms = (time.monotonic() - started) * 1000
                names = dict.fromkeys(str(address.place[0]) for address in addresses)
                steps = [f"DNS {', '.join(names)}", f"TCP port {port} in {took_ms:.0f} ms"]
                silent_family = self._find_silent(addresses, connection.family)
                if silent_family:
                    steps.append(f"{silent_family} does not answer")
                if target.scheme == "https":
                    steps.append(self._greet(connection, host))
        except (OSError, ValueError) as error:
            raise self._new_error(error, host) from None
        return Found([f"proxy {host}", *steps] if self.proxy else steps, silent_family)

    def _resolve(self, host: str, port: int) -> list[Address]:
        from procore_cli.threads import Limits, OutOfTimeError, call_within

        limits = Limits(self.timeout_s, self.timeout_s)
        try:
            return call_within(limits, lambda: find_addresses(host, port), lambda: None)
        except OutOfTimeError:
            raise UnreachableError(
                f"{self.environment}: {host} cannot be reached: its name was not resolved within"
                f" {self.timeout_s:g} s.",
                _name_hint(host),
            ) from None

    def _find_silent(self, addresses: Sequence[Address], family_in_use: int) -> str:
        """The family of addresses that gives no answer, if there is another one that does; else ""."""
        others = [address for address in addresses if address.family != family_in_use]
        try:
            if others:
                connect(others, self.address_timeout_s).close()
        except TimeoutError:
            return _FAMILIES.get(socket.AddressFamily(others[0].family), "one family")
        except OSError:
            # What is refused at once, or what this machine does not have, costs nobody any time.
            return ""
        return ""

    def _greet(self, connection: socket.socket, host: str) -> str:
        connection.settimeout(self.timeout_s)
        with self._new_context().wrap_socket(connection, server_hostname=host) as tls:
            return f"{tls.version()}, certificate trusted"

    def _new_context(self) -> SSLContext:
        from procore_cli.client.network_errors import new_system_context, read_ca_bundle

        return read_ca_bundle(self.ca_bundle) if self.ca_bundle else new_system_context()

    def _new_error(self, error: BaseException, host: str) -> ProcoreLoginError:
        from procore_cli.client.network_errors import Route, unreachable

        found = unreachable(error, Route(self.environment, host, None, self.ca_bundle), self.timeout_s)
        where = "the proxy " if self.proxy else ""
        message = found.message.replace(f"{host} cannot", f"{where}{host} cannot", 1)
        hint = _name_hint(host) if isinstance(error, socket.gaierror) else found.hint
        if self.proxy and "certificate" not in found.message:
            hint = "Check HTTPS_PROXY (http://USER:PASSWORD@HOST:PORT) and NO_PROXY."
        return UnreachableError(message, hint)


def _name_hint(host: str) -> str:
    return (
        f"Look it up: nslookup {host}. If nothing is found, check the network, the VPN, and"
        " PROCORE_LOGIN_URL and PROCORE_API_URL if they are set."
    )


_LOGIN = "login host"
_API = "API host"
_VARIABLES = {_LOGIN: "PROCORE_LOGIN_URL", _API: "PROCORE_API_URL"}
# Asks for nothing: whatever is an OAuth server says what is missing.
_EMPTY_FORM = "grant_type=authorization_code"

_SILENT = (
    "A connection may wait {1:g} s for {0} before another address is tried: ask those who run your network,"
    " or switch {0} off on this machine."
)


def check_login_host(context: DoctorContext) -> Iterator[Check]:
    """DNS, TCP, TLS, and the token endpoint's answer to a form that asks for nothing."""
    yield _check(context, _LOGIN, context.settings.environment.login_url)


def check_api_host(context: DoctorContext) -> Iterator[Check]:
    """DNS, TCP, TLS, and what `/me` answers to somebody without a token."""
    yield _check(context, _API, context.settings.environment.api_url)


def _check(context: DoctorContext, name: str, url: str) -> Check:
    skip = _find_reason(context, name, url)
    if skip:
        context.broken.add(name)
        return unchecked(name, skip)
    if context.offline:
        return fine(name, f"{urlsplit(url).netloc or 'the embedded Procore'}: --offline, not asked")
    try:
        found = _travel(context, url)
        answer = _ask_host(context, name, url)
        _note_time(context, answer)
        words, is_sure = (
            _read_token_endpoint(context, answer) if name == _LOGIN else _read_me(context, answer)
        )
    except ProcoreLoginError as error:
        context.broken.add(name)
        return _blame_variable(context, name, failed(name, error))
    detail = f"{urlsplit(url).netloc}: {'; '.join([*found.steps, words])}"
    hints = []
    if found.silent_family:
        hints.append(_SILENT.format(found.silent_family, ADDRESS_TIMEOUT_S))
    if not is_sure:
        hints.append(f"If signing in fails, check {_VARIABLES[name]} and Procore's status page.")
    return warning(name, detail, " ".join(hints)) if hints else fine(name, detail)


def _blame_variable(context: DoctorContext, name: str, check: Check) -> Check:
    """The failure, with the variable that names the host as the first thing to look at."""
    variable = _VARIABLES[name]
    if (
        not context.environ.get(variable)
        or variable in check.fix
        or not isinstance(check.error, UnreachableError)
    ):
        return check
    return replace(check, fix=f"{variable} names this host: correct it, or unset it. {check.fix}")


def _find_reason(context: DoctorContext, name: str, url: str) -> str:
    faults = context.in_force.faults
    if PRETEND in faults and context.settings.own_server:
        return "the embedded Procore could not be started"
    if _VARIABLES[name] in faults:
        return f"{_VARIABLES[name]} is not in order"
    broken = next((each for each in ("proxy", "CA") if each in context.broken), None)
    return f"the {broken} is not in order" if broken and not context.offline and url else ""


def _travel(context: DoctorContext, url: str) -> Found:
    from procore_cli.client.transport import find_proxy

    proxy = find_proxy(url)
    return ConnectionProbe(
        context.name, url, proxy, context.settings.ca_bundle, CONNECT_TIMEOUT_S, ADDRESS_TIMEOUT_S
    ).go()


def _ask_host(context: DoctorContext, name: str, url: str) -> Answer:
    environment = context.settings.environment
    if name == _LOGIN:
        return context.transport.request("POST", url + TOKEN_PATH, environment=environment, form=_EMPTY_FORM)
    return context.transport.request("GET", url + ME_PATH, environment=environment)


def _note_time(context: DoctorContext, answer: Answer) -> None:
    from procore_cli.client.responses import find_date

    theirs = find_date(answer.headers)
    if theirs is not None and context.server_ahead_s is None:
        context.server_ahead_s = theirs - context.clock()


def _read_token_endpoint(context: DoctorContext, answer: Answer) -> tuple[str, bool]:
    """What the answer says, in words, and whether it is surely a token endpoint's."""
    from procore_cli.client.responses import find_error_code

    code = find_error_code(answer.body)
    if code and 400 <= answer.status < 500:
        return f"its token endpoint answers ({answer.status}, {code})", True
    return _read_odd(context, answer, _LOGIN), False


def _read_me(context: DoctorContext, answer: Answer) -> tuple[str, bool]:
    from procore_cli.client.responses import read_reason

    is_json = read_reason(answer.body) not in ("an HTML page", "not JSON", "an empty body")
    if answer.status == 401 and is_json:
        return "the API answers (401 without a token, as it should)", True
    return _read_odd(context, answer, _API), False


def _read_odd(context: DoctorContext, answer: Answer, name: str) -> str:
    """Words for an answer that may yet be Procore's. Raises UnexpectedAnswerError for one that is not."""
    from procore_cli.client.responses import read_reason

    reason = read_reason(answer.body)
    words = f"it answered {answer.status} ({reason})"
    if answer.status < 400 or answer.status in (404, 405) or reason == "an HTML page":
        raise UnexpectedAnswerError(
            f"{context.name}: the {name} is not Procore's, or something stands before it: {words}.",
            f"Check {_VARIABLES[name]} if it is set; a network that asks for a login page, or a proxy,"
            " answers like that: open any web page in a browser, sign in to the network, then try again.",
        )
    if answer.status >= 500:
        raise UnexpectedAnswerError(
            f"{context.name}: the {name} has trouble: {words}.",
            "Look at Procore's status page (https://status.procore.com), and try again later.",
        )
    return words


_NAME = "credentials"
_CLOCK = "clock"
# Settings whose faults leave it open to whom the secret would go, or which secret it is.
_GROUNDS = (
    "config",
    "PROCORE_CLIENT_ID",
    "PROCORE_CLIENT_SECRET",
    "PROCORE_LOGIN_URL",
    "PROCORE_LOGIN_STORE",
    PRETEND,
)
# Requests and clocks take time; what is beyond this is a clock that is wrong.
_MOST_SKEW_S = 60


def check_app(context: DoctorContext) -> Iterator[Check]:
    """The app in force, and what Procore's token endpoint says to it and to a code that cannot exist."""
    fault = next((name for name in _GROUNDS if name in context.in_force.faults), None)
    if fault:
        yield unchecked(_NAME, f"{fault} is not in order")
        return
    try:
        app = _find_app(context)
        yield _ask_about_app(context, app)
    except StorageError as error:
        # Told before, where the keyring was looked at.
        yield (
            unchecked(_NAME, "the keyring cannot be used")
            if "keyring" in context.broken
            else failed(_NAME, error)
        )
    except MissingCredentialsError as error:
        # What is kept in the data folder may name it.
        yield (
            unchecked(_NAME, "the data folder cannot be used")
            if "data folder" in context.broken
            else failed(_NAME, error)
        )
    except ProcoreLoginError as error:
        yield failed(_NAME, error)


def check_clock(context: DoctorContext) -> Iterator[Check]:
    """This machine's clock beside the server's Date."""
    if context.offline:
        yield fine(_CLOCK, "--offline: not compared with Procore's")
        return
    if context.server_ahead_s is None:
        yield unchecked(_CLOCK, "no server told its time")
        return
    ahead = round(context.server_ahead_s)
    if abs(ahead) <= _MOST_SKEW_S:
        yield fine(_CLOCK, f"within {_MOST_SKEW_S} s of Procore's")
        return
    yield warning(
        _CLOCK,
        f"this machine's clock is {_words(abs(ahead))} {'behind' if ahead > 0 else 'ahead of'} Procore's.",
        "Set the clock (sudo timedatectl set-ntp true). How long tokens live is counted by this clock alone,"
        " so a steady difference does little harm; a clock that is set while tokens live does.",
    )


def _find_app(context: DoctorContext) -> AppCredentials:
    from procore_cli.flows.credentials import find_app

    if "keyring" in context.broken and not (context.settings.is_demo or context.settings.client_secret):
        if not context.settings.client_id:
            # The missing id is the more telling of the two, and needs no keyring to be found.
            return find_app(context.settings, context.storage.client_secrets)
        raise StorageError("The keyring cannot be used.", "See the line about the keyring above.")
    return find_app(context.settings, context.storage.client_secrets)


def _ask_about_app(context: DoctorContext, app: AppCredentials) -> Check:
    found = f"client id {app.client_id} (from {app.source}) and its client secret are there"
    if context.offline:
        return fine(_NAME, f"{found}; --offline: Procore was not asked")
    if "login host" in context.broken:
        return unchecked(_NAME, f"{found}, but the login host was not reached, or not checked")
    from procore_cli.client.oauth import OAuth, Verdict
    from procore_cli.client.responses import new_refused_credentials

    environment = context.settings.environment
    probe = OAuth(context.transport, environment, context.clock).probe(
        app, context.settings.redirect_uri.text
    )
    if probe.verdict is Verdict.REFUSED:
        return failed(_NAME, new_refused_credentials(environment, app))
    if probe.verdict is Verdict.UNCLEAR:
        return warning(
            _NAME,
            f"{found}; whether they are right could not be found out: {context.name} answered {probe.words}.",
            f"Try it: procore-login signin --env {context.name}",
        )
    return fine(
        _NAME, f"{context.name} knows client id {app.client_id} (from {app.source}) with its client secret"
    )


def _words(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} days"
