"""The SQLite file: opened, checked, migrated, one transaction at a time; here alone sqlite3 is known.

Refuses to keep a connection open, to change a file's journal mode, and to write where reading is enough.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from procore_cli.config import private_files
from procore_cli.errors import DatabaseError, DataFolderError

if TYPE_CHECKING:
    import sqlite3


VERSION = 3

Run = Callable[..., list[tuple[Any, ...]]]

_PREFIX = "procore_login_"
_BY_ID, _BY_EMAIL = "procore_login_users_procore_id", "procore_login_users_email"
# As they are in the newest version: a table that is missing is made in this shape.
_TABLES = {
    "users": "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))",
    _BY_ID: f"CREATE INDEX {_BY_ID} ON users (procore_id)",
    _BY_EMAIL: f"CREATE INDEX {_BY_EMAIL} ON users (email COLLATE NOCASE)",
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
}


def is_complete(run: Run, shown: str) -> bool:
    """Whether every table is there in the newest version; only reads. Raises DatabaseError.

    `shown` names the file. To be called inside the transaction that relies on the answer.
    """
    present = _find_names(run)
    version = _find_version(run, present, shown)
    if "users" in present:
        _check_users(run, shown)
    return version == VERSION and present >= _TABLES.keys()


def migrate(run: Run, shown: str) -> None:
    """Bring the tables to the newest version, adding what is missing. Raises DatabaseError.

    To be called inside a write transaction: what another process did before it began counts.
    """
    if is_complete(run, shown):
        return
    present = _find_names(run)
    version = _find_version(run, present, shown) or VERSION
    for number in range(version + 1, VERSION + 1):
        for table, statement in _STEPS[number]:
            if table in present:
                run(statement)
    for name, statement in _TABLES.items():
        if name not in present:
            run(statement)
    run("INSERT OR REPLACE INTO procore_login_meta VALUES ('schema_version', ?)", (VERSION,))


def is_in_use_by_older(run: Run, folder: Path) -> bool:
    """Whether an older version may be at a refresh just now, under a lock that lies elsewhere.

    What began longer ago has ended, or was interrupted. The database lies in `folder`.
    """
    if not {"procore_login_home", "procore_login_entries"} <= _find_names(run):
        return False
    if run("SELECT path FROM procore_login_home") == [(str(folder),)]:
        # That version's locks and ours are the same.
        return False
    return bool(
        run(
            "SELECT 1 FROM procore_login_entries WHERE kind = 'refresh' AND state = 'pending'"
            " AND ABS(created_at - strftime('%s', 'now')) < ?",
            (_LONGEST_REFRESH_S,),
        )
    )


def _find_names(run: Run) -> set[str]:
    # SQLite takes users and Users for the same.
    return {name.lower() for (name,) in run("SELECT name FROM sqlite_master")}


def _find_version(run: Run, present: set[str], shown: str) -> int | None:
    """The version that the file says it has; None for one that has no table of ours."""
    if not any(name.startswith(_PREFIX) for name in present - {_BY_ID, _BY_EMAIL}):
        return None
    found: list[tuple[Any, ...]] = []
    if "procore_login_meta" in present:
        found = run("SELECT value FROM procore_login_meta WHERE key = 'schema_version'")
    version = found[0][0] if found else None
    if not isinstance(version, int) or version < 1:
        raise DatabaseError(
            f"The database {shown} has tables of procore-login, but not their version "
            f"({'none' if version is None else repr(version)}).",
            "Move it away (a new one is made), or let PROCORE_LOGIN_DB name another file.",
        )
    if version > VERSION:
        raise DatabaseError(
            f"The database {shown} was written by a newer procore-login (schema {version}).",
            "Update procore-login, or let PROCORE_LOGIN_DB name another file.",
        )
    return version


def _check_users(run: Run, shown: str) -> None:
    found = run("PRAGMA table_info(users)")
    columns = {name.lower(): (kind.upper(), key) for _, name, kind, _, _, key in found}
    if columns.get("id") != ("INTEGER", 1) or not {"procore_id", "email"} <= columns.keys():
        raise DatabaseError(
            f"The table users in {shown} is not the tutorial's: it needs the columns "
            "id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255).",
            "Let PROCORE_LOGIN_DB name another file.",
        )


# The exchange has 70 s; the rest is the keyring's.
_LONGEST_REFRESH_S = 130
BUSY_TIMEOUT_S = 10.0
# For a look that only tells how things are.
LOOK_TIMEOUT_S = 2.0

_ELSEWHERE = "Move it away (a new one is made), or let PROCORE_LOGIN_DB name another file."
_PERMISSIONS = "Check the permissions of the file and its folder, or let PROCORE_LOGIN_DB name another file."
# By the beginning of SQLite's name for the error.
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_MEANINGS = {
    _BUSY: (
        "is in use by another program",
        "Try again, or end the program that uses it.",
    ),
    ("SQLITE_READONLY",): ("cannot be written", _PERMISSIONS),
    ("SQLITE_CANTOPEN",): ("cannot be opened", _PERMISSIONS),
    ("SQLITE_NOTADB",): ("is not an SQLite database", _ELSEWHERE),
    ("SQLITE_CORRUPT",): ("is damaged", _ELSEWHERE),
    ("SQLITE_FULL",): ("cannot be written: the disk is full", "Make room on it, then try again."),
    ("SQLITE_IOERR",): (
        "cannot be read or written: disk I/O error",
        "Look at the disk and at limits on file sizes, then try again.",
    ),
}


class Rows:
    """The inside of one transaction: runs SQL and gives back rows as tuples."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        return self._connection.execute(statement, values).fetchall()


