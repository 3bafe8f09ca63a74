"""What a sign-in needs on this machine, and what those before have left: port, browser, store, tokens."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from procore_cli.cli.doctor.context import DATA_FOLDER, Check, DoctorContext, failed, fine, unchecked, warning
from procore_cli.cli.doctor.files import WRITING, has_our_tables
from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.errors import BindingError, BusyError, DatabaseError, PortTakenError, StorageError

if TYPE_CHECKING:
    from procore_cli.grants import TokenSet
    from procore_cli.models import Account
    from procore_cli.storage.entries import Entry, Listed


# A fault of one of these leaves the redirect URI, and so its port, unknown.
_NAMING = {"PROCORE_REDIRECT_URI", "config"}
_OURS = "procore-login"


def check_port(context: DoctorContext) -> Iterator[Check]:
    """Listen there for a moment."""
    redirect = context.settings.redirect_uri
    if context.in_force.faults.keys() & _NAMING and context.settings.sources["redirect URI"] == "default":
        yield unchecked("port", "what names the redirect URI cannot be read")
        return
    if not redirect.on_loopback:
        what = "a code that Procore shows" if redirect.is_oob else "the address that the browser ends on"
        yield fine("port", f"not needed: {_short(redirect.text)} means pasting {what}")
        return
    from procore_cli.callback.ports import new_listening_sockets

    try:
        sockets = new_listening_sockets(redirect.port, context.name)
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


def check_browser(context: DoctorContext) -> Iterator[Check]:
    """Which program would show the link, and how its answer gets back here."""
    from procore_cli.callback.browser import Place, find_browser, find_place

    place = find_place(context.environ, context.platform)
    browser = find_browser(None, context.environ, context.platform, which)
    named = _list_missing(context)
    if named:
        instead = f"{browser.name} is used instead" if browser else "no other can be opened either"
        yield warning(
            "browser",
            f"BROWSER names no graphical browser that is installed ({named}); {instead}.",
            "Let BROWSER name an installed one, or unset it: unset BROWSER",
        )
    elif browser is not None and place is not Place.SSH:
        yield fine("browser", f"{browser.name} ({browser.command[0]}); {_describe(context)}")
    elif context.settings.own_server:
        yield fine("browser", f"none can be opened; the demo user signs in by itself; {_describe(context)}")
    else:
        yield _new_remote(context, browser is not None)


def _new_remote(context: DoctorContext, is_found: bool) -> Check:
    from procore_cli.callback.browser import find_place
    from procore_cli.callback.receiver import Guidance

    place = find_place(context.environ, context.platform)
    words = Guidance(context.settings.redirect_uri, place, listens=True, pastes=True)
    what = "one would be opened on this machine" if is_found else "none can be opened here"
    hint = words.before_link(is_opened=False) or "Open the printed link in any browser, then paste."
    return warning("browser", f"{what}: {_describe(context)}. The link is printed.", hint)


def _describe(context: DoctorContext) -> str:
    from procore_cli.callback.browser import find_place, has_display, is_wsl

    signs = [f"place: {find_place(context.environ, context.platform).value}"]
    if context.platform not in ("win32", "darwin"):
        signs.append("a display" if has_display(context.environ) else "no display")
    signs.append("over SSH" if context.environ.get("SSH_CONNECTION") else "not over SSH")
    return ", ".join([*signs, *(["WSL"] if is_wsl(context.environ) else [])])


def _list_missing(context: DoctorContext) -> str:
    """The programs that BROWSER names, where none of them will do; their arguments are left out."""
    from procore_cli.callback.browser import find_in_variable

    value = context.environ.get("BROWSER", "")
    if not value or find_in_variable(value, context.platform, which):
        return ""
    names = [
        part.split()[0] for part in value.split(";" if context.platform == "win32" else ":") if part.strip()
    ]
    return ", ".join(names)


_STORE = "keyring"
_PROOF = "keyring proof"


def check_keyring(context: DoctorContext) -> Iterator[Check]:
    """The backend in use, and its lock."""
    if "PROCORE_LOGIN_STORE" in context.in_force.faults:
        context.broken.add(_STORE)
        yield unchecked(_STORE, "PROCORE_LOGIN_STORE names no store")
        return
    if "config" in context.in_force.faults and context.settings.sources["store"] == "default":
        context.broken.add(_STORE)
        yield unchecked(_STORE, "config.toml, which may name the store, cannot be read")
        return
    if context.settings.store == "file" and DATA_FOLDER in context.in_force.faults:
        yield unchecked(_STORE, "there is no data folder, in whose files tokens are kept")
        return
    if context.settings.store == "file":
        yield _check_files(context)
        return
    from procore_cli.storage import keyring

    try:
        backend = keyring.Keyring(context.console.say).find_backend_name()
        locked = keyring.find_lock_state(backend)
    except StorageError as error:
        context.broken.add(_STORE)
        yield failed(_STORE, error)
        return
    named = "PYTHON_KEYRING_BACKEND names" if context.environ.get("PYTHON_KEYRING_BACKEND") else "in use:"
    states = {None: "", True: "; it is locked now, and asks to be unlocked", False: "; unlocked"}
    yield fine(_STORE, f"{named} {backend}{states[locked]}")


def check_proof(context: DoctorContext) -> Iterator[Check]:
    """A value as large as a token set, written, read back and deleted, as before a sign-in."""
    for needed in ("data folder", "database", WRITING, _STORE):
        if needed in context.broken:
            words = "database cannot be written" if needed == WRITING else f"{needed} cannot be used"
            yield unchecked(_PROOF, f"the {words}")
            return
    try:
        context.storage.tokens.prove()
    except BusyError as error:
        yield warning(_PROOF, error.message, error.hint)
    except StorageError as error:
        context.broken.add("database" if isinstance(error, DatabaseError) else _STORE)
        yield failed(_PROOF, error)
    else:
        yield fine(_PROOF, "a value as large as a token set was written, read back and deleted")


def _check_files(context: DoctorContext) -> Check:
    source = context.settings.sources["store"]
    where = context.settings.folder / "secrets"
    return fine(_STORE, f"not used: tokens are kept in files that only you can read, in {where} ({source})")


_TOKENS = "accounts"
_SHOWN_START = 1


def check_accounts(context: DoctorContext) -> Iterator[Check]:
    """A line an account; nobody being signed in is no fault."""
    if "database" in context.broken:
        yield unchecked(_TOKENS, "the database cannot be used")
        return
    if not has_our_tables(context):
        yield _new_nobody(context)
        return
    listed = [each for each in context.storage.tokens.list_accounts() if context.name in each.environments]
    if not listed:
        yield _new_nobody(context)
    for each in listed:
        yield _check(context, each)


def mask(email: str | None) -> str:
    """An e-mail that its owner recognizes, and nobody else can use."""
    if not email:
        return "no e-mail"
    local, at, domain = email.rpartition("@")
    return f"{local[:_SHOWN_START]}***{at}{domain}" if at else f"{email[:_SHOWN_START]}***"


def label(listed: Listed) -> str:
    """The account for people."""
    user = listed.account.user
    return f"{user.procore_id} ({mask(user.email)})"


def _new_nobody(context: DoctorContext) -> Check:
    name = context.name
    return fine(_TOKENS, f"nobody is signed in to {name}; to begin: procore-login signup --env {name}")


def _check(context: DoctorContext, listed: Listed) -> Check:
    name = f"account {listed.account.user.procore_id}"
    who = label(listed) + (", the current one" if listed.is_current else "")
    again = f"procore-login signin --env {context.name}"
    if listed.is_refused:
        return warning(name, f"{who}: Procore refused its refresh token.", f"Sign in again: {again}")
    if not listed.is_signed_in:
        return fine(name, f"{who}: signed out")
    if "keyring" in context.broken:
        return unchecked(name, f"{who}: signed in, but the keyring cannot be used")
    try:
        tokens = _find_tokens(context, listed)
    except StorageError as error:
        return warning(name, f"{who}: its tokens cannot be read: {error.message}", error.hint)
    if tokens is None:
        return warning(name, f"{who}: its tokens are not in the store any more.", f"Sign in again: {again}")
    return _judge(context, name, who, tokens, listed.issued_at)


def _judge(context: DoctorContext, name: str, who: str, tokens: TokenSet, issued_at: int) -> Check:
    from procore_cli.cli.output import time_left
    from procore_cli.flows.credentials import check_tokens
    from procore_cli.models import is_renewal_due

    try:
        check_tokens(context.settings, tokens.binding)
    except BindingError as error:
        return warning(name, f"{who}: {error.message}", error.hint)
    is_over = is_renewal_due(tokens, issued_at, context.clock(), 0)
    if is_over and not tokens.refresh_token:
        what = f"{who}: its access token has expired, and Procore gave no refresh token."
        return warning(name, what, f"Sign in again: procore-login signin --env {context.name}")
    if is_over:
        return fine(name, f"{who}: its access token has expired; the next command refreshes it")
    if not tokens.refresh_token:
        words = "Procore gave no refresh token, so signing in again is needed at its end"
    else:
        words = "refreshed when needed"
    left = time_left(tokens.expires_at, context.clock())
    life = left if tokens.expires_at is None else f"for {left}"
    return fine(name, f"{who}: access token valid {life}; {words}")


def _find_tokens(context: DoctorContext, listed: Listed) -> TokenSet | None:
    from procore_cli.storage import entries
    from procore_cli.storage.entries import EntryStore

    storage, settings = context.storage, context.settings
    with storage.database.reading() as rows:
        live: Entry | None = entries.find_live(rows, context.name, listed.account.user.procore_id)
    entry_store = EntryStore(
        storage.database,
        settings.folder,
        storage.stores,
        settings.store,
        context.name,
        context.clock,
        context.console.trace,
    )
    return None if live is None else entry_store.read_tokens(live)


_REFRESH = "interrupted refresh"
_NAME = "leftovers"
# What a write in one step is called until it is whole (procore_cli.config.private_files).
_DRAFT = re.compile(r"\..+\.[0-9a-f]{16}")
_DRAFT_AGE_S = 60
_TOKEN_FILE = re.compile(r"[a-z0-9-]+-[0-9a-f]{32}")
# So many are named.
_MOST_NAMED = 3


def check_refreshes(context: DoctorContext) -> Iterator[Check]:
    """A refresh that was sent and whose answer is not known."""
    if "database" in context.broken:
        yield unchecked(_REFRESH, "the database cannot be used")
        return
    found = list(_list_interrupted(context)) if has_our_tables(context) else []
    if not found:
        yield fine(_REFRESH, "none")
        return
    yield warning(
        _REFRESH,
        f"{', '.join(found)}. It may have ended the tokens; the next command tries once with what is left.",
        f"procore-login refresh --env {context.name}; if that fails:"
        f" procore-login signin --env {context.name}",
    )


def check_leftovers(context: DoctorContext) -> Iterator[Check]:
    """Entries that wait to be deleted, drafts of files, and token files that nothing lists."""
    if "database" in context.broken:
        yield unchecked(_NAME, "the database cannot be used")
        return
    words = [*_list_entries(context), *_list_drafts(context)]
    strays = _list_strays(context)
    details, fixes = [], []
    if words:
        details.append(f"{', '.join(words)}. They are not used, and do no harm.")
        fixes.append(
            "The next sign-in or sign-out deletes the entries that can be reached; remove drafts with rm."
        )
    if strays:
        details.append(
            f"{len(strays)} token {'file' if len(strays) == 1 else 'files'} that no database here lists"
            f" ({_name(strays)}). Tokens in there may still live at Procore."
        )
        fixes.append(
            "If they are of no other database (PROCORE_LOGIN_DB): revoke the app at Procore (My Profile"
            f" Settings, tab My Connected Apps), then rm {shlex.join(map(str, strays[:_MOST_NAMED]))}"
        )
    yield warning(_NAME, " ".join(details), " ".join(fixes)) if details else fine(_NAME, "none")


def _list_strays(context: DoctorContext) -> list[Path]:
    """Token files that no database in the data folder lists, nor the one in force."""
    from procore_cli.storage import files
    from procore_cli.storage.files import FOLDER, list_file_names, new_file_name

    home = context.settings.folder
    # Before the databases: what is written meanwhile is listed by then.
    found = _find_files(home / FOLDER)
    listed = {new_file_name(files.new_secret_service(e), files.SECRET_USERNAME) for e in ENVIRONMENTS}
    databases = {context.settings.database, *(home / f"{name}.db" for name in ENVIRONMENTS)}
    for path in (each for each in databases if found and os.path.lexists(each)):
        names = _find_names(context, path)
        listed.update(*(list_file_names(*entry) for entry in names or ()))
        if names is None:
            # Whatever it lists is no stray.
            found = [each for each in found if not each.name.startswith(f"{path.stem}-")]
    # One that is deleted is taken off the list afterwards.
    return [path for path in found if path.name not in listed and os.path.lexists(path)]


def _find_names(context: DoctorContext, path: Path) -> list[tuple[str, str]] | None:
    """The entries that a database lists, None where it cannot be read."""
    from procore_cli.storage import entries
    from procore_cli.storage.database import Database

    try:
        with Database(path, context.console.trace, is_ours=True).looking() as rows:
            return entries.list_names(rows)
    except StorageError:
        return None


def _find_files(place: Path) -> list[Path]:
    try:
        return sorted(path for path in place.iterdir() if _TOKEN_FILE.fullmatch(path.name))
    except OSError:
        return []


def _name(paths: list[Path]) -> str:
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return f"{', '.join(map(str, paths[:_MOST_NAMED]))}{more}"


def _list_interrupted(context: DoctorContext) -> Iterator[str]:
    from procore_cli.cli.output import utc

    for listed in context.storage.tokens.list_accounts():
        account = listed.account
        pending = [entry for entry in _list_pending(context, account) if entry.kind == "refresh"]
        who = f"{account.user.procore_id} ({mask(account.user.email)})"
        if pending and _is_free(context, account):
            yield f"a refresh of {who} at {utc(pending[0].created_at)} was interrupted"
        elif account.interrupted_at is not None and listed.is_signed_in:
            yield f"a refresh of {who} at {utc(account.interrupted_at)} was interrupted"


def _list_pending(context: DoctorContext, account: Account) -> list[Entry]:
    from procore_cli.storage import entries

    with context.storage.database.reading() as rows:
        return entries.list_in_state(rows, context.name, account.user.procore_id, "pending")


def _is_free(context: DoctorContext, account: Account) -> bool:
    """Whether nobody is at work on the account, so that what is pending was left behind."""
    if "keyring" in context.broken:
        # The folder of the locks is made sure of by the proof alone.
        return True
    with context.storage.locks.try_hold(account.user.procore_id) as held:
        return held


def _list_entries(context: DoctorContext) -> Iterator[str]:
    from procore_cli.storage import entries

    if not has_our_tables(context):
        return
    with context.storage.database.reading() as rows:
        whose = entries.list_unfinished(rows, context.name, int(context.clock()))
        dead = [entry for who in whose for entry in entries.list_in_state(rows, context.name, who, "dead")]
        proofs = entries.list_in_state(rows, context.name, None, "pending")
    if dead or proofs:
        count = len(dead) + len(proofs)
        yield f"{count} {'entry' if count == 1 else 'entries'} of former tokens, not deleted yet"


def _list_drafts(context: DoctorContext) -> Iterator[str]:
    folder = context.settings.folder
    found = [path for place in (folder, folder / "secrets") for path in _find_drafts(place, context.clock())]
    if found:
        yield f"{len(found)} {'draft' if len(found) == 1 else 'drafts'} ({', '.join(map(str, found[:3]))})"


def _find_drafts(place: Path, now: float) -> list[Path]:
    try:
        drafts = [path for path in place.iterdir() if _DRAFT.fullmatch(path.name)]
        # A younger one may be another process's, which is writing it.
        return sorted(path for path in drafts if path.lstat().st_mtime < now - _DRAFT_AGE_S)
    except OSError:
        return []
