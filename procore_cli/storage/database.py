"""The SQLite file: opened, checked, migrated, one transaction at a time; here alone sqlite3 is called.

Refuses to keep a connection open, to change a file's journal mode, and to write where reading is enough.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from procore_cli.config import private_files
from procore_cli.errors import DatabaseError, DataFolderError
from procore_cli.storage import schema
from procore_cli.storage.rows import Rows

if TYPE_CHECKING:
    import sqlite3


BUSY_TIMEOUT_S = 10.0
# For a look that only tells how things are.
LOOK_TIMEOUT_S = 2.0

_FIND_OURS = "SELECT 1 FROM sqlite_master WHERE name = 'procore_login_accounts'"
_ELSEWHERE = "Move it away (a new one is made), or let PROCORE_LOGIN_DB name another file."
_PERMISSIONS = "Check the permissions of the file and its folder, or let PROCORE_LOGIN_DB name another file."
_IN_USE = "Try again, or end the program that uses it."
# By the beginning of SQLite's name for the error.
_MEANINGS = {
    "SQLITE_BUSY": ("is in use by another program", _IN_USE),
    "SQLITE_LOCKED": ("is in use by another program", _IN_USE),
    "SQLITE_READONLY": ("cannot be written", _PERMISSIONS),
    "SQLITE_CANTOPEN": ("cannot be opened", _PERMISSIONS),
    "SQLITE_NOTADB": ("is not an SQLite database", _ELSEWHERE),
    "SQLITE_CORRUPT": ("is damaged", _ELSEWHERE),
    "SQLITE_FULL": ("cannot be written: the disk is full", "Make room on it, then try again."),
    "SQLITE_IOERR": (
        "cannot be read or written: disk I/O error",
        "Look at the disk and at limits on file sizes, then try again.",
    ),
}


# Held while a connection is open, and by whoever forks: what another thread has locked in SQLite just then
# would be locked in the child for ever.
_connected = threading.RLock()


def _begin_anew() -> None:
    global _connected
    _connected = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _connected.acquire(),
        after_in_parent=lambda: _connected.release(),
        after_in_child=_begin_anew,
    )


class Database:
    """An environment's SQLite file; usable from several threads, since each transaction connects anew."""

    def __init__(
        self, home: Path, environment: str, path: Path | None = None, *, timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        """`home` is the data folder, `path` another file than `<home>/<environment>.db`."""
        self.home = home
        self.environment = environment
        self.path = (path or home / f"{environment}.db").absolute()
        # A file in the data folder obeys its rules.
        self._is_ours = self.path.parent == home.absolute()
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
    def looking(self, timeout_s: float = LOOK_TIMEOUT_S) -> Iterator[Rows]:
        """A read of the file as it is: nothing is made, added or tightened. Raises DatabaseError."""
        if not self._is_file():
            raise DatabaseError(f"The database {self.path} is not a file.", _ELSEWHERE)
        with self._translated(), self._opened(timeout_s) as connection:
            rows = Rows(connection, self.environment, self.home, self.path)
            # Not mode=ro: what SQLite lays beside a file in WAL mode would stay there.
            rows.run("PRAGMA query_only = ON")
            rows.run("BEGIN")
            yield rows

    def try_writing(self) -> None:
        """Make sure that a write would work now; it is rolled back. Raises DatabaseError."""
        with self._translated(), self._opened(LOOK_TIMEOUT_S) as connection:
            # To begin one works in a file, and a folder, that cannot be written.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE procore_login_trial (number INTEGER)")
            connection.execute("ROLLBACK")

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Rows]:
        self._ensure_file()
        with self._translated(), self._opened(self._timeout_s) as connection:
            rows = Rows(connection, self.environment, self.home, self.path)
            # Closing a connection rolls back what was not committed.
            rows.run(begin)
            while not schema.is_complete(rows):
                self._migrate(rows)
                rows.run(begin)
            yield rows
            rows.run("COMMIT")

    @contextmanager
    def _opened(self, timeout_s: float) -> Iterator[sqlite3.Connection]:
        address = f"{new_uri(self.path)}?mode=rw"
        with _connected, closing(_connect(address, timeout_s)) as connection:
            yield connection

    def _is_file(self) -> bool:
        try:
            return stat.S_ISREG(self.path.stat().st_mode)
        except PermissionError:
            # SQLite itself says what it may not look at.
            return True
        except OSError:
            return False

    def _ensure_file(self) -> None:
        if self._is_ours:
            private_files.open_folder(self.path.parent)
            private_files.ensure_file(self.path)
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
        if schema.is_in_use_by_older(rows):
            raise DatabaseError(f"The database {self.path} is in use by another program.", _IN_USE)
        schema.migrate(rows)
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
        for beginning, (what, hint) in _MEANINGS.items():
            if name.startswith(beginning):
                return DatabaseError(f"The database {self.path} {what}.", hint)
        return DatabaseError(f"The database {self.path} cannot be used: {error}.", _ELSEWHERE)


def new_uri(path: PurePath) -> str:
    """An absolute path as SQLite takes it in a URI, whatever bytes it has.

    Not `as_uri`: since Python 3.14 it loads urllib.request, and SQLite refuses what it makes of a share.
    """
    from urllib.parse import quote_from_bytes

    text = path.as_posix()
    return f"file://{'' if text.startswith('/') else '/'}{quote_from_bytes(os.fsencode(text))}"


def _connect(address: str, timeout_s: float) -> sqlite3.Connection:
    import sqlite3

    connection = sqlite3.connect(address, uri=True, timeout=timeout_s, isolation_level=None)
    # Another program may have stored an e-mail that is not UTF-8.
    connection.text_factory = _read_text
    return connection


def _read_text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


_READ_ONLY_TIMEOUT_S = 0.3


class ReadOnlyDatabase(Database):
    """As `Database`, for reading alone: neither the file nor anything beside it changes."""

    def may_exist(self) -> bool:
        """Whether the file is there, or may be, whatever it is."""
        return os.path.lexists(self.path) or private_files.may_exist(self.path)

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """The file's state now, or what a command would make of it; waits for nobody.

        Nothing is in a file that is not there. Raises DatabaseError, DataFolderError.
        """
        is_there = self.may_exist()
        if is_there and self._is_ours:
            with private_files.looking_only():
                private_files.check_file(self.path)
        with self._translated(), ExitStack() as stack:
            found = stack.enter_context(self.looking(_READ_ONLY_TIMEOUT_S)) if is_there else None
            if found is not None and schema.is_complete(found):
                yield found
                return
            copy = stack.enter_context(closing(_connect(":memory:", _READ_ONLY_TIMEOUT_S)))
            # An older schema; what another program has in its own file is not worth a copy.
            if found is not None and found.run(_FIND_OURS):
                found.copy_to(copy)
            migrated = Rows(copy, self.environment, self.home, self.path)
            schema.migrate(migrated)
            yield migrated
