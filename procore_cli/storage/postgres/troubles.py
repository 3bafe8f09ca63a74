"""What PostgreSQL, libpq and psycopg say, as errors of ours; decided by the codes of SQL, never by a text."""

from __future__ import annotations

from typing import Any

from procore_cli.errors import DatabaseError
from procore_cli.storage.postgres import schema


class LostError(DatabaseError):
    """What was sent may have been done, or not: the connection broke, or the server wants it sent again."""


_AGAIN = "Look at the server, then try again."
# By SQLSTATE, or its class of two characters: https://www.postgresql.org/docs/current/errcodes-appendix.html
_MEANINGS = {
    "25006": (
        "can only be read: it is a standby, or was made read only",
        "Let PROCORE_LOGIN_DB name the primary; a URL that names both needs target_session_attrs=read-write.",
    ),
    "42501": (
        "does not allow it to this user",
        "As the owner: GRANT SELECT, INSERT, UPDATE ON users, procore_login_accounts TO that user.",
    ),
    "22003": (
        "cannot keep a Procore id: the column procore_id of users is too small",
        "As its owner: ALTER TABLE users ALTER COLUMN procore_id TYPE bigint;",
    ),
    "55P03": ("is locked by another program", "Look for a transaction that was left open, then try again."),
    "57014": ("took too long for a statement", _AGAIN),
    "53": ("has no room left", "Look at its disk, memory and connections, then try again."),
}
_MISSING = frozenset({"42P01", "42703", "3F000"})
# The connection, a shutdown or start, a deadlock, what strict isolation wants repeated, a plan that is gone.
_LOST = ("08", "57P", "40", "26000", "42P05")


def new_database_error(error: Any, shown: str) -> DatabaseError:
    """The error for what went wrong in a statement."""
    code = error.sqlstate or ""
    if code.startswith(_LOST) or (not code and _is_broken(error)):
        return LostError(f"The connection to {shown} broke: {_read_text(error)}.", _AGAIN)
    if code in _MISSING:
        return schema.new_missing_error(shown)
    meaning = _MEANINGS.get(code) or _MEANINGS.get(code[:2])
    if meaning is None:
        return DatabaseError(f"The database {shown} refused a statement: {_read_text(error)}.", _AGAIN)
    return DatabaseError(f"The database {shown} {meaning[0]}.", meaning[1])


def new_unreachable_error(error: Any, shown: str) -> DatabaseError:
    """The error where no connection could be made."""
    return DatabaseError(
        f"There is no connection to {shown}: {_read_text(error)}.",
        "Look at user, password, host, port, name and sslmode in PROCORE_LOGIN_DB, and at the server.",
    )


def _is_broken(error: Any) -> bool:
    """Whether it was the connection that failed, and no value that psycopg could not send."""
    return any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(error).__mro__)


def _read_text(error: Any) -> str:
    """What the server says, else libpq; neither has a password in it."""
    text = error.diag.message_primary or str(error)
    # With and without TLS each failure is a line, of several hosts behind a dash; a question follows some.
    lines = [line.strip().removesuffix(".") for line in text.splitlines() if not line.strip().endswith("?")]
    failures = [line for line in lines if line.startswith("- ")] or lines
    return "; ".join(filter(None, failures)) or type(error).__name__
