"""The data folder and the database: whole, ours alone, and free to be written; changes nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.cli.doctor.context import DATA_FOLDER, Check, DoctorContext, failed, fine, unchecked, warning
from procore_cli.config.config_file import CONFIG_NAME
from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.config.private_files import (
    FILE_MODE,
    FOLDER_MODE,
    is_foreign,
    keeps_modes,
    may_exist,
    new_modeless_error,
    new_modeless_warning,
    new_owner_error,
)
from procore_cli.errors import DatabaseError, DataFolderError, StorageError

if TYPE_CHECKING:
    from procore_cli.storage.database import Rows


_TOO_OPEN = 0o077
_LEAST_FREE = 256 * 1024
# So many are named; one command mends them all.
_MOST_NAMED = 3
# What our commands look for in the folder, beside the databases.
_OURS = (CONFIG_NAME, "secrets", "locks", "demo")
_MOVE = "move it away, or let PROCORE_LOGIN_HOME name another data folder"


def check_folder(context: DoctorContext) -> Iterator[Check]:
    """Owner, mode, room, and each file below the folder."""
    folder = context.settings.folder
    if DATA_FOLDER in context.in_force.faults:
        context.broken.add("data folder")
        yield failed("data folder", context.in_force.faults[DATA_FOLDER])
        return
    if not os.path.lexists(folder):
        yield _check_missing(context, folder)
        return
    wrong = _find_wrong(context, folder)
    if wrong:
        context.broken.add("data folder")
        yield failed("data folder", wrong)
        return
    open_ones = list(_list_open(folder)) if os.name != "nt" else []
    if open_ones and not keeps_modes(folder):
        yield _new_modeless(context, folder, open_ones[0][1])
    elif open_ones:
        yield _new_open(folder, open_ones)
    else:
        mode = stat.S_IMODE(folder.stat().st_mode)
        yield fine("data folder", f"{folder} is yours alone (mode 0{mode:o})")
    strange = [path for path, status in _walk(folder) if _is_strange(context, path, status)]
    if strange:
        yield _new_strange(strange)


def _check_missing(context: DoctorContext, folder: Path) -> Check:
    parent = next((p for p in folder.parents if may_exist(p)), folder.parent)
    if os.access(parent, os.W_OK | os.X_OK) and parent.is_dir():
        return fine("data folder", f"{folder} is not there yet; it is made when it is needed")
    context.broken.add("data folder")
    why = f"{folder} cannot be made: {parent} cannot be written"
    hint = "Let PROCORE_LOGIN_HOME name a folder that you may write."
    return failed("data folder", DataFolderError(f"{why}.", hint))


def _find_wrong(context: DoctorContext, folder: Path) -> DataFolderError | None:
    """The first thing that no command could mend by itself."""
    try:
        # The data folder itself may be a link of the user's.
        if not stat.S_ISDIR(folder.stat().st_mode):
            return _new_folder_error(folder, "it is not a folder", f"Remove it, or {_MOVE}.")
        # One by one: what belongs to somebody else may not let us look into it.
        for path, status in chain([(folder, folder.stat())], _walk(folder)):
            wrong = None if _is_strange(context, path, status) else _find_wrong_one(path, status, folder)
            if wrong:
                return wrong
        return _find_lack(folder)
    except OSError as error:
        return _new_folder_error(
            folder, error.strerror or type(error).__name__, f"Make it readable, or {_MOVE}."
        )


def _find_wrong_one(path: Path, status: os.stat_result, folder: Path) -> DataFolderError | None:
    if stat.S_ISLNK(status.st_mode):
        return _new_folder_error(path, "it is a symbolic link", f"Remove it: rm {shlex.quote(str(path))}")
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return _new_folder_error(path, "it is neither a file nor a folder", f"Remove it, or {_MOVE}.")
    return new_owner_error(path, status.st_uid, folder) if is_foreign(status) else None


def _is_strange(context: DoctorContext, path: Path, status: os.stat_result) -> bool:
    """Whether something is no file, and lies where no command of ours looks for one."""
    if path == context.settings.folder or stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        return False
    first = path.relative_to(context.settings.folder).parts[0]
    is_database = path == context.settings.database or first.startswith(
        tuple(f"{e}.db" for e in ENVIRONMENTS)
    )
    return not (is_database or first in _OURS)


def _new_strange(found: list[Path]) -> Check:
    named = ", ".join(map(str, found[:_MOST_NAMED]))
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return warning(
        "foreign files",
        f"not procore-login's, and no regular files: {named}{more}. They are not used.",
        f"If nobody needs them: rm {shlex.join(map(str, found))}",
    )


def _find_lack(folder: Path) -> DataFolderError | None:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        hint = f"chmod u+rwx {shlex.quote(str(folder))}, or {_MOVE}."
        return _new_folder_error(folder, "it cannot be read and written", hint)
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        return _new_folder_error(
            folder, f"its disk is full ({free} bytes left)", "Make room on it, then try again."
        )
    return None


def _new_folder_error(path: Path, why: str, hint: str) -> DataFolderError:
    return DataFolderError(f"{path} cannot be used: {why}.", hint)


def _walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below the folder; links are named, not followed."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            # Another procore-login is at work.
            continue
        yield Path(entry.path), status
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(Path(entry.path))


def _list_open(folder: Path) -> Iterator[tuple[Path, int]]:
    for path, status in [(folder, folder.stat()), *_walk(folder)]:
        mode = stat.S_IMODE(status.st_mode)
        is_usual = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        if is_usual and mode & _TOO_OPEN:
            yield path, mode


def _new_modeless(context: DoctorContext, folder: Path, mode: int) -> Check:
    error = new_modeless_error(folder, mode)
    if context.settings.store == "file":
        context.broken.add("data folder")
        return failed("data folder", error)
    return warning("data folder", new_modeless_warning(folder), error.hint)


def _new_open(folder: Path, found: list[tuple[Path, int]]) -> Check:
    named = ", ".join(f"{path} (mode 0{mode:o})" for path, mode in found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    commands = [
        f"chmod {FOLDER_MODE if path.is_dir() else FILE_MODE:o} {shlex.quote(str(path))}" for path, _ in found
    ]
    if len(found) > _MOST_NAMED:
        commands = [f"chmod -R go= {shlex.quote(str(folder))}"]
    return warning(
        "data folder",
        f"open to other users: {named}{more}. The next command that uses them closes them.",
        " && ".join(commands),
    )


WRITING = "database writing"
_DUPLICATES = """
    SELECT COUNT(*) FROM (SELECT 1 FROM users WHERE typeof(procore_id) = 'integer'
    GROUP BY procore_id HAVING COUNT(*) > 1)"""


def check_database(context: DoctorContext) -> Iterator[Check]:
    """Integrity and schema."""
    path = context.settings.database
    named = " (from PROCORE_LOGIN_DB)" if context.settings.named_database else ""
    if "PROCORE_LOGIN_DB" in context.in_force.faults:
        context.broken.add("database")
        yield unchecked("database", "PROCORE_LOGIN_DB names none")
        return
    if "data folder" in context.broken and path.parent == context.settings.folder:
        context.broken.add("database")
        yield unchecked("database", "the data folder cannot be used")
        return
    try:
        if os.path.lexists(path):
            _check_kind(path, is_named=context.settings.named_database is not None)
            words = _look(context)
        elif may_exist(path):
            raise PermissionError
        else:
            _check_place(path, is_named=context.settings.named_database is not None)
            words = "is not there yet; it is made when it is needed"
    except PermissionError:
        context.broken.add("database")
        why = f"The database {path} cannot be opened."
        yield failed("database", DatabaseError(why, "Check the permissions of the file and its folder."))
        return
    except StorageError as error:
        context.broken.add("database")
        yield failed("database", error)
        return
    yield fine("database", f"{path}{named} {words}")


def check_writing(context: DoctorContext) -> Iterator[Check]:
    """A line only where the file can be read alone: the checks to come then still look at it."""
    if "database" in context.broken or not context.settings.database.exists():
        return
    try:
        context.storage.database.try_writing()
    except StorageError as error:
        context.broken.add(WRITING)
        yield failed(WRITING, error)


def has_our_tables(context: DoctorContext) -> bool:
    """Whether accounts can be read from the file as it is; before its first use it has none.

    Raises DatabaseError.
    """
    from procore_cli.storage import database

    path = context.settings.database
    if not may_exist(path):
        return False
    with context.storage.database.looking() as rows:
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
        raise _new_database_error(path, f"{path.parent} cannot be written")
    if not path.parent.exists() and is_named:
        raise _new_database_error(path, f"there is no folder {path.parent}")


def _new_database_error(path: Path, why: str) -> DatabaseError:
    hint = "Make that folder, or let PROCORE_LOGIN_DB name another file."
    return DatabaseError(f"The database {path} cannot be made: {why}.", hint)


def _look(context: DoctorContext) -> str:
    from procore_cli.storage import database

    path = str(context.settings.database)
    with context.storage.database.looking() as rows:
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
