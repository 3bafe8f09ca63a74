"""What the crowds came to in numbers, handed from a test to the summary at the end through its report."""

from __future__ import annotations

import pytest

PROPERTY = "crowd"


def hand_in(request: pytest.FixtureRequest, text: str) -> None:
    """Put a line into the test's report."""
    request.node.user_properties.append((PROPERTY, f"{request.node.name}: {text}"))


def print_all(reporter: pytest.TerminalReporter) -> None:
    """The summary's section."""
    reports = [r for key in ("passed", "failed") for r in reporter.stats.get(key, []) if r.when == "call"]
    lines = sorted(line for r in reports for name, line in r.user_properties if name == PROPERTY)
    if lines:
        reporter.section("crowd", sep="=")
        for line in lines:
            reporter.write_line(line)
