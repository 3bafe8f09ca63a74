"""Whose a loopback connection is, as far as the system tells.

Refuses to guess: what the system does not tell is None, and an unknown peer is let in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from procore_cli.callback.sockets_table import PROC, hex_forms, read_rows


def admits(
    peer: tuple[str, int],
    own: tuple[str, int],
    root: Path = PROC,
    environ: Mapping[str, str] = os.environ,
) -> bool:
    """Whether a connection may talk to us: it is ours, root's (WSL's relay), SUDO_UID's, or unknown."""
    uid = find_peer_uid(peer, own, root)
    if uid is None or uid in (0, os.geteuid()):
        return True
    return environ.get("SUDO_UID") == str(uid)


def find_peer_uid(peer: tuple[str, int], own: tuple[str, int], root: Path = PROC) -> int | None:
    """The uid of the process at the other end of a connection on this machine, or None if it is unknown.

    `peer` and `own` are the addresses of our accepted socket (host, port; more is ignored).
    """
    theirs, ours = hex_forms(peer[0]), hex_forms(own[0])
    for row in read_rows(root):
        ports_fit = (row.local_port, row.remote_port) == (peer[1], own[1])
        if ports_fit and row.local in theirs and row.remote in ours:
            # A socket that no process holds any more is printed as root's, with inode 0.
            return row.uid if row.inode else None
    return None
