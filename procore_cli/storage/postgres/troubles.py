"""What PostgreSQL, libpq and psycopg say, as errors of ours; decided by the codes of SQL, never by a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from procore_cli.errors import DatabaseError
from procore_cli.storage.postgres import schema


class LostError(DatabaseError):
    """It is worth another try on a new connection; what was sent may have been done, or not."""


_AGAIN = "Look at the server, then try again."
# What was the primary may be a standby by now, and another host the primary.
_READ_ONLY = "25006"
_FORBIDDEN = "42501"
# A column that must have a value, or a value of its own.
_CONSTRAINT = "23"
# What goes before the reason where there is no connection.
_PREAMBLE = re.compile(
    r"connection (?:failed|is bad): (?:connection to server (?:at|on socket) .*? failed: )?(?:FATAL:\s+)?"
)
_ENCODING = (
    "has another encoding than UTF8, which some text of an account does not fit",
    "Let PROCORE_LOGIN_DB name a database that was made with ENCODING 'UTF8'.",
)
# By SQLSTATE, or its class of two characters: https://www.postgresql.org/docs/current/errcodes-appendix.html
_MEANINGS = {
    _READ_ONLY: (
        "can only be read: it is a standby, or was made read only",
        "Let PROCORE_LOGIN_DB name the primary; a URL that names both needs target_session_attrs=read-write.",
    ),
    "22003": (
        "cannot keep a Procore id: the column procore_id of users is too small",
        "As its owner: ALTER TABLE users ALTER COLUMN procore_id TYPE bigint;",
    ),
    "22021": _ENCODING,
    "22P05": _ENCODING,
    "55P03": ("is locked by another program", "Look for a transaction that was left open, then try again."),
    "57014": ("took too long for a statement", _AGAIN),
    "53": ("has no room left", "Look at its disk, memory and connections, then try again."),
}
_MISSING = frozenset({"42P01", "42703"})
# The connection, a shutdown or start, a deadlock, what strict isolation wants repeated; a plan that is gone,
# or is from before a column was altered.
_LOST = ("08", "57P", "40", "26000", "42P05", "0A000")


def new_database_error(error: Any, shown: str) -> DatabaseError:
    """The error for what went wrong in a statement."""
    code = error.sqlstate or ""
    if code.startswith(_LOST) or (not code and _is_broken(error)):
        return LostError(f"The connection to {shown} broke: {_read_text(error)}.", _AGAIN)
    if code in _MISSING:
        return schema.new_missing_error(shown)
    if code == _FORBIDDEN:
        return DatabaseError(
            f"The database {shown} does not allow it to this user: {_read_text(error)}.",
            "Let whoever may run what `procore-login database init --sql` prints, and then"
            " GRANT SELECT, INSERT, UPDATE ON users, procore_login_accounts TO that user.",
        )
    if code.startswith(_CONSTRAINT):
        return DatabaseError(
            f"The database {shown} does not take the row: {_read_text(error)}.",
            "Only two columns of users are written: give the others a default. Where a row has that e-mail,"
            " give it the procore_id.",
        )
    meaning = _MEANINGS.get(code) or _MEANINGS.get(code[:2])
    if meaning is None:
        return DatabaseError(f"The database {shown} refused a statement: {_read_text(error)}.", _AGAIN)
    told = DatabaseError(f"The database {shown} {meaning[0]}.", meaning[1])
    return LostError(told.message, told.hint) if code == _READ_ONLY else told


def new_untaken_error(table: str) -> DatabaseError:
    """The error where a row was written, and is not there."""
    return DatabaseError(
        f"The table {table} in the shared database did not take a row as it was written.",
        "Look at its triggers and policies, and whether its column id has a default.",
    )


def new_unreachable_error(error: Exception, shown: str, parameters: Mapping[str, str]) -> DatabaseError:
    """The error where no connection could be made; nothing that stands before the URL's @ is in it."""
    text = _read_text(error)
    if user := parameters.get("user"):
        text = text.replace(f'"{user}"', "of the URL")
    return DatabaseError(
        f"There is no connection to {shown}: {text}.",
        "Look at user, password, host, port, name and sslmode in PROCORE_LOGIN_DB, and at the server.",
    )


def _is_broken(error: Any) -> bool:
    """Whether it was the connection that failed, and no value that psycopg could not send."""
    return any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(error).__mro__)


def _read_text(error: Any) -> str:
    """What the server says, else libpq or the system; none has a password in it."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    text = error.diag.message_primary or _PREAMBLE.sub("", str(error))
    # With and without TLS each failure is a line, of several hosts behind a dash; a question follows some.
    lines = [line.strip().removesuffix(".") for line in text.splitlines() if not line.strip().endswith("?")]
    failures = [line.removeprefix("- ") for line in lines if line.startswith("- ")] or lines
    return "; ".join(filter(None, failures)) or type(error).__name__
