"""The file `<data folder>/demo/procore.db`: opened, furnished, forgotten; refuses what is not ours alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from procore_cli import folder
from procore_cli.demo import schema
from procore_cli.demo.models import Seed
from procore_cli.errors import DatabaseError

if TYPE_CHECKING:
    import sqlite3

_BUSY_TIMEOUT_S = 10
_FOLDER: Final = "demo"
_NAME: Final = "procore.db"
_SIDE_FILES: Final = ("-journal", "-wal", "-shm")


class DemoFile:
    """What the pretend Procore remembers; several processes may use it at once.

    Every method raises DatabaseError where the file cannot be used.
    """

    def __init__(self, data_folder: Path, tell: Callable[[str], None], seed: Seed | None = None) -> None:
        """Make the file where it is missing; `seed` replaces companies and projects.

        Raises DataFolderError where it is not ours alone.
        """
        self._data_folder = data_folder
        self._tell = tell
        self._seed = seed
        self.path = data_folder / _FOLDER / _NAME
        self._prepare()
        if seed is not None:
            with self.change() as db:
                schema.sow(db, seed)

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading."""
        if not self.path.exists():
            # `demo reset` came while a server runs: it goes on with what it began with.
            self._prepare()
        with self._connect() as db:
            yield db

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; it takes the write lock at once, because a late one fails without waiting."""
        with self.open() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    def _prepare(self) -> None:
        folder.open_subfolder(self._data_folder, _FOLDER, self._tell)
        folder.ensure_file(self.path, self._tell)
        with self._connect() as db:
            if schema.is_furnished(db):
                return
            db.execute("BEGIN IMMEDIATE")
            # Another process may have been faster.
            if not schema.is_furnished(db):
                schema.furnish(db, self._seed)
            db.execute("COMMIT")

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as db:
                # Nothing real is lost where the machine stops, and every sign-in and test is faster.
                db.execute("PRAGMA synchronous = OFF")
                yield db
        except sqlite3.Error as error:
            raise DatabaseError(
                f"The pretend Procore (demo) cannot use its database {self.path}: {error}.",
                "Nothing real lies in that file: procore-login demo reset makes a new one.",
            ) from error


def forget(data_folder: Path, tell: Callable[[str], None]) -> bool:
    """Delete the file, and its folder if nothing else lies there; False if there was none.

    Raises DataFolderError.
    """
    place = data_folder / _FOLDER
    if not place.is_symlink() and not place.exists():
        return False
    folder.open_subfolder(data_folder, _FOLDER, tell)
    path = place / _NAME
    existed = path.is_symlink() or path.exists()
    for name in (_NAME, *(_NAME + ending for ending in _SIDE_FILES)):
        folder.delete_file(place / name)
    try:
        place.rmdir()
    except OSError:
        tell(f"{place} is kept: something else lies in it.")
    return existed
