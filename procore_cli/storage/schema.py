"""The tables and their versions: made where they are missing, migrated where they are older.

Refuses what a newer version wrote, and a table `users` that is not the tutorial's.
"""

from __future__ import annotations

from typing import Any

from procore_cli.errors import DatabaseError
from procore_cli.storage.rows import Rows

VERSION = 4

_PREFIX = "procore_login_"
_BY_ID, _BY_EMAIL = "procore_login_users_procore_id", "procore_login_users_email"
# As they are in the newest version: a table that is missing is made in this shape.
_TABLES = {
    "users": "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))",
    _BY_ID: f"CREATE INDEX {_BY_ID} ON users (procore_id)",
    _BY_EMAIL: f"CREATE INDEX {_BY_EMAIL} ON users (email COLLATE NOCASE)",
    "procore_login_session": """
        CREATE TABLE procore_login_session (
            environment TEXT PRIMARY KEY, user_id INTEGER, service INTEGER)""",
    # A service account's procore_id, here and in the entries, is a negative number of its own; what /me says
    # of it is its service_id.
    "procore_login_accounts": """
        CREATE TABLE procore_login_accounts (
            environment TEXT NOT NULL, procore_id INTEGER NOT NULL, name TEXT,
            failures INTEGER NOT NULL DEFAULT 0, failure TEXT, interrupted_at INTEGER,
            client_id TEXT, company INTEGER, service_id INTEGER, refused_at INTEGER,
            PRIMARY KEY (environment, procore_id))""",
    "procore_login_entries": """
        CREATE TABLE procore_login_entries (
            name TEXT PRIMARY KEY, store TEXT NOT NULL, environment TEXT NOT NULL, procore_id INTEGER,
            kind TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER,
            parts INTEGER, forget_after INTEGER, place TEXT)""",
    "procore_login_entries_account": """
        CREATE INDEX procore_login_entries_account
            ON procore_login_entries (environment, procore_id, state)""",
    "procore_login_entries_unsettled": """
        CREATE INDEX procore_login_entries_unsettled
            ON procore_login_entries (environment, procore_id) WHERE state <> 'live'""",
    "procore_login_apps": """
        CREATE TABLE procore_login_apps (
            environment TEXT NOT NULL, client_id TEXT NOT NULL, login_origin TEXT NOT NULL,
            PRIMARY KEY (environment, client_id, login_origin))""",
    "procore_login_meta": """
        CREATE TABLE procore_login_meta (
            key TEXT PRIMARY KEY, value INTEGER NOT NULL)""",
}
# What each version changed: (table, statement), for a table that an older version made.
_STEPS = {
    2: [("procore_login_entries", "ALTER TABLE procore_login_entries ADD COLUMN place TEXT")],
    # It named the folder of the locks; a version that locks elsewhere must not work beside this one.
    3: [("procore_login_home", "DROP TABLE procore_login_home")],
    4: [
        ("procore_login_session", "ALTER TABLE procore_login_session ADD COLUMN service INTEGER"),
        *(
            ("procore_login_accounts", f"ALTER TABLE procore_login_accounts ADD COLUMN {column}")
            for column in ("client_id TEXT", "company INTEGER", "service_id INTEGER", "refused_at INTEGER")
        ),
    ],
}


def is_complete(rows: Rows) -> bool:
    """Whether every table is there in the newest version; only reads. Raises DatabaseError.

    To be called inside the transaction that relies on the answer.
    """
    present = _find_names(rows)
    version = _find_version(rows, present)
    if "users" in present:
        _check_users(rows)
    return version == VERSION and present >= _TABLES.keys()


def migrate(rows: Rows) -> None:
    """Bring the tables to the newest version, adding what is missing. Raises DatabaseError.

    To be called inside a write transaction: what another process did before it began counts.
    """
    if is_complete(rows):
        return
    present = _find_names(rows)
    version = _find_version(rows, present) or VERSION
    for number in range(version + 1, VERSION + 1):
        for table, statement in _STEPS[number]:
            if table in present:
                rows.run(statement)
    for name, statement in _TABLES.items():
        if name not in present:
            rows.run(statement)
    rows.run("INSERT OR REPLACE INTO procore_login_meta VALUES ('schema_version', ?)", (VERSION,))


def is_in_use_by_older(rows: Rows) -> bool:
    """Whether an older version may be at a refresh just now, under a lock that lies elsewhere.

    What began longer ago has ended, or was interrupted.
    """
    if not {"procore_login_home", "procore_login_entries"} <= _find_names(rows):
        return False
    if rows.run("SELECT path FROM procore_login_home") == [(str(rows.path.resolve().parent),)]:
        # That version's locks and ours are the same.
        return False
    return bool(
        rows.run(
            "SELECT 1 FROM procore_login_entries WHERE kind = 'refresh' AND state = 'pending'"
            " AND ABS(created_at - strftime('%s', 'now')) < ?",
            (_LONGEST_REFRESH_S,),
        )
    )


def _find_names(rows: Rows) -> set[str]:
    # SQLite takes users and Users for the same.
    return {name.lower() for (name,) in rows.run("SELECT name FROM sqlite_master")}


def _find_version(rows: Rows, present: set[str]) -> int | None:
    """The version that the file says it has; None for one that has no table of ours."""
    if not any(name.startswith(_PREFIX) for name in present - {_BY_ID, _BY_EMAIL}):
        return None
    found: list[tuple[Any, ...]] = []
    if "procore_login_meta" in present:
        found = rows.run("SELECT value FROM procore_login_meta WHERE key = 'schema_version'")
    version = found[0][0] if found else None
    if not isinstance(version, int) or version < 1:
        raise DatabaseError(
            f"The database {rows.path} has tables of procore-login, but not their version "
            f"({'none' if version is None else repr(version)}).",
            "Move it away (a new one is made), or let PROCORE_LOGIN_DB name another file.",
        )
    if version > VERSION:
        raise DatabaseError(
            f"The database {rows.path} was written by a newer procore-login (schema {version}).",
            "Update procore-login, or let PROCORE_LOGIN_DB name another file.",
        )
    return version


def _check_users(rows: Rows) -> None:
    found = rows.run("PRAGMA table_info(users)")
    columns = {name.lower(): (kind.upper(), key) for _, name, kind, _, _, key in found}
    if columns.get("id") != ("INTEGER", 1) or not {"procore_id", "email"} <= columns.keys():
        raise DatabaseError(
            f"The table users in {rows.path} is not the tutorial's: it needs the columns "
            "id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255).",
            "Let PROCORE_LOGIN_DB name another file.",
        )


# The exchange has 70 s; the rest is the keyring's.
_LONGEST_REFRESH_S = 130
