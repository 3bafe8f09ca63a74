"""A hundred commands with an expired token of a service account: one request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import Machine
from tests.crowd.crowd import LIFETIME_S, Crowd, SlowProvider, outcomes

pytestmark = pytest.mark.crowd

RUNS = 100


@pytest.fixture
def machine(tmp_path: Path, provider: SlowProvider) -> Machine:
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    provider.services["22222"] = {"id": 777, "login": "dmsa-777@example.com", "name": None}
    provider.lifetime_s = 3
    assert machine.run_here("signin", "--service-account", "--company", "22222").code == 0
    provider.lifetime_s = LIFETIME_S
    return machine


@pytest.mark.parametrize("words", [("token",), ("exec", "--", "true")])
def test_a_hundred_commands_make_one_request(
    machine: Machine, provider: SlowProvider, held_up: Crowd, words: tuple[str, ...]
) -> None:
    ended = held_up.run_same(machine, RUNS, *words)

    expected = provider.access_tokens()[1] if words == ("token",) else ""
    assert outcomes(ended) == {(0, expected): RUNS}
    assert len(provider.access_tokens()) == 2
