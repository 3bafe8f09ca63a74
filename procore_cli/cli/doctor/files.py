"""The data folder and the database: whole, ours alone, and free to be written; changes nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from procore_cli.cli.doctor.context import (
    MOST_NAMED,
    Check,
    DoctorContext,
    failed,
    fine,
    name_some,
    warning,
)
from procore_cli.config.config_file import CONFIG_NAME
from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.config.private_files import (
    FILE_MODE,
    FOLDER_MODE,
    TOO_OPEN,
    is_foreign,
    keeps_modes,
    may_exist,
    new_modeless_error,
    new_modeless_warning,
    new_owner_error,
)
from procore_cli.errors import DatabaseError, DataFolderError, StorageError
from procore_cli.storage.inspection import inspect
from procore_cli.storage.schema import VERSION

_LEAST_FREE = 256 * 1024
# What our commands look for in the folder, beside the databases.
_OURS = (CONFIG_NAME, "secrets", "locks", "demo")
_MOVE = "move it away, or let PROCORE_LOGIN_HOME name another data folder"


def check_folder(context: DoctorContext) -> Iterator[Check]:
    """Owner, mode, room, and each file below the folder. Raises DataFolderError.

    That is for the first thing that no command could mend by itself.
    """
    if context.settings.home is None and context.settings.shared is not None:
        yield fine("none, since HOME is not set: nobody is the current account, and no config.toml is read")
        return
    folder = context.settings.folder
    if not os.path.lexists(folder):
        yield _check_missing(folder)
        return
    open_ones: list[tuple[Path, int]] = []
    strange: list[str] = []
    try:
        # One by one: what belongs to somebody else may not let us look into it.
        for path, status in _walk(folder, folder.stat()):
            if not (_is_usual(status) or _is_place_of_ours(context, path)):
                strange.append(str(path))
                continue
            _check_one(path, status, folder)
            mode = stat.S_IMODE(status.st_mode)
            if mode & TOO_OPEN and os.name != "nt":
                open_ones.append((path, mode))
        _check_room(folder)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _new_folder_error(folder, why, f"Make it readable, or {_MOVE}.") from None
    yield _judge_modes(context, folder, open_ones)
    if strange:
        yield warning(
            f"not procore-login's, and no regular files: {name_some(strange)}. They are not used.",
            f"If nobody needs them: `rm {shlex.join(strange)}`",
            "foreign files",
        )


def _check_missing(folder: Path) -> Check:
    parent = next((p for p in folder.parents if may_exist(p)), folder.parent)
    if os.access(parent, os.W_OK | os.X_OK) and parent.is_dir():
        return fine(f"{folder} is not there yet; it is made when it is needed")
    raise DataFolderError(
        f"{folder} cannot be made: {parent} cannot be written.",
        "Let PROCORE_LOGIN_HOME name a folder that you may write.",
    )


def _walk(path: Path, status: os.stat_result) -> Iterator[tuple[Path, os.stat_result]]:
    """A file, or a folder and everything below it; links are named, not followed."""
    yield path, status
    if not stat.S_ISDIR(status.st_mode):
        return
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        try:
            below = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            # Another procore-login is at work.
            continue
        yield from _walk(Path(entry.path), below)


def _is_usual(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


def _is_place_of_ours(context: DoctorContext, path: Path) -> bool:
    """Whether a command of ours looks for a file there."""
    settings = context.settings
    if path == settings.folder or (settings.shared is None and path == settings.database):
        return True
    first = path.relative_to(settings.folder).parts[0]
    return first in _OURS or first.startswith(tuple(f"{name}.db" for name in ENVIRONMENTS))


def _check_one(path: Path, status: os.stat_result, folder: Path) -> None:
    # The data folder itself may be a link of the user's.
    if path == folder and not stat.S_ISDIR(status.st_mode):
        raise _new_folder_error(path, "it is not a folder", f"Remove it, or {_MOVE}.")
    if stat.S_ISLNK(status.st_mode):
        raise _new_folder_error(path, "it is a symbolic link", f"Remove it: `rm {shlex.quote(str(path))}`")
    if not _is_usual(status):
        raise _new_folder_error(path, "it is neither a file nor a folder", f"Remove it, or {_MOVE}.")
    if is_foreign(status):
        raise new_owner_error(path, status.st_uid, folder)


def _check_room(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        hint = f"Run `chmod u+rwx {shlex.quote(str(folder))}`, or {_MOVE}."
        raise _new_folder_error(folder, "it cannot be read and written", hint)
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        why = f"its disk is full ({free} bytes left)"
        raise _new_folder_error(folder, why, "Make room on it, then try again.")


def _new_folder_error(path: Path, why: str, hint: str) -> DataFolderError:
    return DataFolderError(f"{path} cannot be used: {why}.", hint)


def _judge_modes(context: DoctorContext, folder: Path, open_ones: list[tuple[Path, int]]) -> Check:
    if not open_ones:
        return fine(f"{folder} is yours alone (mode 0{stat.S_IMODE(folder.stat().st_mode):o})")
    if not keeps_modes(folder):
        error = new_modeless_error(folder, open_ones[0][1])
        if context.settings.store == "file":
            raise error
        return warning(new_modeless_warning(folder), error.hint)
    commands = [
        f"chmod {FOLDER_MODE if path.is_dir() else FILE_MODE:o} {shlex.quote(str(path))}"
        for path, _ in open_ones
    ]
    if len(commands) > MOST_NAMED:
        commands = [f"chmod -R go= {shlex.quote(str(folder))}"]
    named = name_some([f"{path} (mode 0{mode:o})" for path, mode in open_ones])
    return warning(
        f"open to other users: {named}. The next command that uses them closes them.",
        f"`{' && '.join(commands)}`",
    )


def check_database(context: DoctorContext) -> Iterator[Check]:
    """Integrity, schema, and whether it can be written. Raises DatabaseError."""
    path, is_named = context.settings.database, context.settings.named_database is not None
    where = f"{path} (from PROCORE_LOGIN_DB)" if is_named else str(path)
    if not (os.path.lexists(path) or may_exist(path)):
        _check_place(path, is_named=is_named)
        yield fine(f"{where} is not there yet; it is made when it is needed")
        return
    _check_kind(path, is_named=is_named)
    found = inspect(context.storage.database)
    words = ["is whole", f"schema {VERSION}" if found.has_tables else "our tables will be added"]
    if found.rows is not None:
        words.append(f"{found.rows} {'row' if found.rows == 1 else 'rows'} in users")
    if found.doubled:
        ids = "id" if found.doubled == 1 else "ids"
        words.append(f"{found.doubled} Procore {ids} twice (the lowest row counts)")
    yield fine(f"{where} {', '.join(words)}")
    try:
        context.storage.database.try_writing()
    except StorageError as error:
        # The checks to come still look at what can be read.
        yield failed(error, "database writing")


def _check_kind(path: Path, *, is_named: bool) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        # SQLite itself says what it may not look at.
        return
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a file"
        # What a variable names by mistake, such as /dev/null, is not to be moved.
        hint = f"{'L' if is_named else 'Move it away, or l'}et PROCORE_LOGIN_DB name an SQLite file."
        raise DatabaseError(f"The database {path} cannot be used: it is {kind}.", hint)


def _check_place(path: Path, *, is_named: bool) -> None:
    why = ""
    if path.parent.exists() and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        why = f"{path.parent} cannot be written"
    elif not path.parent.exists() and is_named:
        why = f"there is no folder {path.parent}"
    if why:
        hint = "Make that folder, or let PROCORE_LOGIN_DB name another file."
        raise DatabaseError(f"The database {path} cannot be made: {why}.", hint)
