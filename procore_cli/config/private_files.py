"""The data folder and its files: ours alone, 0700 and 0600 from the moment they exist, written atomically.

Refuses to follow links and to use what belongs to somebody else (on Windows the profile's ACL sees to it).
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from procore_cli import log
from procore_cli.errors import DataFolderError


def new_owner_error(path: Path, uid: int, top: Path) -> DataFolderError:
    """The error for what belongs to `uid`; `top` is the folder to take over, with all that is in it."""
    owner, us = _find_user(uid), _find_user(os.geteuid())
    whose = f"uid {uid}" if owner is None else f"{owner}, uid {uid}"
    # Without a name there is no group to go with it.
    to = os.geteuid() if us is None else f"{us}:"
    way_out = f"If it is yours: `sudo chown -R {to} {shlex.quote(str(top))}`"
    if os.geteuid() == 0:
        # It would lock out whose folder it is.
        way_out = f"Run this without sudo, as {owner or whose}"
    return DataFolderError(
        f"{path} cannot be used: it belongs to another user ({whose}).",
        f"{way_out}; or let PROCORE_LOGIN_HOME name another data folder.",
    )


def new_modeless_error(path: Path, mode: int) -> DataFolderError:
    """The error for a place of secrets that cannot be closed to others."""
    return DataFolderError(
        f"Secrets cannot be kept in {path}: its file system keeps no modes (0{mode:o}), so that other users"
        " may be able to read them.",
        "Let PROCORE_LOGIN_HOME name a folder on another file system; or, in WSL, write"
        ' options = "metadata" below [automount] into /etc/wsl.conf, then run `wsl.exe --shutdown`',
    )


def new_modeless_warning(path: Path) -> str:
    """The warning where there are no secrets; the same for every file there, so that it is told once."""
    mount = next(each for each in (path, *path.parents) if each.parent == each or each.is_mount())
    return (
        f"The file system at {mount} keeps no modes: other users may be able to read the settings, the"
        " database and the locks there; no secret is in them."
    )


def _find_user(uid: int) -> str | None:
    """The name of a user; None where the system knows none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


FOLDER_MODE = 0o700
FILE_MODE = 0o600
TOO_OPEN = 0o077
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_HAS_MODES = os.name != "nt"
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
# A pipe that lies where a file should be must not block the open.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)

_LOOKS_ONLY: ContextVar[bool] = ContextVar("_LOOKS_ONLY", default=False)


@contextmanager
def looking_only() -> Iterator[None]:
    """Within it modes that are too open stay as they are, and nothing is reported of them (`doctor`)."""
    token = _LOOKS_ONLY.set(True)
    try:
        yield
    finally:
        _LOOKS_ONLY.reset(token)


def may_exist(path: Path) -> bool:
    """Whether something is there, or may be: somebody else's folder does not say what is in it."""
    try:
        # Path.exists says False of that from Python 3.14 on.
        path.stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def open_folder(path: Path, top: Path | None = None, *, for_secrets: bool = False) -> Path:
    """Create the folder if it is missing, check and tighten it; returns it. Raises DataFolderError.

    `top` is the data folder that it lies in. One `for_secrets` must not be open to others where it cannot be
    tightened either; of any other one that is reported.
    """
    with _translated(path):
        status = _make_folder(path)
    if not stat.S_ISDIR(status.st_mode):
        raise _wrong(path, "it is not a folder")
    _check_owner(path, status, top or path)
    _tighten(path, status, FOLDER_MODE, for_secrets)
    return path


def open_subfolder(home: Path, name: str, *, for_secrets: bool = False) -> Path:
    """`open_folder` for the data folder `home` and a folder in it; returns the latter."""
    path = open_folder(home, for_secrets=for_secrets) / name
    # The data folder itself may be a link of the user's; nothing inside it may.
    if path.is_symlink():
        raise _wrong(path, "it is a symbolic link")
    return open_folder(path, home, for_secrets=for_secrets)


def check_file(path: Path) -> None:
    """Check that an existing file is a regular one of ours; tightens its mode. Raises DataFolderError."""
    with _translated(path, lies_in_ours=True):
        status = path.lstat()
    _check_status(path, status)


def new_file(path: Path) -> None:
    """Create an empty file that must not exist yet, 0600 from the start. Raises DataFolderError."""
    with _translated(path):
        _create(path)


def ensure_file(path: Path) -> None:
    """Create an empty file unless it is there, then `check_file`. Raises DataFolderError."""
    # Another process may create it at the same moment: then that one is checked.
    with _translated(path, lies_in_ours=True), suppress(FileExistsError):
        if not os.path.lexists(path):
            _create(path)
    check_file(path)


