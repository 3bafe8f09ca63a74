"""What a transaction gives to whoever reads and writes in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3


class Rows:
    """The inside of one transaction: runs SQL and gives back rows as tuples."""

    def __init__(self, connection: sqlite3.Connection, environment: str, home: Path, path: Path) -> None:
        """`environment` and the data folder `home` are those of the run that asks; `path` is the file."""
        self._connection = connection
        self.environment = environment
        self.home = home
        self.path = path

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        return self._connection.execute(statement, values).fetchall()

    def copy_to(self, copy: sqlite3.Connection) -> None:
        """Put all of the database into another one; ends the transaction."""
        self.run("ROLLBACK")
        self._connection.backup(copy)
