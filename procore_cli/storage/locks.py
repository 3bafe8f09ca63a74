"""One lock an account, across processes and threads, as files; and one for `config.toml`.

Refuses to wait for ever, and never deletes a lock file: a removed one would let a second holder in.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from procore_cli.config import folders, private_files
from procore_cli.errors import BusyError, DataFolderError

if TYPE_CHECKING:
    from filelock import BaseFileLock


FOLDER = "locks"
_NAME = re.compile(r"[0-9a-f]{32}\.lock")
LOCK_TIMEOUT_S = 90.0
POLL_S = 0.05
# A change that the file's time is too coarse to show, or that lies in a write-ahead log, waits so long.
LOOK_S = 1.0


class Locks:
    """The locks of one environment in one database file; with no environment, the one of config.toml."""

    def __init__(
        self,
        home: Path,
        database: Path,
        environment: str | None,
        *,
        timeout_s: float = LOCK_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`home` is the data folder; `clock`: seconds as `time.monotonic` counts them."""
        self._home = home
        self._database = database.resolve()
        self._scope = f"{self._database}\0{environment or database.name}"
        self._environment = environment or ""
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def hold(self, key: int | None, leave_when: Callable[[], bool] | None = None) -> Iterator[bool]:
        """Wait for an account's lock (None: of a sign-in that nobody is known of yet, or of the whole file).

        Yields True with the lock held, or False once `leave_when` says that it is not needed any more;
        that is asked at first, whenever the database's file has changed, and once a second.
        Raises BusyError after the time limit, DataFolderError.
        """
        lock = self._new_lock(key)
        held = self._wait(lock, leave_when)
        try:
            yield held
        finally:
            if held:
                lock.release()

    @contextmanager
    def try_hold(self, key: int | None) -> Iterator[bool]:
        """As `hold`, but yields False at once if somebody else has the lock."""
        with self.hold(key, leave_when=lambda: True) as held:
            yield held

    def _wait(self, lock: BaseFileLock, leave_when: Callable[[], bool] | None) -> bool:
        deadline = self._clock() + self._timeout_s
        changes = _Changes(self._database, self._clock)
        while not self._try(lock):
            if leave_when is not None and changes.may_have_come() and leave_when():
                return False
            if self._clock() >= deadline:
                raise self._new_busy_error()
            self._sleep(POLL_S)
        return True

    def _try(self, lock: BaseFileLock) -> bool:
        import filelock

        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        except (OSError, NotImplementedError) as error:
            why = getattr(error, "strerror", None) or "its file system has no locks"
            variable = "PROCORE_LOGIN_HOME" if self._find_data_folder() else "XDG_STATE_HOME"
            raise DataFolderError(
                f"{lock.lock_file} cannot be locked: {why}.", f"Let {variable} name a folder on a local disk."
            ) from None
        return True

    def _new_lock(self, key: int | None) -> BaseFileLock:
        import hashlib

        import filelock

        who = "new" if key is None else str(key)
        digest = hashlib.sha256(f"{self._scope}\0{who}".encode("utf-8", "surrogateescape")).hexdigest()
        path = self._open_folder() / f"{digest[:32]}.lock"
        private_files.ensure_file(path)
        # A fresh object each time: one that is shared would let two threads in.
        return filelock.FileLock(path, mode=private_files.FILE_MODE, thread_local=False, **_new_options())

    def _open_folder(self) -> Path:
        """Where every run of ours locks that names this database, whatever its data folder is."""
        folder = self._find_data_folder()
        if folder is not None:
            return private_files.open_subfolder(folder, FOLDER)
        folder = folders.find_state_folder()
        try:
            return private_files.open_subfolder(folder, FOLDER)
        except DataFolderError as error:
            raise DataFolderError(
                error.message,
                "The locks of a database outside of the data folder lie there. Correct or move it, or let"
                " XDG_STATE_HOME name another place.",
            ) from None

    def _find_data_folder(self) -> Path | None:
        """The data folder that the database lies in: this run's own, or another one of ours."""
        folder = self._database.parent
        if folder == self._home.resolve():
            return self._home
        return folder if _has_locks(folder) else None

    def _new_busy_error(self) -> BusyError:
        again = "Wait until it has ended, then try again."
        if not self._environment:
            return BusyError(
                f"Another procore-login has been changing config.toml for {self._timeout_s:g} seconds.", again
            )
        return BusyError(
            f"Another procore-login has been at work on this account in {self._environment} "
            f"for {self._timeout_s:g} seconds.",
            again,
            environment=self._environment,
        )


def _has_locks(folder: Path) -> bool:
    """Whether a folder is a data folder of ours: no other has files that are named as locks are."""
    try:
        with os.scandir(folder / FOLDER) as found:
            is_used = any(_NAME.fullmatch(entry.name) for entry in found)
        return is_used and not private_files.is_foreign(folder.stat())
    except OSError:
        return False


class _Changes:
    """Spares a waiting run the database: a hundred that read it all the time would take a whole processor."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._seen: tuple[int, ...] | None = None
        self._looked_at: float | None = None

    def may_have_come(self) -> bool:
        """Whether the file may hold something new since the last time that this said so."""
        mark, now = None, self._clock()
        # Never opened here: closing it would drop the locks that SQLite holds in another thread.
        with suppress(OSError):
            status = self._path.stat()
            mark = status.st_mtime_ns, status.st_size, status.st_ino
        if self._looked_at is not None and mark == self._seen and now < self._looked_at + LOOK_S:
            return False
        self._seen, self._looked_at = mark, now
        return True


def _new_options() -> dict[str, Any]:
    # filelock has had these for some time only; before, they were its fixed behaviour.
    import inspect

    import filelock

    known = inspect.signature(filelock.FileLock.__init__).parameters
    wanted = {"fallback_to_soft": False, "preserve_lock_file": True}
    return {name: value for name, value in wanted.items() if name in known}


def hold_config(home: Path, timeout_s: float = LOCK_TIMEOUT_S) -> AbstractContextManager[bool]:
    """Wait until no other run changes `config.toml` in the data folder `home`.

    Raises BusyError after the time limit (seconds), DataFolderError.
    """
    return Locks(home, home / "config.toml", None, timeout_s=timeout_s).hold(None)
