"""The port that the browser comes back to: to be had on both families, or who has it."""

from __future__ import annotations

from collections.abc import Iterator

from procore_cli.cli.doctor.case import Case
from procore_cli.cli.doctor.check import Check, failed, fine, unchecked
from procore_cli.errors import PortTakenError

# A fault of one of these leaves the redirect URI, and so its port, unknown.
_NAMING = {"PROCORE_REDIRECT_URI", "config"}
_OURS = "procore-login"


def check_port(case: Case) -> Iterator[Check]:
    """Listen there for a moment."""
    redirect = case.settings.redirect_uri
    if case.in_force.faults.keys() & _NAMING and case.settings.sources["redirect URI"] == "default":
        yield unchecked("port", "what names the redirect URI cannot be read")
        return
    if not redirect.on_loopback:
        what = "a code that Procore shows" if redirect.is_oob else "the address that the browser ends on"
        yield fine("port", f"not needed: {_short(redirect.text)} means pasting {what}")
        return
    from procore_cli.callback.ports import new_listening_sockets

    try:
        sockets = new_listening_sockets(redirect.port, case.name)
    except PortTakenError as error:
        yield failed("port", _with_holder(error, redirect.port))
        return
    addresses = [str(listening.getsockname()[0]) for listening in sockets]
    for listening in sockets:
        listening.close()
    alone = "" if len(addresses) > 1 else " (this machine has no IPv6)"
    yield fine("port", f"{redirect.port} is free on {' and '.join(addresses)}{alone}")


def _with_holder(error: PortTakenError, port: int) -> PortTakenError:
    from procore_cli.callback.sockets import find_port_holder

    holder = find_port_holder(port)
    if holder is not None and holder.pid is not None and holder.name.removesuffix(".exe") == _OURS:
        return PortTakenError(
            f"{error.message} Another sign-in waits there (process {holder.pid}).",
            "Finish it in its browser, or end it with Ctrl-C; then try again.",
        )
    return PortTakenError(f"{error.message} {holder.describe()}", error.hint) if holder else error


def _short(text: str) -> str:
    return text.partition("?")[0]
