"""Whose locks count for a database that more than one data folder may name: those of the first one.

Refuses to lay anything beside a file that belongs to another program.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from procore_cli.environments import ENVIRONMENTS
from procore_cli.errors import DataFolderError
from procore_cli.store.database import Database, Rows
from procore_cli.store.files import check_private


def find_lock_home(database: Database, home: Path) -> Path:
    """The data folder below which every run locks that names this database; `home` is this run's own.

    Raises StorageError.
    """
    path = database.path.resolve()
    if path.suffix == ".db" and path.stem in ENVIRONMENTS and _is_private(path.parent):
        # It is the own database of the data folder that it lies in.
        return path.parent
    with database.reading() as rows:
        found = _find_usable(rows)
    if found is None:
        with database.writing() as rows:
            found = _find_usable(rows) or _save(rows, home)
    return found


def _find_usable(rows: Rows) -> Path | None:
    for (text,) in rows.run("SELECT path FROM procore_login_home"):
        path = Path(str(text))
        try:
            check_private(path, path)
        except DataFolderError:
            # It was moved or deleted; ours may be the next.
            return None
        return path
    return None


def _save(rows: Rows, home: Path) -> Path:
    path = home.resolve()
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        # No database holds such a path.
        return home
    rows.run("DELETE FROM procore_login_home")
    rows.run("INSERT INTO procore_login_home VALUES (?)", (str(path),))
    return home


def _is_private(folder: Path) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False
    # Windows has no such modes: there a folder below the user's profile is private.
    return os.name == "nt" or (status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077)
