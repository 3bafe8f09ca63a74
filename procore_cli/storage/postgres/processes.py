"""Which process has a claim, and whether it is gone, as far as this machine can tell of its own."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

_ENDED = frozenset("ZX")


def find_this_process() -> str | None:
    """What a claim records: machine, process id and its start; None where there is no /proc."""
    return _describe(os.getpid())


@cache
def _describe(number: int) -> str | None:
    machine, status = _find_machine(), _read_status(number)
    return f"{machine} {number} {status[1]}" if machine and status else None


def is_gone(recorded: str) -> bool:
    """Whether that process was one of this machine, and has ended; False of what nobody here can tell."""
    machine, _, rest = recorded.partition(" ")
    number, _, start = rest.partition(" ")
    if not start or machine != _find_machine() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        # Another user's is there all the same.
        pass
    status = _read_status(int(number))
    return status is not None and (status[0] in _ENDED or status[1] != start)


def _find_machine() -> str:
    """What no other machine, container or boot has; empty where there is nothing of the kind.

    Not /etc/machine-id: images are copied with it.
    """
    with suppress(OSError):
        if Path("/proc/self").readlink().name != str(os.getpid()):
            # The /proc of another process namespace (unshare): its numbers are other processes'.
            return ""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        # A container has process ids of its own.
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}/{socket.gethostname()}".replace(" ", "-")
    return ""


def _read_status(number: int) -> tuple[str, str] | None:
    """The state of a process and when it began, in ticks since the boot."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{number}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        # Fields 3 and 22 of proc(5); the name before them may have blanks in it.
        return fields[0], fields[19]
    return None
