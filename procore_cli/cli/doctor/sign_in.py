"""What a sign-in needs on this machine: the port, a browser, a place for its tokens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from shutil import which

from procore_cli.callback.browser import (
    Place,
    find_browser,
    find_in_variable,
    find_place,
    has_display,
    is_wsl,
)
from procore_cli.callback.guidance import Guidance
from procore_cli.callback.ports import new_listening_sockets, with_holder
from procore_cli.cli.doctor.context import Check, DoctorContext, fine, warning
from procore_cli.errors import BusyError, KeyringError, PortTakenError
from procore_cli.models import command
from procore_cli.storage import keyring

_KEEPS_NOTHING = "not needed: the service account of PROCORE_LOGIN_ACCOUNT lasts as long as its process"


def check_port(context: DoctorContext) -> Iterator[Check]:
    """Listen there for a moment. Raises PortTakenError."""
    redirect = context.settings.redirect_uri
    if not redirect.on_loopback:
        what = "a code that Procore shows" if redirect.is_oob else "the address that the browser ends on"
        yield fine(f"not needed: {redirect.text.partition('?')[0]} means pasting {what}")
        return
    try:
        found = new_listening_sockets(redirect.port, context.name)
    except PortTakenError as error:
        raise with_holder(error, redirect.port) from None
    addresses = [str(listening.getsockname()[0]) for listening in found]
    for listening in found:
        listening.close()
    alone = "" if len(addresses) > 1 else " (this machine has no IPv6)"
    yield fine(f"{redirect.port} is free on {' and '.join(addresses)}{alone}")


def check_browser(context: DoctorContext) -> Iterator[Check]:
    """Which program would show the link, and how its answer gets back here."""
    place = find_place(os.environ, sys.platform)
    browser = find_browser(None, os.environ, sys.platform, which)
    named = os.environ.get("BROWSER", "")
    if named and not find_in_variable(named, sys.platform, which):
        instead = f"{browser.name} is used instead" if browser else "no other can be opened either"
        yield warning(
            f"BROWSER names no graphical browser that is installed ({_list_programs(named)}); {instead}.",
            "Let BROWSER name an installed one, or unset it: unset BROWSER",
        )
    elif browser is not None and place is not Place.SSH:
        yield fine(f"{browser.name} ({browser.command[0]}); {_describe()}")
    elif context.settings.own_server:
        yield fine(f"none can be opened; the demo user signs in by itself; {_describe()}")
    else:
        what = "one would be opened on this machine" if browser else "none can be opened here"
        words = Guidance(context.settings.redirect_uri, place, listens=True, pastes=True)
        hint = words.before_link(is_opened=False) or "Open the printed link in any browser, then paste."
        yield warning(f"{what}: {_describe()}. The link is printed.", hint)


def _list_programs(named: str) -> str:
    # Their arguments may be anything.
    parts = named.split(";" if sys.platform == "win32" else ":")
    return ", ".join(part.split()[0] for part in parts if part.strip())


def _describe() -> str:
    signs = [f"place: {find_place(os.environ, sys.platform).value}"]
    if sys.platform not in ("win32", "darwin"):
        signs.append("a display" if has_display(os.environ) else "no display")
    signs.append("over SSH" if os.environ.get("SSH_CONNECTION") else "not over SSH")
    return ", ".join([*signs, *(["WSL"] if is_wsl(os.environ) else [])])


def check_keyring(context: DoctorContext) -> Iterator[Check]:
    """The backend in use, and its lock. Raises KeyringError."""
    settings = context.settings
    if context.keeps_nothing:
        yield fine(_KEEPS_NOTHING)
        return
    if settings.shared is not None:
        yield _check_secret_store(context)
        return
    if settings.store == "file":
        where = f"below the data folder ({settings.sources['store']})"
        yield fine(f"not used: tokens are kept in files that only you can read, {where}")
        return
    yield fine(_describe_keyring())


def _check_secret_store(context: DoctorContext) -> Check:
    """Where the client secret is, if the tokens are in a shared database. Raises KeyringError."""
    settings = context.settings
    if settings.is_demo or settings.is_from_variable("client secret"):
        return fine("not needed: tokens are in the shared database, and no client secret is looked for")
    if settings.store == "file":
        return fine(f"not used: the client secret is kept in a file ({settings.sources['store']})")
    try:
        return fine(f"{_describe_keyring()}; for the client secret alone")
    except KeyringError as error:
        raise error.reworded(
            error.message,
            "The client secret alone is looked for in it: set PROCORE_CLIENT_SECRET, or keep it in a file:"
            f" {command('configure --store file', context.name)}",
        ) from None


def _describe_keyring() -> str:
    backend = keyring.Keyring().find_backend_name()
    lock = {None: "", True: "; it is locked now, and asks to be unlocked", False: "; unlocked"}
    named = "PYTHON_KEYRING_BACKEND names" if os.environ.get("PYTHON_KEYRING_BACKEND") else "in use:"
    return f"{named} {backend}{lock[keyring.find_lock_state(backend)]}"


def check_proof(context: DoctorContext) -> Iterator[Check]:
    """A value as large as a token set, written, read back and deleted, as before a sign-in.

    Raises StorageError.
    """
    if context.keeps_nothing:
        yield fine(_KEEPS_NOTHING)
        return
    try:
        context.storage.tokens.prove()
    except BusyError as error:
        yield warning(error.message, error.hint)
    except KeyringError:
        # Whoever asks it again waits as long as this has.
        context.broken.add("keyring")
        raise
    else:
        yield fine("a value as large as a token set was written, read back and deleted")
