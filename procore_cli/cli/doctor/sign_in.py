"""What a sign-in needs on this machine, and what those before have left: port, browser, store, tokens."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from shutil import which
from typing import TYPE_CHECKING

from procore_cli.cli.doctor.context import KEYRING, Check, DoctorContext, fine, warning
from procore_cli.config.private_files import may_exist
from procore_cli.errors import BindingError, BusyError, KeyringError, PortTakenError, StorageError

if TYPE_CHECKING:
    from procore_cli.grants import TokenSet
    from procore_cli.models import Account
    from procore_cli.storage.accounts import Listed
    from procore_cli.storage.database import Database

_PROGRAM = "procore-login"


def check_port(context: DoctorContext) -> Iterator[Check]:
    """Listen there for a moment. Raises PortTakenError."""
    from procore_cli.callback.ports import new_listening_sockets

    redirect = context.settings.redirect_uri
    if not redirect.on_loopback:
        what = "a code that Procore shows" if redirect.is_oob else "the address that the browser ends on"
        yield fine("port", f"not needed: {redirect.text.partition('?')[0]} means pasting {what}")
        return
    try:
        sockets = new_listening_sockets(redirect.port, context.name)
    except PortTakenError as error:
        raise _with_holder(error, redirect.port) from None
    addresses = [str(listening.getsockname()[0]) for listening in sockets]
    for listening in sockets:
        listening.close()
    alone = "" if len(addresses) > 1 else " (this machine has no IPv6)"
    yield fine("port", f"{redirect.port} is free on {' and '.join(addresses)}{alone}")


def _with_holder(error: PortTakenError, port: int) -> PortTakenError:
    from procore_cli.callback.sockets import find_port_holder

    holder = find_port_holder(port)
    if holder is None:
        return error
    if holder.pid is not None and holder.name.removesuffix(".exe") == _PROGRAM:
        return error.reworded(
            f"{error.message} Another sign-in waits there (process {holder.pid}).",
            "Finish it in its browser, or end it with Ctrl-C; then try again.",
        )
    return error.reworded(f"{error.message} {holder.describe()}")


def check_browser(context: DoctorContext) -> Iterator[Check]:
    """Which program would show the link, and how its answer gets back here."""
    from procore_cli.callback.browser import Place, find_browser, find_in_variable, find_place
    from procore_cli.callback.receiver import Guidance

    place = find_place(context.environ, context.platform)
    browser = find_browser(None, context.environ, context.platform, which)
    named = context.environ.get("BROWSER", "")
    if named and not find_in_variable(named, context.platform, which):
        instead = f"{browser.name} is used instead" if browser else "no other can be opened either"
        yield warning(
            "browser",
            f"BROWSER names no graphical browser that is installed ({_list_programs(context, named)});"
            f" {instead}.",
            "Let BROWSER name an installed one, or unset it: unset BROWSER",
        )
    elif browser is not None and place is not Place.SSH:
        yield fine("browser", f"{browser.name} ({browser.command[0]}); {_describe(context)}")
    elif context.settings.own_server:
        yield fine("browser", f"none can be opened; the demo user signs in by itself; {_describe(context)}")
    else:
        what = "one would be opened on this machine" if browser else "none can be opened here"
        words = Guidance(context.settings.redirect_uri, place, listens=True, pastes=True)
        hint = words.before_link(is_opened=False) or "Open the printed link in any browser, then paste."
        yield warning("browser", f"{what}: {_describe(context)}. The link is printed.", hint)


def _list_programs(context: DoctorContext, named: str) -> str:
    # Their arguments may be anything.
    parts = named.split(";" if context.platform == "win32" else ":")
    return ", ".join(part.split()[0] for part in parts if part.strip())


def _describe(context: DoctorContext) -> str:
    from procore_cli.callback.browser import find_place, has_display, is_wsl

    signs = [f"place: {find_place(context.environ, context.platform).value}"]
    if context.platform not in ("win32", "darwin"):
        signs.append("a display" if has_display(context.environ) else "no display")
    signs.append("over SSH" if context.environ.get("SSH_CONNECTION") else "not over SSH")
    return ", ".join([*signs, *(["WSL"] if is_wsl(context.environ) else [])])


def check_keyring(context: DoctorContext) -> Iterator[Check]:
    """The backend in use, and its lock. Raises KeyringError."""
    from procore_cli.storage import keyring

    settings = context.settings
    if settings.store == "file":
        where = f"below the data folder ({settings.sources['store']})"
        yield fine(KEYRING, f"not used: tokens are kept in files that only you can read, {where}")
        return
    backend = keyring.Keyring().find_backend_name()
    lock = {None: "", True: "; it is locked now, and asks to be unlocked", False: "; unlocked"}
    named = "PYTHON_KEYRING_BACKEND names" if context.environ.get("PYTHON_KEYRING_BACKEND") else "in use:"
    yield fine(KEYRING, f"{named} {backend}{lock[keyring.find_lock_state(backend)]}")


def check_proof(context: DoctorContext) -> Iterator[Check]:
    """A value as large as a token set, written, read back and deleted, as before a sign-in.

    Raises StorageError.
    """
    try:
        context.storage.tokens.prove()
    except BusyError as error:
        yield warning("keyring proof", error.message, error.hint)
    except KeyringError:
        # Whoever asks it again waits as long as this has.
        context.broken.add(KEYRING)
        raise
    else:
        yield fine("keyring proof", "a value as large as a token set was written, read back and deleted")


def mask(email: str | None) -> str:
    """An e-mail that its owner recognizes, and nobody else can use."""
    if not email:
        return "no e-mail"
    local, at, domain = email.rpartition("@")
    return f"{local[:1]}***{at}{domain}" if at else f"{email[:1]}***"


def label(account: Account) -> str:
    """The account for people."""
    return f"{account.user.procore_id} ({mask(account.user.email)})"


def check_accounts(context: DoctorContext) -> Iterator[Check]:
    """A line an account; nobody being signed in is no fault."""
    listed = _list_known(context)
    if not listed:
        begin = f"to begin: {_PROGRAM} signup --env {context.name}"
        yield fine("accounts", f"nobody is signed in to {context.name}; {begin}")
    for each in listed:
        name = f"account {each.account.user.procore_id}"
        who = label(each.account) + (", the current one" if each.is_current else "")
        yield _check_account(context, each, name, who)


def _list_known(context: DoctorContext) -> list[Listed]:
    from procore_cli.storage.accounts import AccountStore

    database = _open_glance(context)
    return AccountStore(database, context.name, context.settings.folder).list_known() if database else []


def _open_glance(context: DoctorContext) -> Database | None:
    """The database for a look that changes nothing; None before its first use."""
    from procore_cli.storage.database import open_glance

    path, settings = context.settings.database, context.settings
    return open_glance(path, is_ours=settings.named_database is None) if may_exist(path) else None


def _check_account(context: DoctorContext, listed: Listed, name: str, who: str) -> Check:
    again = f"Sign in again: {_PROGRAM} signin --env {context.name}"
    if listed.is_refused:
        return warning(name, f"{who}: Procore refused its refresh token.", again)
    if not listed.is_signed_in:
        return fine(name, f"{who}: signed out")
    if KEYRING in context.broken:
        what = f"{who}: signed in; its tokens were not looked at, since the keyring cannot be used."
        return warning(name, what, "Mend that first, then run doctor again.")
    try:
        tokens = context.storage.tokens.peek(listed.account.user.procore_id)
    except StorageError as error:
        return warning(name, f"{who}: its tokens cannot be read: {error.message}", error.hint)
    if tokens is None:
        return warning(name, f"{who}: its tokens are not in the store any more.", again)
    return _judge(context, name, who, tokens, listed.issued_at, again)


def _judge(
    context: DoctorContext, name: str, who: str, tokens: TokenSet, issued_at: int, again: str
) -> Check:
    from procore_cli.cli.output import time_left
    from procore_cli.flows.credentials import check_tokens
    from procore_cli.models import is_renewal_due

    try:
        check_tokens(context.settings, tokens.binding)
    except BindingError as error:
        return warning(name, f"{who}: {error.message}", error.hint)
    if is_renewal_due(tokens, issued_at, context.clock(), 0):
        if tokens.refresh_token:
            return fine(name, f"{who}: its access token has expired; the next command refreshes it")
        what = f"{who}: its access token has expired, and Procore gave no refresh token."
        return warning(name, what, again)
    left = time_left(tokens.expires_at, context.clock())
    life = left if tokens.expires_at is None else f"for {left}"
    end = "Procore gave no refresh token, so signing in again is needed at its end"
    return fine(
        name, f"{who}: access token valid {life}; {'refreshed when needed' if tokens.refresh_token else end}"
    )


def check_refreshes(context: DoctorContext) -> Iterator[Check]:
    """A refresh that was sent and whose answer is not known."""
    found = list(_list_interrupted(context))
    if not found:
        yield fine("interrupted refresh", "none")
        return
    yield warning(
        "interrupted refresh",
        f"{', '.join(found)}. It may have ended the tokens; the next command tries once with what is left.",
        f"{_PROGRAM} refresh --env {context.name}; if that fails: {_PROGRAM} signin --env {context.name}",
    )


def _list_interrupted(context: DoctorContext) -> Iterator[str]:
    from procore_cli.cli.output import utc
    from procore_cli.storage.inspection import find_refresh

    database = _open_glance(context)
    if database is None:
        return
    for listed in _list_known(context):
        account = listed.account
        at = account.interrupted_at if listed.is_signed_in else None
        with database.reading() as rows:
            begun_at = find_refresh(rows, context.name, account.user.procore_id)
        if begun_at is not None:
            # Whoever holds the lock is still at work on it.
            with context.storage.locks.try_hold(account.user.procore_id) as is_free:
                at = begun_at if is_free else None
        if at is not None:
            yield f"a refresh of {label(account)} at {utc(at)} was interrupted"


# So many are named.
_MOST_NAMED = 3


def check_leftovers(context: DoctorContext) -> Iterator[Check]:
    """Entries that wait to be deleted, drafts of files, and token files that nothing lists."""
    from procore_cli.storage import inspection

    home, now, database = context.settings.folder, context.clock(), _open_glance(context)
    words, details, fixes = [], [], []
    if database:
        with database.reading() as rows:
            former = inspection.count_former(rows, context.name, int(now))
        if former:
            entries = "entry" if former == 1 else "entries"
            words.append(f"{former} {entries} of former tokens, not deleted yet")
    drafts = list(map(str, inspection.list_drafts(home, now)))
    if drafts:
        words.append(f"{len(drafts)} draft{'' if len(drafts) == 1 else 's'} ({_name(drafts)})")
    if words:
        details.append(f"{', '.join(words)}. They are not used, and do no harm.")
        fixes.append(
            "The next sign-in or sign-out deletes the entries that can be reached; remove drafts with rm."
        )
    strays = list(map(str, inspection.list_strays(home, [context.settings.database])))
    if strays:
        details.append(
            f"{len(strays)} token file{'' if len(strays) == 1 else 's'} that no database here lists"
            f" ({_name(strays)}). Tokens in there may still live at Procore."
        )
        fixes.append(
            "If they are of no other database (PROCORE_LOGIN_DB): revoke the app at Procore (My Profile"
            f" Settings, tab My Connected Apps), then rm {shlex.join(strays[:_MOST_NAMED])}"
        )
    name = "leftovers"
    yield warning(name, " ".join(details), " ".join(fixes)) if details else fine(name, "none")


def _name(paths: list[str]) -> str:
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return f"{', '.join(paths[:_MOST_NAMED])}{more}"
