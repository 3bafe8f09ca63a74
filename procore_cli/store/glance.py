"""A database looked at without changing a byte: no file is made, no mode tightened, no table added.

Refuses to wait for long: it serves the greeting and the completion of a word.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli import folder
from procore_cli.errors import DatabaseError
from procore_cli.store import schema
from procore_cli.store.database import Database, Rows
from procore_cli.store.outcomes import Listed
from procore_cli.store.roster import Roster

if TYPE_CHECKING:
    import sqlite3

_BUSY_TIMEOUT_S = 0.3
_ELSEWHERE = "Move it away (a new one is made), or let PROCORE_LOGIN_DB name another file."


def list_known(database: Path, environment: str, *, is_ours: bool) -> list[Listed]:
    """Everybody whom the environment knows in an existing file, signed in or not, by id.

    `is_ours`: it lies in the data folder, where no link is followed. Raises DatabaseError, DataFolderError.
    """
    if is_ours and database.is_symlink():
        raise DatabaseError(f"The database {database} is a symbolic link.", _ELSEWHERE)
    if is_ours:
        with folder.looking_only():
            folder.check_file(database, _ignore)
    return Roster(_Glance(database), environment).list_known()


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
            if schema.is_complete(rows.run, str(self.path)):
                yield rows
                return
            rows.run("ROLLBACK")
            # An older schema, or another program's file: what a command would make of it.
            with closing(self._copy(connection)) as copy:
                migrated = Rows(copy)
                schema.migrate(migrated.run, str(self.path))
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
