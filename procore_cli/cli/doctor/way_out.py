"""Through what requests leave this machine: the proxy, and the CAs that are believed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from procore_cli.cli.doctor.case import Case
from procore_cli.cli.doctor.check import Check, failed, fine, warning
from procore_cli.errors import BadUrlError, CaFileError

# OpenSSL's own, which count where the system's CA store is OpenSSL's.
_OF_OPENSSL = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def check_proxy(case: Case) -> Iterator[Check]:
    """The proxy for each of the environment's hosts; its user name and password are not shown."""
    from procore_cli.client.transport import find_proxy

    environment = case.settings.environment
    ways = {}
    try:
        for noun, url in (("login host", environment.login_url), ("API host", environment.api_url)):
            proxy = find_proxy(url, case.environ) if url else None
            ways[noun] = f"through {host_and_port(proxy)}" if proxy else "directly"
    except BadUrlError as error:
        case.broken.add("proxy")
        yield failed("proxy", error)
        return
    if len(set(ways.values())) == 1:
        yield fine("proxy", f"requests go {ways['login host']}")
    else:
        yield fine("proxy", ", ".join(f"{noun}: {way}" for noun, way in ways.items()))


def check_ca(case: Case) -> Iterator[Check]:
    """The CA file, if one is named, else the operating system's store."""
    from procore_cli.client.network_errors import find_store_faults, read_ca_bundle

    path = case.settings.ca_bundle
    if path is None:
        named = [f"{name} is set" for name in _OF_OPENSSL if os.environ.get(name)]
        words = ", ".join(["the operating system's CA store", *named])
        environment = case.settings.environment
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
        case.broken.add("CA")
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
