"""hyperfine, called so that it alternates; refuses to time anything itself.

hyperfine runs all of one command before the next; a machine that slows down meanwhile makes ratios of that
worthless. So it is asked for one run of each of a pair, and asked again in every round.
"""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory


@dataclass
class Case:
    """A command to be timed against another one; `times` are (reference, command) in seconds."""

    name: str
    words: Sequence[str]
    reference: Sequence[str]
    environ: Mapping[str, str]
    on_terminal: bool = False
    goal: float | None = None
    exit_code: int = 0
    times: list[tuple[float, float]] = field(default_factory=list)

    @property
    def reference_s(self) -> float:
        """The least time of the reference, in the runs beside the command's own."""
        return min(reference for reference, _ in self.times)

    @property
    def least_s(self) -> float:
        """The least time of the command."""
        return min(command for _, command in self.times)

    @property
    def ratio(self) -> float:
        """How much longer the command takes than the reference."""
        return self.least_s / self.reference_s


def time_alternating(cases: Sequence[Case], rounds: int) -> None:
    """Run every pair once a round, after a round that does not count. Raises SystemExit if one fails."""
    for number in range(rounds + 1):
        for case in cases:
            pair = [case.reference, case.words]
            codes = (0, case.exit_code)
            reference_s, command_s = time_once(pair, case.environ, case.on_terminal, codes)
            if number:
                case.times.append((reference_s, command_s))


def time_once(
    commands: Sequence[Sequence[str]],
    environ: Mapping[str, str],
    on_terminal: bool = False,
    codes: Sequence[int] = (),
) -> list[float]:
    """One run of each, one after the other, in seconds.

    Raises SystemExit if one ends with another code than the one in `codes`, which is 0 for all if not said.
    """
    with TemporaryDirectory() as folder, _new_screen() if on_terminal else _nowhere() as screen:
        report = Path(folder, "report.json")
        options = ["--shell=none", "--ignore-failure", "--runs=1", "--style=none", f"--export-json={report}"]
        options += ["--output=inherit"] if on_terminal else []
        done = subprocess.run(  # noqa: S603 - our own words
            ["hyperfine", *options, *map(shlex.join, commands)],  # noqa: S607 - wherever it is
            env=dict(environ),
            # Some programs lay a log beside whoever starts them.
            cwd=environ.get("HOME"),
            stdin=subprocess.DEVNULL,
            stdout=screen,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{[shlex.join(words) for words in commands]} failed:\n{done.stderr}")
        results = json.loads(report.read_text())["results"]
    for words, result, expected in zip(commands, results, codes or [0] * len(commands), strict=True):
        if result["exit_codes"] != [expected]:
            raise SystemExit(f"{shlex.join(words)} ended with {result['exit_codes']}, not {expected}")
    return [result["times"][0] for result in results]


@contextmanager
def _nowhere() -> Iterator[int]:
    yield subprocess.DEVNULL


@contextmanager
def _new_screen() -> Iterator[int]:
    """A terminal on which everything that is drawn is read, and thrown away."""
    screen, terminal = pty.openpty()
    reader = threading.Thread(target=_drain, args=(screen,))
    reader.start()
    try:
        yield terminal
    finally:
        os.close(terminal)
        reader.join()


def _drain(screen: int) -> None:
    with open(screen, "rb", buffering=0) as file:
        try:
            while file.read(65536):
                pass
        except OSError:
            # How Linux says that nobody draws any more.
            return
