"""The harness's counts, handed from a test to the summary at the end through the test's report."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest

PROPERTY = "kills"


@dataclass
class Tally:
    """The trials of one test: how often each verdict came, and at which steps an interruption was said."""

    name: str
    verdicts: Counter[str] = field(default_factory=Counter)
    steps: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    note: str = ""

    def add(self, verdict: str, step: str) -> None:
        """Count a trial."""
        self.verdicts[verdict] += 1
        if "interrupted" in verdict:
            self.steps[verdict].append(step)

    def lines(self) -> list[str]:
        """The counts for people."""
        counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()))
        first = f"{self.name}: {self.verdicts.total()} trials, {counts}{self.note}"
        return [first, *(f"    {verdict} at: {_list(steps)}" for verdict, steps in self.steps.items())]


def _list(steps: list[str]) -> str:
    counted = Counter(steps)
    return "; ".join(f"{step} ({n}x)" if n > 1 else step for step, n in counted.items())


def hand_in(request: pytest.FixtureRequest, tally: Tally) -> None:
    """Put the counts into the test's report."""
    request.node.user_properties.append((PROPERTY, tally.lines()))


def print_all(reporter: pytest.TerminalReporter) -> None:
    """The summary's section."""
    reports = [r for key in ("passed", "failed") for r in reporter.stats.get(key, []) if r.when == "call"]
    counts = sorted(lines for r in reports for name, lines in r.user_properties if name == PROPERTY)
    if counts:
        reporter.section("kills", sep="=")
        for line in (line for lines in counts for line in lines):
            reporter.write_line(line)
