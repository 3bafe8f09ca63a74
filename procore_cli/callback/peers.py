"""Whose a loopback connection is, as far as the system tells.

Refuses to guess: what the system does not tell is None, and an unknown peer is let in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from procore_cli.callback.sock_diag import Owner, find_owner
from procore_cli.callback.sockets_table import PROC, Row, hex_forms, read_rows

Address = tuple[str, int]

_SOME_INODE = 1


class Standing(Enum):
    """Whether the other end of a connection may talk to us."""

    ADMITTED = "ours, root's (WSL's relay), SUDO_UID's, or unknown"
    FOREIGN = "another user's"
    GONE = "nobody's any more: it cannot be told whose it was"


class Peer(NamedTuple):
    """The other end of a connection; `uid` is None where the system does not tell it."""

    standing: Standing
    uid: int | None = None


def judge(
    peer: Address,
    own: Address,
    root: Path = PROC,
    environ: Mapping[str, str] = os.environ,
) -> Peer:
    """Whose a connection is; `peer` and `own` are the addresses of our accepted socket (host, port)."""
    owner = _find_owner(peer, own, root)
    if owner is None:
        return Peer(Standing.ADMITTED)
    if not owner.inode:
        # Whoever sends and hangs up at once would pass for root otherwise.
        return Peer(Standing.GONE)
    is_admitted = owner.uid in (0, os.geteuid()) or environ.get("SUDO_UID") == str(owner.uid)
    return Peer(Standing.ADMITTED if is_admitted else Standing.FOREIGN, owner.uid)


def _find_owner(peer: Address, own: Address, root: Path) -> Owner | None:
    """The owner of the other end of a connection on this machine, or None if it is unknown."""
    if root == PROC and (owner := find_owner(peer, own)):
        return owner
    rows = list(read_rows(root))
    theirs, ours = _find_row(rows, peer, own), _find_row(rows, own, peer)
    if theirs is None:
        return None
    # We hold our own end: a table that knows no inode of it knows none at all, and its uids must do.
    knows_inodes = ours is None or ours.inode != 0
    return Owner(theirs.uid, theirs.inode if knows_inodes else _SOME_INODE)


def _find_row(rows: list[Row], local: Address, remote: Address) -> Row | None:
    locals_, remotes = hex_forms(local[0]), hex_forms(remote[0])
    for row in rows:
        ports_fit = (row.local_port, row.remote_port) == (local[1], remote[1])
        if ports_fit and row.local in locals_ and row.remote in remotes:
            return row
    return None
