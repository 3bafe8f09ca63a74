"""One writer of `config.toml` and the client secrets that belong to it at a time, across processes.

The lock lies beside those of the accounts; knows nothing of what is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from procore_cli import folder
from procore_cli.errors import BusyError
from procore_cli.store.lock import LOCK_TIMEOUT_S, Locks


@contextmanager
def hold_config(home: Path, report: folder.Report, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Wait until no other run changes `config.toml` in the data folder `home`.

    Raises BusyError after the time limit (seconds), DataFolderError.
    """
    locks = Locks(lambda: home, home / "config.toml", "config.toml", report, timeout_s=timeout_s)
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.hold(None))
        except BusyError:
            raise BusyError(
                f"Another procore-login has been changing config.toml for {timeout_s:g} seconds.",
                "Wait until it has ended, then try again.",
            ) from None
        yield
