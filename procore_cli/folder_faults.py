"""What is wrong with the owner or the modes of the data folder, in words, and the way out; looks at no file.

The way out may be the last thing that a person types: it must take over no more than the data folder.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from procore_cli.errors import DataFolderError


def new_owner_error(path: Path, uid: int, top: Path) -> DataFolderError:
    """The error for what belongs to `uid`; `top` is the folder to take over, with all that is in it."""
    owner, us = _find_user(uid), _find_user(os.geteuid())
    whose = f"uid {uid}" if owner is None else f"{owner}, uid {uid}"
    # Without a name there is no group to go with it.
    to = os.geteuid() if us is None else f"{us}:"
    way_out = f"If it is yours: sudo chown -R {to} {shlex.quote(str(top))}"
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
        ' options = "metadata" below [automount] into /etc/wsl.conf, then run wsl.exe --shutdown',
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
