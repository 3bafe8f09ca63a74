"""The tables: the tutorial's `users` as it is, and ours beside it; refuses a database that is neither.

Our own names begin with `procore_login_`, because the file may belong to another program as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from procore_cli.errors import DatabaseError

VERSION = 1

Run = Callable[..., list[tuple[Any, ...]]]

_TABLES = {
    "users": "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))",
    "procore_login_users_procore_id": "CREATE INDEX procore_login_users_procore_id ON users (procore_id)",
    "procore_login_session": """
        CREATE TABLE procore_login_session (
            environment TEXT PRIMARY KEY, user_id INTEGER)""",
    "procore_login_accounts": """
        CREATE TABLE procore_login_accounts (
            environment TEXT NOT NULL, procore_id INTEGER NOT NULL, name TEXT,
            failures INTEGER NOT NULL DEFAULT 0, failure TEXT, interrupted_at INTEGER,
            PRIMARY KEY (environment, procore_id))""",
    "procore_login_entries": """
        CREATE TABLE procore_login_entries (
            name TEXT PRIMARY KEY, store TEXT NOT NULL, environment TEXT NOT NULL, procore_id INTEGER,
            kind TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER,
            parts INTEGER, forget_after INTEGER)""",
    "procore_login_meta": """
        CREATE TABLE procore_login_meta (
            key TEXT PRIMARY KEY, value INTEGER NOT NULL)""",
}


def is_complete(run: Run, shown: str) -> bool:
    """Whether every table is there; only reads. `shown` names the file. Raises DatabaseError."""
    present = _find_names(run)
    if "procore_login_meta" in present:
        _check_version(run, shown)
    if "users" in present:
        _check_users(run, shown)
    return present >= _TABLES.keys()


def create(run: Run) -> None:
    """Add the tables that are missing; to be called inside a write transaction."""
    present = _find_names(run)
    for name, statement in _TABLES.items():
        if name not in present:
            run(statement)
    run("INSERT OR IGNORE INTO procore_login_meta VALUES ('schema_version', ?)", (VERSION,))


def _find_names(run: Run) -> set[str]:
    return {name for (name,) in run("SELECT name FROM sqlite_master")}


def _check_version(run: Run, shown: str) -> None:
    for (version,) in run("SELECT value FROM procore_login_meta WHERE key = 'schema_version'"):
        if not isinstance(version, int) or version > VERSION:
            raise DatabaseError(
                f"The database {shown} was written by a newer procore-login (schema {version!r}).",
                "Update procore-login, or let PROCORE_LOGIN_DB name another file.",
            )


def _check_users(run: Run, shown: str) -> None:
    columns = {name: (kind.upper(), key) for _, name, kind, _, _, key in run("PRAGMA table_info(users)")}
    if columns.get("id") != ("INTEGER", 1) or not {"procore_id", "email"} <= columns.keys():
        raise DatabaseError(
            f"The table users in {shown} is not the tutorial's: it needs the columns "
            "id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255).",
            "Let PROCORE_LOGIN_DB name another file.",
        )
