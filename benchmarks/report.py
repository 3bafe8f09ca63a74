"""Every table of docs/performance.md, measured anew: `make bench`, or python -m benchmarks.report --write.

Refuses to mix runs: what is written is one run on one machine.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import contention, library, scale, start_up, throughput
from benchmarks.stand import ROOT, Stand, check_packages, describe_machine, find_python, opening_stand
from benchmarks.table import Table

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"
_ON_BUS = "BENCH_ON_A_BUS"
_STAGE = re.compile(r"^(.+?)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)$", re.MULTILINE)


def main() -> None:
    """Measure, print each table as it is there, and with --write put them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: to see that it works")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    given = parser.parse_args()
    check_packages()
    if not os.environ.get(_ON_BUS):
        # A session bus of its own: the one of whoever runs this has their keyring on it.
        os.environ[_ON_BUS] = "1"
        again = ["dbus-run-session", "--", sys.executable, "-m", "benchmarks.report", *sys.argv[1:]]
        os.execvp(again[0], again)  # noqa: S606 - our own words
    with opening_stand(find_python("3.11")) as stand:
        drawn = [f"{datetime.now(UTC):%Y-%m-%d}, {describe_machine(stand.python)}."]
        _say(drawn[0])
        for table in measure(stand, quick=given.quick):
            drawn.append(table.draw())
            _say(drawn[-1])
    if given.write:
        save("\n\n".join(drawn))


def measure(stand: Stand, *, quick: bool) -> Iterator[Table]:
    """Every table, in the page's order."""
    stand.sign_in()
    yield from start_up.measure(stand, 3 if quick else 40, with_peers=not quick)
    yield measure_sign_in(stand, "keyring", 2 if quick else 10)
    yield measure_sign_in(stand, "file", 2 if quick else 10)
    yield contention.measure(stand, 10 if quick else 100, 1 if quick else 3)
    yield from throughput.measure(stand, 20 if quick else 1_000, 10 if quick else 1_000, 1 if quick else 3)
    yield library.measure(stand, 1_000 if quick else 20_000, 20 if quick else 500)
    yield from scale.measure(stand, 2 if quick else 10)


def measure_sign_in(stand: Stand, store: str, runs: int) -> Table:
    """What a sign-in adds to Procore's answers (benchmarks/sign_in.py), by its stages."""
    script = Path(__file__).with_name("sign_in.py")
    printed = stand.call(str(stand.python), str(script), "--store", store, "--runs", str(runs))
    rows = _STAGE.findall(printed)
    title = f"A sign-in without Procore's two answers, {runs} times, store {store} (goal: under 150 ms)"
    return Table(title, ("stage, milliseconds", "least", "median", "most"), rows)


def save(text: str) -> None:
    """Put the tables between the page's two marks."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
