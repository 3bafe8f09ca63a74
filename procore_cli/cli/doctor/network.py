"""The way to Procore's hosts, step by step, what they answer, and whether they know the app."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

from procore_cli.cli.doctor.context import Check, DoctorContext, fine, shown, unchecked, warning
from procore_cli.client.certificates import find_store_faults, read_ca_bundle
from procore_cli.client.connections import ADDRESS_TIMEOUT_S, Address, connect, find_addresses
from procore_cli.client.oauth import OAuth, Verdict
from procore_cli.client.responses import (
    Answer,
    find_date,
    find_error_code,
    new_refused_credentials,
)
from procore_cli.client.transport import find_proxy
from procore_cli.config.environments import ME_PATH, TOKEN_PATH
from procore_cli.context import put_online
from procore_cli.errors import UnexpectedAnswerError, UnreachableError
from procore_cli.flows.credentials import find_app
from procore_cli.models import command

# OpenSSL's own, which count where the system's CA store is OpenSSL's.
_OF_OPENSSL = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def start_pretend_procore(context: DoctorContext) -> Sequence[Check]:
    """Start the embedded Procore, if that is what is meant; no line where it runs. Raises StorageError."""
    context.settings = put_online(context.settings, time.time, context.closing)
    return ()


def check_proxy(context: DoctorContext) -> Iterator[Check]:
    """The proxy for each of the environment's hosts, without its password. Raises BadUrlError."""
    environment = context.settings.environment
    ways = []
    for url in (environment.login_url, environment.api_url):
        proxy = find_proxy(url) if url else None
        ways.append(f"through {proxy.host}" if proxy else "directly")
    login, api = ways
    yield fine(f"requests go {login}" if login == api else f"login host: {login}, API host: {api}")


def check_ca(context: DoctorContext) -> Iterator[Check]:
    """The CA file, if one is named, else the operating system's store. Raises CaFileError."""
    path, environment = context.settings.ca_bundle, context.settings.environment
    if path is not None:
        count = len(read_ca_bundle(path).get_ca_certs())
        # A folder's are read when they are needed.
        held = f", {count} certificate{'' if count == 1 else 's'}" if count else ""
        yield fine(f"{path} (from REQUESTS_CA_BUNDLE){held}")
        return
    is_needed = any(url.startswith("https:") for url in (environment.login_url, environment.api_url))
    faults = find_store_faults(os.environ) if is_needed else []
    named = [f"{name} is set" for name in _OF_OPENSSL if os.environ.get(name)]
    words = ", ".join(["the operating system's CA store", *named])
    words = "; ".join([words, *(fault.words for fault in faults)])
    fixes = " ".join(fault.fix for fault in faults)
    yield warning(f"{words}.", fixes) if faults else fine(words)


# Asks for nothing: whatever is an OAuth server says what is missing.
_EMPTY_FORM = "grant_type=authorization_code"
_SILENT = (
    "A connection may wait {1:g} s for {0} before another address is tried: ask those who run your network,"
    " or switch {0} off on this machine."
)
_PORTS = {"http": 80, "https": 443}
_FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}


def check_login_host(context: DoctorContext) -> Iterator[Check]:
    """The token endpoint's answer to a form that asks for nothing. Raises ProcoreError."""
    url, variable = context.settings.environment.login_url, "PROCORE_LOGIN_URL"
    answer = _ask(context, "POST", url, TOKEN_PATH, variable, form=_EMPTY_FORM)
    code, known = find_error_code(answer.body), ""
    if code and 400 <= answer.status < 500:
        known = f"its token endpoint answers ({answer.status}, {code})"
    yield _judge(url, answer, known, "login host", variable)


def check_api_host(context: DoctorContext) -> Iterator[Check]:
    """What `/me` answers to somebody without a token. Raises ProcoreError."""
    url, variable = context.settings.environment.api_url, "PROCORE_API_URL"
    answer, known = _ask(context, "GET", url, ME_PATH, variable), ""
    if answer.status == 401 and "json" in answer.headers.get("content-type", ""):
        known = "the API answers (401 without a token, as it should)"
    yield _judge(url, answer, known, "API host", variable)


def _ask(
    context: DoctorContext, method: str, url: str, path: str, variable: str, form: str | None = None
) -> Answer:
    """A host's answer, and what its Date says of this machine's clock. Raises ProcoreError."""
    try:
        environment = context.settings.environment
        answer = context.transport.request(method, url + path, environment=environment, form=form)
    except UnreachableError as error:
        if not os.environ.get(variable):
            raise
        hint = f"{variable} names this host: correct it, or unset it. {error.hint}"
        raise error.reworded(error.message, hint) from None
    theirs = find_date(answer.headers)
    if theirs is not None and context.server_ahead_s is None:
        context.server_ahead_s = theirs - time.time()
    return answer


