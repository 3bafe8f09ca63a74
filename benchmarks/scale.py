"""Whether a database of many people makes a command slower: a thousand rows, a million, and one.

Refuses to count rows that the program would not see: they stand in the tutorial's own table.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from benchmarks.stand import ROOT, Stand
from benchmarks.table import Table
from benchmarks.timing import time_once

SIZES = (1, 1_000, 1_000_000)
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))"
PEOPLE = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
    INSERT INTO users (procore_id, email) SELECT 1000000 + n, 'person' || n || '@example.com' FROM numbers"""
COMMANDS = (
    ("`whoami --offline --json`", ("whoami", "--offline", "--json")),
    (
        "same, `--account` by e-mail",
        ("whoami", "--offline", "--json", "--account", "joecontractor@procore.com"),
    ),
    ("`token`", ("token",)),
)
# A sign-in by a browser that needs no time, so that its end is the program's.
SIGN_IN = "from benchmarks.scale import sign_in_here; sign_in_here()"


def measure(stand: Stand, rounds: int) -> list[Table]:
    """Time the commands over each size; the sizes take turns."""
    places = {size: new_place(stand, size) for size in SIZES}
    rows = []
    for name, arguments in COMMANDS:
        rows.append((name, *_least(places, [stand.program, *arguments], rounds)))
    rows.append(("a sign-in", *_least(places, [str(stand.python), "-c", SIGN_IN], rounds)))
    head = ("milliseconds, people in the database:", *(f"{size:,}" for size in SIZES))
    return [Table(f"Many people, least of {rounds}", head, rows), measure_first_use(stand)]


def new_place(stand: Stand, size: int) -> Stand:
    """A data folder of its own with so many people, of whom one is signed in."""
    home = stand.place / f"people-{size}"
    here = stand.having(PROCORE_LOGIN_HOME=str(home), PYTHONPATH=str(ROOT), BENCH_PROGRAM=stand.program)
    here.sign_in()
    add_people(home / "production.db", size - 1)
    return here


def add_people(path: Path, count: int) -> None:
    """So many rows more."""
    with closing(sqlite3.connect(path)) as connection, connection:
        if count:
            connection.execute(PEOPLE, (count,))


def measure_first_use(stand: Stand) -> Table:
    """The tutorial's own file with the most people: the first use adds what is missing."""
    path = stand.place / "test.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(USERS)
    add_people(path, SIZES[-1])
    here = stand.having(
        PROCORE_LOGIN_HOME=str(stand.place / "tutorial"),
        PROCORE_LOGIN_DB=str(path),
        PYTHONPATH=str(ROOT),
        BENCH_PROGRAM=stand.program,
    )
    times = [time_once([[str(stand.python), "-c", SIGN_IN]], here.environ)[0] for _ in range(2)]
    rows = [
        ("the first, which adds our tables and indexes", f"{times[0]:.2f}"),
        ("the next", f"{times[1]:.2f}"),
    ]
    return Table(f"A `test.db` of {SIZES[-1]:,} rows that has never seen us", ("sign-in", "s"), rows)


def sign_in_here() -> None:
    """Sign in with the variables of this process."""
    from benchmarks.pretend import Procore

    place = Path(os.environ["PROCORE_LOGIN_HOME"])
    with Procore() as unused:
        Stand(
            place, Path(os.environ["BENCH_PROGRAM"]).with_name("python"), unused, dict(os.environ)
        ).sign_in()
    sys.stdout.flush()


def _least(places: dict[int, Stand], words: list[str], rounds: int) -> list[str]:
    times: dict[int, list[float]] = {size: [] for size in places}
    for _ in range(rounds):
        for size, here in places.items():
            times[size] += time_once([words], here.environ)
    return [f"{min(each) * 1000:.1f}" for each in times.values()]
