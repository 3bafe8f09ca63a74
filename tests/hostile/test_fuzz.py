"""Two thousand odd requests to one sign-in: it says nothing, tries nothing, grows little and waits on."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.hostile.attacks import ATTACKS, fill_in, is_the_real_thing
from tests.hostile.waiting import STRAY_ERROR

EXAMPLES = 2000
# What hypothesis draws depends on every constant of the package: these answers are not left to chance.
HOME = b"GET /home HTTP/1.1\r\nHost: localhost:@port@\r\n\r\n"
LONG_TARGET = b"GET /callback?code=" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost:@port@\r\n\r\n"
LONG_HEAD = b"GET / HTTP/1.1\r\nHost: localhost:@port@\r\nCookie: " + b"x" * 70_000 + b"\r\n\r\n"
MAY_GROW_KIB = 30 * 1024
pytestmark = pytest.mark.fuzz


def peak_kib(pid: int) -> int:
    """The most memory that a process has held, where the system tells."""
    if sys.platform != "linux":
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found
    return int(found[1])


def test_two_thousand_odd_requests_change_nothing(sign_in):
    # The one line that may come at all comes here, and never again.
    sign_in.told.append(STRAY_ERROR)
    sign_in.ask("/callback?error=evil")
    before_kib = peak_kib(sign_in.process.pid)
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(ATTACKS)
    @example(HOME)
    @example(LONG_TARGET)
    @example(LONG_HEAD)
    def attack(piece: bytes) -> None:
        raw = fill_in(piece, sign_in.state, sign_in.port)
        if is_the_real_thing(raw, sign_in.state):
            return
        statuses.append(sign_in.status_of(raw))
        assert statuses[-1] < 500
        sign_in.assert_waits()

    attack()

    assert len(statuses) > EXAMPLES * 0.9
    assert {0, 200, 400, 403, 404, 405, 414, 431} <= set(statuses)
    assert peak_kib(sign_in.process.pid) - before_kib < MAY_GROW_KIB