def find_bytes(path: Path, *, for_secrets: bool = False) -> bytes | None:
    """What a file holds after `check_file`, or None if it is missing. Raises DataFolderError."""
    with _translated(path, lies_in_ours=True):
        try:
            _check_status(path, path.lstat(), for_secrets)
            with os.fdopen(os.open(path, os.O_RDONLY | _NOFOLLOW | _BINARY | _NONBLOCK), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None


def save_bytes(path: Path, data: bytes, draft: Path | None = None, *, for_secrets: bool = False) -> None:
    """Replace a file's content in one step: after a crash it holds the former bytes or the new ones.

    `draft`: what `new_draft` made for it. Nothing of what is `for_secrets` is written where others could read
    it. Raises DataFolderError.
    """
    temporary = draft or _new_draft_path(path)
    with _translated(path, lies_in_ours=True):
        try:
            if draft is None:
                _create(temporary, for_secrets=for_secrets)
            _fill(temporary, data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def new_draft(path: Path, size: int) -> Path:
    """A file of `size` bytes on the disk, for `save_bytes` to fill with a secret. Raises DataFolderError."""
    draft = _new_draft_path(path)
    with _translated(path, lies_in_ours=True):
        try:
            _create(draft, for_secrets=True)
            _fill(draft, bytes(size))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    return draft


def delete_file(path: Path) -> bool:
    """Delete a file; False if there was none. Raises DataFolderError."""
    with _translated(path), suppress(FileNotFoundError):
        path.unlink()
        return True
    return False


def delete_database(path: Path) -> None:
    """Delete a SQLite file, and what SQLite may have left beside it. Raises DataFolderError."""
    for ending in ("", "-journal", "-wal", "-shm"):
        delete_file(path.with_name(path.name + ending))


def delete_drafts(path: Path) -> None:
    """Delete what a `save_bytes` of the same file left when it was killed. Raises DataFolderError."""
    with _translated(path):
        for draft in path.parent.glob(f".{path.name}.*"):
            draft.unlink(missing_ok=True)


def _make_folder(path: Path) -> os.stat_result:
    # One that is there may lie on a disk that is read-only, so it is looked at first.
    with suppress(FileNotFoundError):
        return path.stat()
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=FOLDER_MODE)
    return path.stat()


def keeps_modes(folder: Path) -> bool:
    """Whether the folder's file system keeps a mode that is set, found out with a file that is deleted again.

    Raises OSError.
    """
    path = folder / f".modes.{os.urandom(8).hex()}"
    try:
        _create(path)
        path.chmod(FOLDER_MODE)
        return stat.S_IMODE(path.stat().st_mode) == FOLDER_MODE
    except PermissionError:
        return False
    finally:
        path.unlink(missing_ok=True)


def _create(path: Path, *, for_secrets: bool = False) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY
    os.close(os.open(path, flags, FILE_MODE))
    mode = stat.S_IMODE(path.lstat().st_mode)
    if _HAS_MODES and for_secrets and mode & TOO_OPEN:
        raise new_modeless_error(path.parent, mode)


def _fill(path: Path, data: bytes) -> None:
    # Written over, not anew: the room that a draft has is what it is for.
    with os.fdopen(os.open(path, os.O_WRONLY | _NOFOLLOW | _BINARY), "wb") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _new_draft_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.urandom(8).hex()}")


def _sync_folder(path: Path) -> None:
    if not _HAS_MODES:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Some network file systems cannot sync a folder; the rename has happened all the same.
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_status(path: Path, status: os.stat_result, for_secrets: bool = False) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise _wrong(path, "it is a symbolic link")
    if not stat.S_ISREG(status.st_mode):
        raise _wrong(path, "it is not a regular file")
    _check_owner(path, status, path.parent)
    _tighten(path, status, FILE_MODE, for_secrets)


def _check_owner(path: Path, status: os.stat_result, top: Path) -> None:
    if is_foreign(status):
        raise new_owner_error(path, status.st_uid, top)


def is_foreign(status: os.stat_result) -> bool:
    """Whether something belongs to another user."""
    return hasattr(os, "geteuid") and status.st_uid != os.geteuid()


def _tighten(path: Path, status: os.stat_result, mode: int, for_secrets: bool) -> None:
    former = stat.S_IMODE(status.st_mode)
    if not _HAS_MODES or not former & TOO_OPEN or _LOOKS_ONLY.get():
        return
    with _translated(path):
        # Some file systems refuse it, and some agree and change nothing (WSL's drives, CIFS, bindfs, vfat).
        with suppress(PermissionError):
            path.chmod(mode)
        now = stat.S_IMODE(path.stat().st_mode)
    if not now & TOO_OPEN:
        log.warn(f"{path} was open to other users (mode 0{former:o}); its mode is 0{now:o} now.")
        return
    if for_secrets:
        raise new_modeless_error(path, now)
    log.warn(new_modeless_warning(path))


@contextmanager
def _translated(path: Path, *, lies_in_ours: bool = False) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            what = f"{path} cannot be written: the disk is full."
            raise DataFolderError(what, "Make room on it, then try again.") from None
        if isinstance(error, PermissionError) and lies_in_ours:
            # A folder that `sudo` made hides what is in it.
            for each in (path.parent, path):
                with suppress(OSError):
                    _check_owner(each, each.stat(), path.parent)
        raise _wrong(path, error.strerror or type(error).__name__) from None


def _wrong(path: Path, why: str) -> DataFolderError:
    return DataFolderError(
        f"{path} cannot be used: {why}.",
        "Correct or move it, or let PROCORE_LOGIN_HOME name another data folder.",
    )
