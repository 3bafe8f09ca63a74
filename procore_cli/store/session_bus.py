"""Where the user's D-Bus session bus is when nobody says so, as in a cron job; refuses a socket of others."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

VARIABLE = "DBUS_SESSION_BUS_ADDRESS"


def use_own_bus(runtime_root: Path = Path("/run/user")) -> None:
    """Set `DBUS_SESSION_BUS_ADDRESS` if it is not set and the user's own bus is there."""
    if os.environ.get(VARIABLE) or not sys.platform.startswith("linux"):
        return
    path = runtime_root / str(os.getuid()) / "bus"
    try:
        status = path.lstat()
    except OSError:
        return
    if stat.S_ISSOCK(status.st_mode) and status.st_uid == os.getuid():
        os.environ[VARIABLE] = f"unix:path={path}"
