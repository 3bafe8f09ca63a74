"""Seeded faults: each is put into a copy of the product, and the tests must notice.

`python -m tests.seeded [--write] [NAME…]` ends with 1 if one went unnoticed. It begins with what noticed one
the last time, as docs/testing.md says; `--write` puts this time's there. Those that need "postgres" take that
extra, and Debian's postgresql and pgbouncer.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "testing.md"
_TABLE = re.compile(r"(?<=<!-- seeded faults -->\n).*?(?=<!-- end -->)", re.DOTALL)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/[^\s\[]+)", re.MULTILINE)
_NEAR = {
    "callback": "tests/callback",
    "client": "tests/procore",
    "storage": "tests/store",
    "demo": "tests/demo",
    "library": "tests/python_api",
}
# What the plain suite lets through is looked for where hundreds of processes run at once, or are killed.
_SUITES = (
    (),
    ("-n", "0", "-m", "crowd", "tests/crowd"),
    ("-m", "kills and not gnome_keyring", "tests/kills"),
)
# What a shared database alone shows.
_ON_POSTGRES = ("-n", "0", "-m", "postgres")
_POSTGRES_SUITE = ("tests/postgres", "tests/store/test_contract.py")
# Tests that are named of each fault.
_ENOUGH = 3
_TIMEOUT_S = 900


class Fault(NamedTuple):
    """`breaks` is the promise that goes; `good` stands once in the file at `path`, and becomes `bad`."""

    name: str
    breaks: str
    path: str
    good: str
    bad: str
    needs_postgres: bool

    def apply(self, text: str) -> str:
        assert text.count(self.good) == 1, f"{self.name} stands {text.count(self.good)} times in {self.path}"
        return text.replace(self.good, self.bad)


def read_faults() -> list[Fault]:
    found = tomllib.loads(Path(__file__).with_name("faults.toml").read_text(encoding="utf-8"))
    return [
        Fault(name, each["breaks"], each["in"], each["good"], each["bad"], each.get("needs") == "postgres")
        for name, each in found.items()
    ]


def main(arguments: Sequence[str]) -> int:
    """Try the faults that are named, or all; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeded", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/testing.md")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a fault; all of them by default")
    asked = parser.parse_args(arguments)
    faults = [fault for fault in read_faults() if not asked.names or fault.name in asked.names]
    if unknown := set(asked.names) - {fault.name for fault in faults}:
        parser.error(f"no fault is called {', '.join(sorted(unknown))}")
    left_out: list[str] = []
    if find_spec("psycopg") is None:
        # Its tests would fail, whatever is put in.
        left_out = [fault.name for fault in faults if fault.needs_postgres]
        faults = [fault for fault in faults if not fault.needs_postgres]
    rows = _read_rows()
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        copy = _copy_product(Path(folder))
        for number, fault in enumerate(faults, 1):
            started = time.monotonic()
            with _seeded(copy, fault, number):
                caught = _find_catchers(copy, fault, rows.get(fault.name, []))
            rows[fault.name] = caught
            missed += [] if caught else [fault.name]
            if asked.write:
                _write_rows(rows)
            took_s = time.monotonic() - started
            print(f"{fault.name}: {', '.join(caught) or 'NOT NOTICED'} ({took_s:.0f} s)", flush=True)
    print(f"{len(faults) - len(missed)} of {len(faults)} noticed; missed: {', '.join(missed) or 'none'}")
    if left_out:
        print(f"not tried without `pip install '.[postgres]'`: {', '.join(left_out)}")
    return 1 if missed else 0


def _copy_product(folder: Path) -> Path:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@contextmanager
def _seeded(copy: Path, fault: Fault, number: int) -> Iterator[None]:
    path = copy / fault.path
    good = path.read_text(encoding="utf-8")
    try:
        _write(path, fault.apply(good), number)
        yield
    finally:
        _write(path, good, -number)


def _write(path: Path, text: str, number: int) -> None:
    path.write_text(text, encoding="utf-8")
    # Python compares whole seconds and sizes before it takes a compiled file for current.
    when = time.time() + 60 * number
    os.utime(path, (when, when))


def _find_catchers(copy: Path, fault: Fault, known: Sequence[str]) -> list[str]:
    """The first tests that fail, without their parameters."""
    # Some have moved since.
    there = [name for name in known if _is_there(copy, name)]
    for options in _list_suites(fault, there):
        # Whether the faults fit is no question here: one of them does not any more.
        quiet = ("-rfE", "--tb=no", "--timeout=60", "--ignore=tests/test_seeded.py", f"--maxfail={_ENOUGH}")
        command = [sys.executable, "-m", "pytest", *quiet, *options]
        environ = {**os.environ, "PYTHONPATH": str(copy)}
        try:
            done = subprocess.run(
                command,
                cwd=copy,
                env=environ,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [f"no end within {_TIMEOUT_S} s"]
        if found := list(dict.fromkeys(_FAILED.findall(done.stdout))):
            return found
        # 4: one that noticed it the last time is no more; 5: none of them is in the plain suite.
        assert done.returncode in (0, 4, 5), done.stdout + done.stderr
    return []


def _list_suites(fault: Fault, known: Sequence[str]) -> list[tuple[str, ...]]:
    """What is tried, one after the other, as options of pytest."""
    if fault.needs_postgres:
        return [(*_ON_POSTGRES, *places) for places in (known, _POSTGRES_SUITE) if places]
    near = _NEAR.get(fault.path.split("/")[1])
    first = [tuple(known)] if known else [(near,)] if near else []
    return [*first, *_SUITES]


def _is_there(copy: Path, name: str) -> bool:
    path, _, function = name.partition("::")
    file = copy / path
    return file.is_file() and f"def {function.rpartition('::')[2]}(" in file.read_text(encoding="utf-8")


def _read_rows() -> dict[str, list[str]]:
    """The tests that noticed each fault the last time."""
    table = _TABLE.search(PAGE.read_text(encoding="utf-8"))
    cells = [line.split(" | ") for line in table[0].splitlines()[2:]] if table else []
    return {name.strip("| "): re.findall(r"`([^`]+)`", tests) for name, _, tests in cells}


def _write_rows(rows: dict[str, list[str]]) -> None:
    lines = ["| fault | breaks | noticed by |", "|---|---|---|"]
    for fault in read_faults():
        where = " ".join(f"`{name}`" for name in rows.get(fault.name, [])) or "**nothing**"
        lines.append(f"| {fault.name} | {fault.breaks} | {where} |")
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_TABLE.sub(lambda _: "\n".join([*lines, ""]), text), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
