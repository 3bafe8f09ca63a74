"""The SQLite file: whole, of a schema that we know, and free to be written; changes nothing in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.cli.doctor.case import Case
from procore_cli.cli.doctor.check import Check, failed, fine, unchecked
from procore_cli.config.private_files import may_exist
from procore_cli.errors import DatabaseError, StorageError

if TYPE_CHECKING:
    from procore_cli.storage.database import Rows


WRITING = "database writing"
_DUPLICATES = """
    SELECT COUNT(*) FROM (SELECT 1 FROM users WHERE typeof(procore_id) = 'integer'
    GROUP BY procore_id HAVING COUNT(*) > 1)"""


def check_database(case: Case) -> Iterator[Check]:
    """Integrity and schema."""
    path = case.settings.database
    named = " (from PROCORE_LOGIN_DB)" if case.settings.named_database else ""
    if "PROCORE_LOGIN_DB" in case.in_force.faults:
        case.broken.add("database")
        yield unchecked("database", "PROCORE_LOGIN_DB names none")
        return
    if "data folder" in case.broken and path.parent == case.settings.folder:
        case.broken.add("database")
        yield unchecked("database", "the data folder cannot be used")
        return
    try:
        if os.path.lexists(path):
            _check_kind(path, is_named=case.settings.named_database is not None)
            words = _look(case)
        elif may_exist(path):
            raise PermissionError
        else:
            _check_place(path, is_named=case.settings.named_database is not None)
            words = "is not there yet; it is made when it is needed"
    except PermissionError:
        case.broken.add("database")
        why = f"The database {path} cannot be opened."
        yield failed("database", DatabaseError(why, "Check the permissions of the file and its folder."))
        return
    except StorageError as error:
        case.broken.add("database")
        yield failed("database", error)
        return
    yield fine("database", f"{path}{named} {words}")


def check_writing(case: Case) -> Iterator[Check]:
    """A line only where the file can be read alone: the checks to come then still look at it."""
    if "database" in case.broken or not case.settings.database.exists():
        return
    try:
        case.storage.database.try_writing()
    except StorageError as error:
        case.broken.add(WRITING)
        yield failed(WRITING, error)


def has_our_tables(case: Case) -> bool:
    """Whether accounts can be read from the file as it is; before its first use it has none.

    Raises DatabaseError.
    """
    from procore_cli.storage import database

    path = case.settings.database
    if not may_exist(path):
        return False
    with case.storage.database.looking() as rows:
        return database.is_complete(rows.run, str(path))


def _check_kind(path: Path, *, is_named: bool) -> None:
    if not path.is_file() or _is_made_up(path):
        kind = "a folder" if path.is_dir() else "not a file"
        # What a variable names by mistake, such as /dev/null, is not to be moved.
        hint = "Let PROCORE_LOGIN_DB name an SQLite file."
        hint = hint if is_named else f"Move it away, or {hint[:1].lower()}{hint[1:]}"
        raise DatabaseError(f"The database {path} cannot be used: it is {kind}.", hint)


def _is_made_up(path: Path) -> bool:
    """Whether the system makes its content up, as below /proc: nothing is in it, and yet it can be read."""
    try:
        if path.stat().st_size:
            return False
        with path.open("rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


def _check_place(path: Path, *, is_named: bool) -> None:
    if path.parent.exists() and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise _new_error(path, f"{path.parent} cannot be written")
    if not path.parent.exists() and is_named:
        raise _new_error(path, f"there is no folder {path.parent}")


def _new_error(path: Path, why: str) -> DatabaseError:
    hint = "Make that folder, or let PROCORE_LOGIN_DB name another file."
    return DatabaseError(f"The database {path} cannot be made: {why}.", hint)


def _look(case: Case) -> str:
    from procore_cli.storage import database

    path = str(case.settings.database)
    with case.storage.database.looking() as rows:
        _check_whole(rows, path)
        is_complete = database.is_complete(rows.run, path)
        words = ["is whole", f"schema {database.VERSION}" if is_complete else "our tables will be added"]
        words += _list_rows(rows)
    return ", ".join(words)


def _check_whole(rows: Rows, path: str) -> None:
    answers = [text for (text,) in rows.run("PRAGMA quick_check(1)")]
    if answers != ["ok"]:
        raise DatabaseError(
            f"The database {path} is damaged: {str(answers[0]) if answers else 'no answer'}.",
            "Move it away (a new one is made) and sign in again; or let PROCORE_LOGIN_DB name another file.",
        )


def _list_rows(rows: Rows) -> list[str]:
    if not rows.run("SELECT 1 FROM sqlite_master WHERE name = 'users' COLLATE NOCASE"):
        return []
    ((count,),) = rows.run("SELECT COUNT(*) FROM users")
    ((doubled,),) = rows.run(_DUPLICATES)
    words = [f"{count} {'row' if count == 1 else 'rows'} in users"]
    if doubled:
        words.append(f"{doubled} Procore {'id' if doubled == 1 else 'ids'} twice (the lowest row counts)")
    return words
