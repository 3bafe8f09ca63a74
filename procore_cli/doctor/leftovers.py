"""What runs that ended early left behind: refreshes, entries, drafts; deletes none of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.doctor.case import Case
from procore_cli.doctor.check import Check, fine, unchecked, warning
from procore_cli.doctor.database_file import has_our_tables
from procore_cli.doctor.tokens import mask

if TYPE_CHECKING:
    from procore_cli.models import Account
    from procore_cli.store.entry import Entry

_REFRESH = "interrupted refresh"
_NAME = "leftovers"
# What a write in one step is called until it is whole (procore_cli.folder).
_DRAFT = re.compile(r"\..+\.[0-9a-f]{16}")
_DRAFT_AGE_S = 60


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
    """Entries that wait to be deleted, and drafts of files."""
    if "database" in case.broken:
        yield unchecked(_NAME, "the database cannot be used")
        return
    words = [*_list_entries(case), *_list_drafts(case)]
    if not words:
        yield fine(_NAME, "none")
        return
    yield warning(
        _NAME,
        f"{', '.join(words)}. They are not used, and do no harm.",
        "The next sign-in or sign-out deletes the entries that can be reached; remove drafts with rm.",
    )


def _list_interrupted(case: Case) -> Iterator[str]:
    from procore_cli.tables import utc

    for listed in case.storage.vault.list_accounts():
        account = listed.account
        pending = [entry for entry in _list_pending(case, account) if entry.kind == "refresh"]
        who = f"{account.user.procore_id} ({mask(account.user.email)})"
        if pending and _is_free(case, account):
            yield f"a refresh of {who} at {utc(pending[0].created_at)} was interrupted"
        elif account.interrupted_at is not None and listed.is_signed_in:
            yield f"a refresh of {who} at {utc(account.interrupted_at)} was interrupted"


def _list_pending(case: Case, account: Account) -> list[Entry]:
    from procore_cli.store import entries

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
    from procore_cli.store import entries

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
