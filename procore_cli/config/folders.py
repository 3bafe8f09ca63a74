"""Where the data folder is, and the state folder; neither is looked at nor made here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from procore_cli import log
from procore_cli.errors import DataFolderError

NAME = "procore-login"


def find_folder(variables: Mapping[str, str]) -> Path | None:
    """The data folder, there or not: PROCORE_LOGIN_HOME, or platformdirs' user data folder.

    None where neither HOME nor the system knows a home folder, as with a random uid in a container.
    """
    chosen = variables.get("PROCORE_LOGIN_HOME")
    if chosen:
        return new_path(chosen, "PROCORE_LOGIN_HOME")
    home = variables.get("HOME", "")
    # Of "/", which Docker gives somebody without a passwd entry, no "//" is made.
    base = variables.get("XDG_DATA_HOME") or f"{home.rstrip('/')}/.local/share"
    if sys.platform == "linux" and home.startswith("/") and base.startswith("/"):
        # What platformdirs says of the usual case; loading it takes a tenth of the time of a short command.
        return Path(base, NAME)
    return _ask_platformdirs("user_data_dir")


def _ask_platformdirs(name: str) -> Path | None:
    import platformdirs

    try:
        found: str = getattr(platformdirs, name)(NAME, appauthor=False)
    except (KeyError, RuntimeError):
        return None
    # Older ones leave the ~ in it.
    return None if found.startswith("~") else Path(found)


def require_folder(found: Path | None) -> Path:
    """What `find_folder` has found. Raises DataFolderError where that is None."""
    if found is None:
        raise DataFolderError(
            "There is no data folder: HOME is not set, and the system knows no home folder of this user.",
            "Let PROCORE_LOGIN_HOME name a folder that you may write; whoami, token, api and exec need none"
            " where PROCORE_ACCESS_TOKEN is set.",
        )
    return found


def find_state_folder() -> Path:
    """The user's state folder, there or not; beside the data folder, the same whatever names that one.

    Raises DataFolderError where there is none.
    """
    found = _ask_platformdirs("user_state_dir")
    if found is None:
        raise DataFolderError(
            "There is no state folder: HOME is not set, and the system knows no home folder of this user.",
            "The locks of a database outside of the data folder lie there: set HOME, or let XDG_STATE_HOME"
            " name a folder that you may write.",
        )
    return found


def new_path(text: str, variable: str) -> Path:
    """The absolute path that a variable names; raises DataFolderError where `~NAME` is nobody's."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise DataFolderError(
            f"{variable} cannot be used: {text} names a home folder that is not known.",
            f"Write the whole path into {variable}.",
            source=variable,
        ) from None


def warn_of_sudo(home: Path | None, variables: Mapping[str, str]) -> None:
    """Say whose data folder is in force where root works for somebody else."""
    somebody, is_root = variables.get("SUDO_USER", "root"), hasattr(os, "geteuid") and os.geteuid() == 0
    if somebody != "root" and "PROCORE_LOGIN_HOME" not in variables and is_root:
        log.warn(f"This runs as root, by sudo: the data folder is {home}, whatever {somebody}'s is.")
