"""What `doctor` asks of storage: how the database is, and what lies about; nothing is made or changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.errors import DatabaseError, StorageError
from procore_cli.storage import entries, files, web_key
from procore_cli.storage.database import Database
from procore_cli.storage.schema import is_complete

_DUPLICATES = """
    SELECT COUNT(*) FROM (SELECT 1 FROM users WHERE typeof(procore_id) = 'integer'
    GROUP BY procore_id HAVING COUNT(*) > 1)"""
# What waits to be deleted: former tokens, and the proofs of a sign-in that was ended.
_FORMER = """
    SELECT COUNT(*) FROM procore_login_entries WHERE environment = ? AND (
        state = 'dead' AND NOT (parts IS 0 AND COALESCE(forget_after, 0) > ?)
        OR state = 'pending' AND procore_id IS NULL)"""
_TOKEN_FILE = re.compile(r"[a-z0-9-]+-[0-9a-f]{32}")
# What a write in one step is called until it is whole (procore_cli.config.private_files).
_DRAFT = re.compile(r"\..+\.[0-9a-f]{16}")
# A younger one may be another process's, which is writing it.
_DRAFT_AGE_S = 60


class Inspection(NamedTuple):
    """A database: whether it has our tables, its rows in `users` (None: no such table), and doubled ids."""

    has_tables: bool
    rows: int | None = None
    doubled: int = 0


def inspect(database: Database) -> Inspection:
    """How a file that is there is. Raises DatabaseError for one that is damaged or no database."""
    path = str(database.path)
    with database.looking() as rows:
        answers = [text for (text,) in rows.run("PRAGMA quick_check(1)")]
        if answers != ["ok"]:
            raise DatabaseError(
                f"The database {path} is damaged: {str(answers[0]) if answers else 'no answer'}.",
                "Move it away (a new one is made) and sign in again;"
                " or let PROCORE_LOGIN_DB name another file.",
            )
        has_tables = is_complete(rows)
        if not rows.run("SELECT 1 FROM sqlite_master WHERE name = 'users' COLLATE NOCASE"):
            return Inspection(has_tables)
        ((count,),) = rows.run("SELECT COUNT(*) FROM users")
        ((doubled,),) = rows.run(_DUPLICATES)
        return Inspection(has_tables, count, doubled)


def find_refresh(database: Database, key: int) -> int | None:
    """When (seconds, UTC) a refresh began whose end is not known: under way, or cut off."""
    with database.reading() as rows:
        pending = entries.list_pending_refreshes(rows, key)
    return pending[0].created_at if pending else None


def count_former(database: Database, now: int) -> int:
    """The entries that wait to be deleted; `now` is seconds (UTC). Raises DatabaseError."""
    with database.reading() as rows:
        ((count,),) = rows.run(_FORMER, (rows.environment, now))
    return int(count)


def list_strays(home: Path, others: Iterable[Path]) -> list[Path]:
    """Token files that no database in the data folder lists, nor one of the `others`."""
    # Before the databases: what is written meanwhile is listed by then.
    found = _list_files(home / files.FOLDER, _TOKEN_FILE)
    listed = {files.new_file_name(files.new_secret_service(e), files.SECRET_USERNAME) for e in ENVIRONMENTS}
    listed |= {files.new_file_name(web_key.new_key_service(e), web_key.KEY_USERNAME) for e in ENVIRONMENTS}
    for path in {*others, *(home / f"{name}.db" for name in ENVIRONMENTS)} if found else ():
        names = _list_names(home, path) if path.exists() else []
        listed.update(*(files.list_file_names(*entry) for entry in names or ()))
        if names is None:
            # Whatever it lists is no stray.
            found = [each for each in found if not each.name.startswith(f"{path.stem}-")]
    # One that is deleted is taken off the list afterwards.
    return [path for path in found if path.name not in listed and path.exists()]


def list_drafts(home: Path, now: float) -> list[Path]:
    """Files that were never finished; `now` is seconds (UTC)."""
    drafts = [*_list_files(home, _DRAFT), *_list_files(home / files.FOLDER, _DRAFT)]
    return [path for path in drafts if path.exists() and path.lstat().st_mtime < now - _DRAFT_AGE_S]


def _list_names(home: Path, path: Path) -> list[tuple[str, str]] | None:
    """The environment and the name of every entry that a database lists, None where it cannot be read."""
    try:
        with Database(home, path.stem, path).looking() as rows:
            if not rows.run("SELECT 1 FROM sqlite_master WHERE name = 'procore_login_entries'"):
                return []
            found = rows.run("SELECT environment, name FROM procore_login_entries")
            return [(str(environment), str(name)) for environment, name in found]
    except StorageError:
        return None


def _list_files(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    except OSError:
        return []