def _judge(url: str, answer: Answer, known: str, name: str, variable: str) -> Check:
    """The line about a host; an answer that is not `known` may yet be Procore's. Raises ProcoreError."""
    proxy = find_proxy(url)
    target = urlsplit(proxy.url if proxy else url)
    addresses: list[Address] = []
    with suppress(OSError, ValueError):
        addresses = find_addresses(target.hostname or "", target.port or _PORTS[target.scheme])
    steps, hints = [f"proxy {target.hostname}"] if proxy else [], []
    steps.append(f"DNS {', '.join(dict.fromkeys(str(address.place[0]) for address in addresses))}")
    if silent := find_silent_family(addresses):
        steps.append(f"{silent} does not answer")
        hints.append(_SILENT.format(silent, ADDRESS_TIMEOUT_S))
    if not known:
        odd = f"it answered {answer.status} ({answer.reason})"
        _refuse_strangers(answer, odd, name, variable)
        hints.append(f"If signing in fails, check {variable} and Procore's status page.")
    detail = f"{urlsplit(url).netloc}: {'; '.join([*steps, known or odd])}"
    return warning(detail, " ".join(hints)) if hints else fine(detail)


def _refuse_strangers(answer: Answer, odd: str, name: str, variable: str) -> None:
    is_page = answer.body.lstrip().startswith(b"<")
    if answer.status < 400 or answer.status in (404, 405) or is_page:
        raise UnexpectedAnswerError(
            f"the {name} is not Procore's, or something stands before it: {odd}.",
            f"Check {variable} if it is set; a network that asks for a login page, or a proxy,"
            " answers like that: open any web page in a browser, sign in to the network, then try again.",
        )
    if answer.status >= 500:
        raise UnexpectedAnswerError(
            f"the {name} has trouble: {odd}.",
            "Look at Procore's status page (https://status.procore.com), and try again later.",
        )


def find_silent_family(addresses: Sequence[Address]) -> str:
    """The family, of several, whose addresses of a reachable host give no answer; "" if there is none."""
    families = {address.family: [a for a in addresses if a.family == address.family] for address in addresses}
    for family, its_own in families.items() if len(families) > 1 else ():
        try:
            connect(its_own, ADDRESS_TIMEOUT_S).close()
        except TimeoutError:
            return _FAMILIES.get(socket.AddressFamily(family), "one family")
        except OSError:
            # What is refused at once, or what this machine does not have, costs nobody any time.
            continue
    return ""


# Requests and clocks take time; what is beyond this is a clock that is wrong.
_MOST_SKEW_S = 60


def check_clock(context: DoctorContext) -> Iterator[Check]:
    """This machine's clock beside the server's Date, if one told it."""
    if context.server_ahead_s is None:
        return
    ahead = round(context.server_ahead_s)
    if abs(ahead) <= _MOST_SKEW_S:
        yield fine(f"within {_MOST_SKEW_S} s of Procore's")
        return
    where = "behind" if ahead > 0 else "ahead of"
    yield warning(
        f"this machine's clock is {timedelta(seconds=abs(ahead))} {where} Procore's.",
        "A steady difference breaks nothing: how long tokens live is counted by this clock alone. To set it:"
        " `sudo timedatectl set-ntp true`",
    )


def check_app(context: DoctorContext) -> Iterator[Check]:
    """The app in force, and what Procore's token endpoint says to it and to a code that cannot exist.

    Raises MissingCredentialsError, BindingError, StorageError, ProcoreError.
    """
    settings, environment = context.settings, context.settings.environment
    # A missing id is found without the keyring, and is the more telling of the two.
    if settings.client_id and not settings.client_secret and "keyring" in context.broken:
        yield unchecked("keyring")
        return
    app = find_app(settings, context.storage.client_secrets)
    known = f"client id {shown(app.client_id, app.client_secret)} (from {app.source})"
    if context.offline:
        yield fine(f"{known} and its client secret are there; --offline: Procore was not asked")
        return
    if "login host" in context.broken:
        yield unchecked("login host")
        return
    probe = OAuth(context.transport, environment, time.time).probe(app, settings.redirect_uri.text)
    if probe.verdict is Verdict.REFUSED:
        raise new_refused_credentials(environment, app)
    if probe.verdict is Verdict.UNCLEAR:
        yield warning(
            f"{known} and its client secret are there; whether they are right could not be found out:"
            f" {context.name} answered {probe.words}.",
            f"Try it: {command('signin', context.name)}",
        )
        return
    yield fine(f"{context.name} knows {known} with its client secret")
