"""A hundred `token` processes at once: over a valid token, and over an expired one.

Refuses to tell whether that is fast without a hundred times `python -c pass`, started the same way.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence

from benchmarks.stand import Stand
from benchmarks.table import Table
from benchmarks.timing import time_once

CORES = 2
# Starts so many at once, and fails if one of them does.
BURST = """
count=$1; shift
for _ in $(seq "$count"); do "$@" & done
for process in $(jobs -p); do wait "$process" || exit 1; done
"""
LOCKS = re.compile(r"^.*(?:flock\(|F_WRLCK|F_OFD_SETLKW?).*$", re.MULTILINE)
LOCK_FILES = re.compile(r"^.*openat\(.*/locks/.*$", re.MULTILINE)


def measure(stand: Stand, processes: int, bursts: int) -> Table:
    """Start so many processes at once, some times; returns the least times. The stand is signed in."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    token, start = [stand.program, "token"], [str(stand.python), "-c", "pass"]
    counts: set[int] = set()
    runs: list[tuple[str, Sequence[str], Callable[[Stand], None]]] = [
        ("`python -c pass`", start, leave),
        ("`procore-login --version`", [stand.program, "--version"], leave),
        ("`token`, valid", token, leave),
        ("`token`, expired", token, let_expire),
        ("`token`, valid, file store", token, leave),
        ("`token`, expired, file store", token, let_expire),
    ]
    rows = []
    for name, words, prepare in runs:
        store = "file" if "file store" in name else "keyring"
        here = stand.having(PROCORE_LOGIN_STORE=store, PROCORE_LOGIN_HOME=str(stand.place / f"crowd-{store}"))
        if words == token:
            here.sign_in()
        least_s = min(burst(here, words, processes, prepare, counts) for _ in range(bursts))
        rows.append((name, least_s))
    pass_s = rows[0][1]
    return Table(
        f"{processes} processes at once on {CORES} cores, least of {bursts}",
        ("command", "s, all", "ms, each", f"to {processes} x `python -c pass`"),
        [(name, f"{s:.2f}", f"{s * 1000 / processes:.1f}", f"{s / pass_s:.2f}") for name, s in rows],
        [describe_refreshes(processes, counts), describe_locks(stand)],
    )


def leave(stand: Stand) -> None:
    """Everything stays as it is."""


def let_expire(stand: Stand) -> None:
    """The tokens that are kept have ended, and the next ones last."""
    stand.procore.lifetime_s = 1
    stand.run("refresh")
    stand.procore.lifetime_s = 5400


def burst(
    stand: Stand, words: Sequence[str], processes: int, prepare: Callable[[Stand], None], counts: set[int]
) -> float:
    """Seconds until the last of them has ended; `counts` learns how many refreshes they made."""
    prepare(stand)
    before = stand.procore.refreshes
    (took_s,) = time_once([["bash", "-c", BURST, "burst", str(processes), *words]], stand.environ)
    counts.add(stand.procore.refreshes - before)
    return took_s


def describe_refreshes(processes: int, counts: set[int]) -> str:
    """What Procore saw of it."""
    return (
        f"Refreshes that {processes} processes made, in every burst: {sorted(counts)} (0 valid, 1 expired)."
    )


def describe_locks(stand: Stand) -> str:
    """What the kernel is asked to lock by one `token` over a valid token."""
    here = stand.having(PROCORE_LOGIN_HOME=str(stand.place / "crowd-keyring"))
    words = ["strace", "-f", "-qq", "-e", "trace=flock,fcntl,openat", stand.program, "token"]
    done = subprocess.run(words, env=here.environ, capture_output=True, text=True, check=True)  # noqa: S603
    locks, files = LOCKS.findall(done.stderr), LOCK_FILES.findall(done.stderr)
    shared = done.stderr.count("F_RDLCK")
    return (
        f"Locks of one `token` over a valid token, by strace: {len(locks)} exclusive ones, "
        f"{len(files)} lock files opened, {shared} shared ones (SQLite's, for its two or three reads)."
    )
