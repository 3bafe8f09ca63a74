"""What this machine keeps of the demo's accounts, deleted; refuses to touch another environment's.

Nothing is sent: the tokens are pretend, and the server that they are for may be gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli.config import private_files
from procore_cli.errors import DatabaseError

if TYPE_CHECKING:
    from procore_cli.world import World

# How every SQLite file begins (sqlite.org/fileformat, section 1.3.1).
_MAGIC = b"SQLite format 3\0"


def forget_sign_ins(world: World) -> int:
    """Delete the tokens and, where the database is the demo's own, its rows; returns how many were signed in.

    A demo's own file that is no database has to go. Raises StorageError for any other trouble.
    """
    settings = world.settings
    is_own = settings.named_database is None
    if not private_files.may_exist(settings.database):
        return 0
    count = 0
    try:
        count = _delete_tokens(world)
        is_clean = not world.vault.has_left()
    except DatabaseError as error:
        # One that is in use, or newer than this program, still lists what a keyring holds.
        if not is_own or _is_database(settings.database):
            raise
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


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return True


def _delete_database(path: Path) -> None:
    for ending in ("", "-journal", "-wal", "-shm"):
        private_files.delete_file(path.with_name(path.name + ending))
