"""What a run that ended early left behind is brought to an end, under the account's lock.

A complete pending refresh becomes live, every other pending entry dead. Refuses to undo a sign-out.
"""

from __future__ import annotations

from contextlib import suppress

from procore_cli.errors import StorageError
from procore_cli.store import accounts, entries, parts, tokens
from procore_cli.store.entry import Entry
from procore_cli.store.ledger import Ledger
from procore_cli.store.lock import Locks
from procore_cli.store.secret_store import GoneError


def settle(ledger: Ledger, procore_id: int | None, *, lenient: bool = False) -> None:
    """Settle and delete what is left of an account (None: proofs); to be called under its lock.

    `lenient`: a store that cannot be read counts as one that holds nothing, for a sign-in that replaces all.
    Raises StorageError.
    """
    with ledger.database.reading() as rows:
        pending = entries.list_in_state(rows, ledger.environment, procore_id, "pending")
    is_mended = False
    # A refresh that had to write twice left two entries: the newest whole one counts.
    for entry in reversed(pending):
        text = None if is_mended else _find_refreshed(ledger, entry, lenient=lenient)
        if procore_id is not None and text is not None:
            _revive(ledger, entry, procore_id, text)
            is_mended = True
        else:
            _bury(ledger, entry, is_lost=not is_mended)
    ledger.delete_dead(procore_id)


def tidy(ledger: Ledger, locks: Locks, procore_id: int) -> None:
    """Step 4 after a save: delete what is dead, here and at other accounts; to be called under the lock.

    The save has succeeded, so whatever cannot be tidied waits for another run.
    """
    with suppress(StorageError):
        ledger.delete_dead(procore_id)
        settle_free(ledger, locks)


def settle_free(ledger: Ledger, locks: Locks) -> None:
    """Settle every account whose lock is free. Raises DatabaseError, DataFolderError."""
    with ledger.database.reading() as rows:
        unsettled = entries.list_unsettled(rows, ledger.environment, ledger.now())
    for procore_id in unsettled:
        # Whoever uses that account next is told what is wrong with it.
        with suppress(StorageError), locks.try_hold(procore_id) as held:
            if held:
                settle(ledger, procore_id)


def _find_refreshed(ledger: Ledger, entry: Entry, *, lenient: bool) -> str | None:
    if entry.kind != "refresh":
        return None
    try:
        text = ledger.read(entry)
    except GoneError:
        # Tokens that lie here say that the data folder was moved, and this write with it, if it was made.
        if lenient or _has_tokens(ledger, entry):
            return None
        raise
    except StorageError:
        if lenient:
            return None
        raise
    return text if text is not None and tokens.read_text(text) is not None else None


def _has_tokens(ledger: Ledger, entry: Entry) -> bool:
    with ledger.database.reading() as rows:
        live = entries.list_in_state(rows, ledger.environment, entry.procore_id, "live")
    return any(ledger.read_tokens(other) is not None for other in live)


def _revive(ledger: Ledger, entry: Entry, procore_id: int, text: str) -> None:
    found = tokens.read_text(text)
    expires_at = found.expires_at if found else None
    with ledger.database.writing() as rows:
        # Without a live entry the account was signed out meanwhile, which stands.
        is_signed_in = entries.find_live(rows, ledger.environment, procore_id) is not None
        if not is_signed_in:
            entries.make_dead(rows, entry.name)
            return
        entries.bury_live(rows, ledger.environment, procore_id)
        entries.make_live(rows, entry, len(parts.split_text(text)), expires_at)
        accounts.clear_failure(rows, ledger.environment, procore_id)


def _bury(ledger: Ledger, entry: Entry, *, is_lost: bool) -> None:
    with ledger.database.writing() as rows:
        entries.make_dead(rows, entry.name, forget_after=ledger.new_forget_after())
        if is_lost and entry.kind == "refresh" and entry.procore_id is not None:
            # The refresh token may be spent, and its successor did not get here.
            accounts.save_interruption(rows, ledger.environment, entry.procore_id, entry.created_at)
