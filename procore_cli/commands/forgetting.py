"""What this machine keeps of the demo's accounts, deleted; refuses to touch another environment's.

Nothing is sent: the tokens are pretend, and the server that they are for may be gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli import folder
from procore_cli.errors import StorageError

if TYPE_CHECKING:
    from procore_cli.world import World


def forget_sign_ins(world: World) -> int:
    """Delete the tokens and, where the database is the demo's own, its rows; returns how many were signed in.

    Raises StorageError where a database of several environments cannot be used.
    """
    settings = world.settings
    is_own = settings.named_database is None
    if not settings.database.exists():
        return 0
    count, is_clean = 0, True
    try:
        count, is_clean = _delete_tokens(world)
    except StorageError as error:
        if not is_own:
            raise
        world.teller.warn(error.message)
    if not is_clean:
        # The list of what is to be deleted stands in the database.
        world.teller.warn("demo: some tokens could not be deleted yet; the next sign-in tries again.")
    elif is_own:
        _delete_database(settings.database)
    return count


def _delete_tokens(world: World) -> tuple[int, bool]:
    listed = world.vault.list_accounts()
    signed_in = [line.account for line in listed if line.is_signed_in]
    for account in signed_in:
        world.vault.sign_out(account)
    # Every account, whether the ones before are clean or not.
    cleaned = [world.vault.clean(line.account) for line in listed]
    return len(signed_in), all(cleaned)


def _delete_database(path: Path) -> None:
    for ending in ("", "-journal", "-wal", "-shm"):
        folder.delete_file(path.with_name(path.name + ending))
