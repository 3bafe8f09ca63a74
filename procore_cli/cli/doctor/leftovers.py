"""What runs that ended early left behind: refreshes, entries, drafts, and token files that no database lists.

Deletes none of it, and revokes nothing: it may belong to a database that is not here.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.cli.doctor.case import Case
from procore_cli.cli.doctor.check import Check, fine, unchecked, warning
from procore_cli.cli.doctor.database_file import has_our_tables
from procore_cli.cli.doctor.tokens import mask
from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.errors import StorageError

if TYPE_CHECKING:
    from procore_cli.models import Account
    from procore_cli.storage.entries import Entry


_REFRESH = "interrupted refresh"
_NAME = "leftovers"
# What a write in one step is called until it is whole (procore_cli.config.private_files).
_DRAFT = re.compile(r"\..+\.[0-9a-f]{16}")
_DRAFT_AGE_S = 60
_TOKEN_FILE = re.compile(r"[a-z0-9-]+-[0-9a-f]{32}")
# So many are named.
_MOST_NAMED = 3


def check_refreshes(case: Case) -> Iterator[Check]:
    """A refresh that was sent and whose answer is not known."""
    if "database" in case.broken:
        yield unchecked(_REFRESH, "the database cannot be used")
        return
    found = list(_list_interrupted(case)) if has_our_tables(case) else []
    if not found:
        yield fine(_REFRESH, "none")
        return
    yield warning(
        _REFRESH,
        f"{', '.join(found)}. It may have ended the tokens; the next command tries once with what is left.",
        f"procore-login refresh --env {case.name}; if that fails: procore-login signin --env {case.name}",
    )


def check_leftovers(case: Case) -> Iterator[Check]:
    """Entries that wait to be deleted, drafts of files, and token files that nothing lists."""
    if "database" in case.broken:
        yield unchecked(_NAME, "the database cannot be used")
        return
    words = [*_list_entries(case), *_list_drafts(case)]
    strays = _list_strays(case)
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


def _list_strays(case: Case) -> list[Path]:
    """Token files that no database in the data folder lists, nor the one in force."""
    from procore_cli.storage import files
    from procore_cli.storage.files import FOLDER, list_file_names, new_file_name

    home = case.settings.folder
    # Before the databases: what is written meanwhile is listed by then.
    found = _find_files(home / FOLDER)
    listed = {new_file_name(files.new_secret_service(e), files.SECRET_USERNAME) for e in ENVIRONMENTS}
    databases = {case.settings.database, *(home / f"{name}.db" for name in ENVIRONMENTS)}
    for path in (each for each in databases if found and os.path.lexists(each)):
        names = _find_names(case, path)
        listed.update(*(list_file_names(*entry) for entry in names or ()))
        if names is None:
            # Whatever it lists is no stray.
            found = [each for each in found if not each.name.startswith(f"{path.stem}-")]
    # One that is deleted is taken off the list afterwards.
    return [path for path in found if path.name not in listed and os.path.lexists(path)]


def _find_names(case: Case, path: Path) -> list[tuple[str, str]] | None:
    """The entries that a database lists, None where it cannot be read."""
    from procore_cli.storage import entries
    from procore_cli.storage.database import Database

    try:
        with Database(path, case.teller.trace, is_ours=True).looking() as rows:
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


def _list_interrupted(case: Case) -> Iterator[str]:
    from procore_cli.cli.output import utc

    for listed in case.storage.vault.list_accounts():
        account = listed.account
        pending = [entry for entry in _list_pending(case, account) if entry.kind == "refresh"]
        who = f"{account.user.procore_id} ({mask(account.user.email)})"
        if pending and _is_free(case, account):
            yield f"a refresh of {who} at {utc(pending[0].created_at)} was interrupted"
        elif account.interrupted_at is not None and listed.is_signed_in:
            yield f"a refresh of {who} at {utc(account.interrupted_at)} was interrupted"


def _list_pending(case: Case, account: Account) -> list[Entry]:
    from procore_cli.storage import entries

    with case.storage.database.reading() as rows:
        return entries.list_in_state(rows, case.name, account.user.procore_id, "pending")


def _is_free(case: Case, account: Account) -> bool:
    """Whether nobody is at work on the account, so that what is pending was left behind."""
    if "keyring" in case.broken:
        # The folder of the locks is made sure of by the proof alone.
        return True
    with case.storage.locks.try_hold(account.user.procore_id) as held:
        return held


def _list_entries(case: Case) -> Iterator[str]:
    from procore_cli.storage import entries

    if not has_our_tables(case):
        return
    with case.storage.database.reading() as rows:
        whose = entries.list_unsettled(rows, case.name, int(case.clock()))
        dead = [entry for who in whose for entry in entries.list_in_state(rows, case.name, who, "dead")]
        proofs = entries.list_in_state(rows, case.name, None, "pending")
    if dead or proofs:
        count = len(dead) + len(proofs)
        yield f"{count} {'entry' if count == 1 else 'entries'} of former tokens, not deleted yet"


def _list_drafts(case: Case) -> Iterator[str]:
    folder = case.settings.folder
    found = [path for place in (folder, folder / "secrets") for path in _find_drafts(place, case.clock())]
    if found:
        yield f"{len(found)} {'draft' if len(found) == 1 else 'drafts'} ({', '.join(map(str, found[:3]))})"


def _find_drafts(place: Path, now: float) -> list[Path]:
    try:
        drafts = [path for path in place.iterdir() if _DRAFT.fullmatch(path.name)]
        # A younger one may be another process's, which is writing it.
        return sorted(path for path in drafts if path.lstat().st_mtime < now - _DRAFT_AGE_S)
    except OSError:
        return []
