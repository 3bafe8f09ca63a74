"""Whose locks count for a database that more than one data folder may name: those of the first one.

Refuses to lay anything beside a file that belongs to another program, or into a folder that has no locks yet.
"""

from __future__ import annotations

from pathlib import Path

from procore_cli import folder
from procore_cli.errors import DataFolderError
from procore_cli.store.database import Database, Rows
from procore_cli.store.files import check_private


def find_lock_home(database: Database, home: Path, report: folder.Report) -> Path:
    """The data folder below which every run locks that names this database; `home` is this run's own.

    Raises DatabaseError, DataFolderError.
    """
    with database.reading() as rows:
        found = _find_usable(rows)
    if found is None:
        # Before it is named: others take a folder without locks for none of ours.
        folder.open_subfolder(home, "locks", report)
        with database.writing() as rows:
            found = _find_usable(rows) or _save(rows, home)
    return found


def _find_usable(rows: Rows) -> Path | None:
    for (text,) in rows.run("SELECT path FROM procore_login_home"):
        path = Path(str(text))
        try:
            check_private(path, path)
            # Whoever wrote the row may name any folder of ours: only one with locks is a data folder.
            check_private(path / "locks", path)
        except DataFolderError:
            return None
        return path
    return None


def _save(rows: Rows, home: Path) -> Path:
    path = str(home.resolve())
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        # No database holds such a path.
        return home
    rows.run("DELETE FROM procore_login_home")
    rows.run("INSERT INTO procore_login_home VALUES (?)", (path,))
    return home
