"""The list of secret entries, in SQL: which exist, whose they are, and what became of them.

Refuses to hold a secret: that lies in the store that an entry names.
"""

from __future__ import annotations

from procore_cli.errors import DatabaseError
from procore_cli.store.database import Rows
from procore_cli.store.entry import Entry, EntryState

_COLUMNS = (
    "name, store, environment, procore_id, kind, state, created_at, expires_at, parts, forget_after, place"
)
# SQLite keeps a value of any type in any column, and the file may be damaged.
_READ = ", ".join(
    f"CASE typeof({column}) WHEN 'integer' THEN {column} {'ELSE 0 ' if column == 'created_at' else ''}END"
    if column in ("created_at", "expires_at", "parts", "forget_after")
    else column
    for column in _COLUMNS.split(", ")
)


def add(rows: Rows, entry: Entry) -> None:
    """Put a new entry on the list."""
    values = [getattr(entry, column) for column in _COLUMNS.split(", ")]
    marks = ", ".join("?" * len(values))
    rows.run(f"INSERT INTO procore_login_entries ({_COLUMNS}) VALUES ({marks})", values)  # noqa: S608


def find_live(rows: Rows, environment: str, procore_id: int) -> Entry | None:
    """The account's live entry."""
    live = list_in_state(rows, environment, procore_id, "live")
    return live[-1] if live else None


def list_in_state(rows: Rows, environment: str, procore_id: int | None, state: EntryState) -> list[Entry]:
    """An account's entries in one state, the oldest first; proofs belong to the account None."""
    found = rows.run(
        f"SELECT {_READ} FROM procore_login_entries"  # noqa: S608
        " WHERE environment = ? AND procore_id IS ? AND state = ? ORDER BY rowid",
        (environment, procore_id, state),
    )
    return [Entry(*values) for values in found]


def list_live(rows: Rows, environment: str) -> dict[int | None, Entry]:
    """Every live entry, by its account."""
    found = rows.run(
        f"SELECT {_READ} FROM procore_login_entries"  # noqa: S608
        " WHERE environment = ? AND state = 'live' ORDER BY rowid",
        (environment,),
    )
    return {entry.procore_id: entry for entry in (Entry(*values) for values in found)}


def list_names(rows: Rows) -> list[tuple[str, str]]:
    """The environment and the name of every entry; none in a file that has no such list."""
    if not rows.run("SELECT 1 FROM sqlite_master WHERE name = 'procore_login_entries'"):
        return []
    found = rows.run("SELECT environment, name FROM procore_login_entries")
    return [(str(environment), str(name)) for environment, name in found]


def is_kept(rows: Rows, name: str) -> bool:
    """Whether something may lie under a name."""
    return bool(rows.run("SELECT 1 FROM procore_login_entries WHERE name = ? AND parts IS NOT 0", (name,)))


def has_pending_refresh(rows: Rows, environment: str, procore_id: int) -> bool:
    """Whether a refresh of the account is under way, or was interrupted."""
    return any(e.kind == "refresh" for e in list_in_state(rows, environment, procore_id, "pending"))


def list_unsettled(rows: Rows, environment: str, now: int) -> list[int | None]:
    """The accounts that have something to settle or to delete now (seconds, UTC)."""
    found = rows.run(
        "SELECT DISTINCT procore_id FROM procore_login_entries WHERE environment = ? AND state <> 'live'"
        " AND NOT (state = 'dead' AND parts IS 0 AND COALESCE(forget_after, 0) > ?)",
        (environment, now),
    )
    return [procore_id for (procore_id,) in found]


def check_listed(rows: Rows, entry: Entry) -> None:
    """Make sure that an entry that was listed before a secret was written still is. Raises DatabaseError."""
    if not rows.run("SELECT 1 FROM procore_login_entries WHERE name = ?", (entry.name,)):
        raise DatabaseError(
            "The database was emptied or replaced while new tokens were being saved; they are not in force.",
            "Put back the database from before; or sign in again:"
            f" procore-login signin --env {entry.environment}",
        )


def make_live(rows: Rows, entry: Entry, parts: int, expires_at: int | None) -> None:
    """The entry is whole and counts from now on. Raises DatabaseError where it is not listed any more."""
    check_listed(rows, entry)
    rows.run(
        "UPDATE procore_login_entries SET state = 'live', parts = ?, expires_at = ? WHERE name = ?",
        (parts, expires_at, entry.name),
    )


def make_dead(rows: Rows, name: str, *, forget_after: int | None = None) -> None:
    """The entry counts no more; `forget_after` (seconds, UTC): what was given up may land until then."""
    rows.run(
        "UPDATE procore_login_entries SET state = 'dead', forget_after = ? WHERE name = ?",
        (forget_after, name),
    )


def bury_live(rows: Rows, environment: str, procore_id: int) -> None:
    """Every live entry of the account is dead."""
    for entry in list_in_state(rows, environment, procore_id, "live"):
        make_dead(rows, entry.name)


def mark_deleted(rows: Rows, name: str) -> None:
    """Nothing lies under a dead name for now, but it stays on the list: a late write may land."""
    rows.run("UPDATE procore_login_entries SET parts = 0 WHERE name = ?", (name,))


def forget(rows: Rows, name: str) -> None:
    """Take the name off the list: nothing lies under it."""
    rows.run("DELETE FROM procore_login_entries WHERE name = ?", (name,))
