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
    count = 0
    try:
        count = _delete_tokens(world)
        is_clean = not world.vault.has_left()
    except StorageError as error:
        if not is_own:
            raise
        # Its own database is of no use as it is.
        world.teller.warn(error.message)
        is_clean = True
    if not is_clean:
        # The list of what is to be deleted stands in the database.
        world.teller.warn("demo: some tokens could not be deleted yet; a later run tries again.")
    elif is_own:
        _delete_database(settings.database)
    return count


def _delete_tokens(world: World) -> int:
    """Returns how many accounts were signed in."""
    present = world.vault.list_signed_in()
    for account in present:
        world.vault.clean(account, world.vault.sign_out(account).entry)
    world.vault.clean_free()
    return len(present)


def _delete_database(path: Path) -> None:
    for ending in ("", "-journal", "-wal", "-shm"):
        folder.delete_file(path.with_name(path.name + ending))