class Database:
    """An environment's SQLite file; usable from several threads, since each transaction connects anew."""

    def __init__(
        self, path: Path, report: private_files.Report, *, is_ours: bool, timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        """`is_ours`: the file lies in the data folder, whose rules it then obeys. Touches nothing yet."""
        self.path = path
        self._report = report
        self._is_ours = is_ours
        self._timeout_s = timeout_s

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """A transaction that sees one state of the file. Raises DatabaseError, DataFolderError."""
        with self._transaction("BEGIN") as rows:
            yield rows

    @contextmanager
    def writing(self) -> Iterator[Rows]:
        """A transaction that is written whole, or not at all. Raises DatabaseError, DataFolderError."""
        with self._transaction("BEGIN IMMEDIATE") as rows:
            yield rows

    @contextmanager
    def looking(self) -> Iterator[Rows]:
        """A read of the file as it is: nothing is made, added or tightened. Raises DatabaseError."""
        with self._translated(), closing(self._open(LOOK_TIMEOUT_S)) as connection:
            rows = Rows(connection)
            rows.run("PRAGMA query_only = ON")
            rows.run("BEGIN")
            yield rows

    def try_writing(self) -> None:
        """Make sure that a write would work now; it is rolled back. Raises DatabaseError."""
        with self._translated(), closing(self._open(LOOK_TIMEOUT_S)) as connection:
            rows = Rows(connection)
            # To begin one works in a file, and a folder, that cannot be written.
            rows.run("BEGIN IMMEDIATE")
            rows.run("CREATE TABLE procore_login_trial (number INTEGER)")
            rows.run("ROLLBACK")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Rows]:
        with self._translated(), closing(self._connect()) as connection:
            rows = Rows(connection)
            # Closing a connection rolls back what was not committed.
            rows.run(begin)
            while not is_complete(rows.run, str(self.path)):
                self._migrate(rows)
                rows.run(begin)
            yield rows
            rows.run("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        self._ensure_file()
        return self._open(self._timeout_s)

    def _open(self, timeout_s: float) -> sqlite3.Connection:
        import sqlite3

        address = f"{new_uri(self.path.absolute())}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=timeout_s, isolation_level=None)
        # Another program may have stored an e-mail that is not UTF-8.
        connection.text_factory = _read_text
        return connection

    def _ensure_file(self) -> None:
        if self._is_ours:
            private_files.open_folder(self.path.parent, self._report)
            private_files.ensure_file(self.path, self._report)
        elif not private_files.may_exist(self.path):
            try:
                private_files.new_file(self.path)
            except DataFolderError as error:
                if not private_files.may_exist(self.path):
                    raise DatabaseError(error.message, _PERMISSIONS) from None

    def _migrate(self, rows: Rows) -> None:
        # A reader cannot become a writer while another one waits to commit, so it begins anew.
        rows.run("ROLLBACK")
        rows.run("BEGIN IMMEDIATE")
        if is_in_use_by_older(rows.run, self.path.resolve().parent):
            raise _new_busy_error(self.path)
        migrate(rows.run, str(self.path))
        rows.run("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise self._new_error(error) from None

    def _new_error(self, error: Exception) -> DatabaseError:
        name = getattr(error, "sqlite_errorname", "")
        for beginnings, (what, hint) in _MEANINGS.items():
            if name.startswith(beginnings):
                return DatabaseError(f"The database {self.path} {what}.", hint)
        return DatabaseError(f"The database {self.path} cannot be used: {error}.", _ELSEWHERE)


def _new_busy_error(path: Path) -> DatabaseError:
    what, hint = _MEANINGS[_BUSY]
    return DatabaseError(f"The database {path} {what}.", hint)


def new_uri(path: PurePath) -> str:
    """An absolute path as SQLite takes it in a URI, whatever bytes it has.

    Not `as_uri`: since Python 3.14 it loads urllib.request, and SQLite refuses what it makes of a share.
    """
    from urllib.parse import quote_from_bytes

    text = path.as_posix()
    return f"file://{'' if text.startswith('/') else '/'}{quote_from_bytes(os.fsencode(text))}"


def _read_text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


_BUSY_TIMEOUT_S = 0.3


def open_glance(path: Path, *, is_ours: bool) -> Database:
    """An existing file, for a look that changes nothing and waits for nobody.

    `is_ours`: it lies in the data folder, where no link is followed. Raises DatabaseError, DataFolderError.
    """
    if is_ours and path.is_symlink():
        raise DatabaseError(f"The database {path} is a symbolic link.", _ELSEWHERE)
    if is_ours:
        with private_files.looking_only():
            private_files.check_file(path, _ignore)
    return _Glance(path)


class _Glance(Database):
    """As `Database`, for reading alone."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _ignore, is_ours=False, timeout_s=_BUSY_TIMEOUT_S)

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """The file's state now. Raises DatabaseError."""
        with self._translated(), closing(self._connect()) as connection:
            rows = Rows(connection)
            rows.run("BEGIN")
            if is_complete(rows.run, str(self.path)):
                yield rows
                return
            rows.run("ROLLBACK")
            # An older schema, or another program's file: what a command would make of it.
            with closing(self._copy(connection)) as copy:
                migrated = Rows(copy)
                migrate(migrated.run, str(self.path))
                yield migrated

    def _connect(self) -> sqlite3.Connection:
        try:
            is_file = stat.S_ISREG(self.path.stat().st_mode)
        except PermissionError:
            # SQLite itself says what it may not look at.
            is_file = True
        except OSError:
            is_file = False
        if not is_file:
            raise DatabaseError(f"The database {self.path} is not a file.", _ELSEWHERE)
        connection = self._open(self._timeout_s)
        # Not mode=ro: what SQLite lays beside a file in WAL mode would stay there.
        Rows(connection).run("PRAGMA query_only = ON")
        return connection

    def _copy(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        import sqlite3

        copy = sqlite3.connect(":memory:", isolation_level=None)
        copy.text_factory = connection.text_factory
        if Rows(connection).run("SELECT 1 FROM sqlite_master WHERE name = 'procore_login_accounts'"):
            connection.backup(copy)
        return copy


def _ignore(_: str) -> None:
    """There is nobody to tell."""
