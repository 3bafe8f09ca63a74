"""What `procore-login api` passes on a second, against curl and a bare loop with requests, on one server.

Refuses a server in the same process: it would take turns with what reads from it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.api_memory import PAGE
from benchmarks.stand import Stand
from benchmarks.start_up import peak_mib
from benchmarks.table import Table
from benchmarks.timing import time_once

MB = 1_000_000
GOAL_MIB = 80
# The least that somebody would write: every page, its items one a line.
LOOP = """
import json, sys, requests
session, url = requests.Session(), sys.argv[1]
while url:
    answer = session.get(url, timeout=60)
    answer.raise_for_status()
    for item in answer.json():
        sys.stdout.write(json.dumps(item) + "\\n")
    next = answer.links.get("next", {}).get("url")
    url = next and requests.compat.urljoin(url, next)
"""
SAVE = """
import sys, requests
with requests.get(sys.argv[1], stream=True, timeout=60) as answer, open(sys.argv[2], "wb") as file:
    answer.raise_for_status()
    for chunk in answer.iter_content(65536):
        file.write(chunk)
"""
# curl follows no Link header, so it is told every address.
PAGES = "{url}/rest/v1.0/pages?page=[1-{pages}]&pages={pages}"


@contextmanager
def serving_pages(stand: Stand) -> Iterator[str]:
    """The server of benchmarks/api_memory.py in a process of its own; gives its address."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [str(stand.python), str(Path(__file__).with_name("api_memory.py")), "--serve"],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        if server.stdout is None:
            raise SystemExit("The server has no output")
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def measure(stand: Stand, pages: int, megabytes: int, rounds: int) -> list[Table]:
    """Time pages and one large file, and look at the memory of `api` over each."""
    with serving_pages(stand) as url:
        there = stand.having(PROCORE_API_URL=url, PROCORE_LOGIN_URL=url, PROCORE_ACCESS_TOKEN="benchmark")
        return [
            measure_pages(there, url, pages, rounds),
            measure_file(there, url, megabytes, rounds),
            measure_memory(there, megabytes),
        ]


def measure_pages(stand: Stand, url: str, pages: int, rounds: int) -> Table:
    """Pages a second."""
    path = f"pages?page=1&pages={pages}"
    api = [stand.program, "api", path, "--paginate"]
    runs = {
        "`curl` of every address": ["curl", "-sS", "--fail", PAGES.format(url=url, pages=pages)],
        "requests loop, items as lines": [str(stand.python), "-c", LOOP, f"{url}/rest/v1.0/{path}"],
        "`api --paginate`": api,
        "`api --paginate --jsonl`": [*api, "--jsonl"],
        "`api --paginate --slurp`": [*api, "--slurp"],
    }
    took = take_turns(stand, runs, rounds)
    return Table(
        f"{pages} pages of {len(PAGE) / 1000:.1f} kB over loopback, least of {rounds}",
        ("command", "s", "pages/s", "MB/s"),
        [(name, f"{s:.2f}", f"{pages / s:.0f}", f"{pages * len(PAGE) / s / MB:.1f}") for name, s in took],
    )


def measure_file(stand: Stand, url: str, megabytes: int, rounds: int) -> Table:
    """Bytes a second, to a file."""
    path, file = f"file?size={megabytes * MB}", str(stand.place / "file")
    runs = {
        "`curl --output`": ["curl", "-sS", "--fail", "--output", file, f"{url}/rest/v1.0/{path}"],
        "requests loop to a file": [str(stand.python), "-c", SAVE, f"{url}/rest/v1.0/{path}", file],
        "`api --output`": [stand.program, "api", path, "--output", file],
    }
    took = take_turns(stand, runs, rounds)
    Path(file).unlink()
    return Table(
        f"{megabytes} MB over loopback to a file, least of {rounds}",
        ("command", "s", "MB/s"),
        [(name, f"{s:.2f}", f"{megabytes / s:.0f}") for name, s in took],
    )


def measure_memory(stand: Stand, megabytes: int) -> Table:
    """The most that `api` holds, whatever comes."""
    rows = []
    for pages in (10, 1_000, 10_000):
        for options in (["--paginate", "--jsonl"], ["--paginate", "--slurp"]):
            words = ["api", f"pages?page=1&pages={pages}", *options]
            rows.append((f"{pages:,} pages, `{' '.join(options)}`", words))
    file = str(stand.place / "file")
    rows.append((f"{megabytes} MB, `--output`", ["api", f"file?size={megabytes * MB}", "--output", file]))
    peaks = [(name, f"{peak_mib(stand, [stand.program, *words], 1):.1f}") for name, words in rows]
    Path(file).unlink()
    return Table(f"Peak memory of `api` (goal: flat, under {GOAL_MIB} MiB)", ("answer", "MiB"), peaks)


def take_turns(stand: Stand, runs: Mapping[str, Sequence[str]], rounds: int) -> list[tuple[str, float]]:
    """The least time of each command in seconds; they take turns."""
    times = [time_once(list(runs.values()), stand.environ) for _ in range(rounds)]
    return [(name, min(each)) for name, each in zip(runs, zip(*times, strict=True), strict=True)]
