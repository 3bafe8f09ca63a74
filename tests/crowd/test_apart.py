"""Two environments, or two accounts, do not wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.cli import Machine
from tests.crowd.crowd import Crowd, Job, SlowProvider, outcomes, released, sign_up
from tests.provider import serving

pytestmark = pytest.mark.crowd

RUNS = 10
SECOND = {"id": 22222, "login": "second@example.com", "name": None}


@pytest.fixture
def sandbox() -> Iterator[SlowProvider]:
    """Another environment's Procore."""
    with serving(SlowProvider()) as running, released(running):
        yield running


@pytest.mark.parametrize("machine", ["file"], indirect=True)
@pytest.mark.parametrize("shares_database", [False, True])
def test_an_environment_does_not_wait_for_another_ones_refresh(
    machine: Machine, provider: SlowProvider, sandbox: SlowProvider, crowd: Crowd, shares_database: bool
) -> None:
    if shares_database:
        machine.variables["PROCORE_LOGIN_DB"] = str(machine.home / "both.db")
        sign_up(machine, provider)
    other = replace(machine, variables=dict(machine.variables))
    other.point_at(sandbox)
    sign_up(other, sandbox, "--env", "sandbox")
    provider.hangs = lambda _: True
    crowd.read_timeout_s = 4.0

    ended = crowd.run(
        [Job(machine, ("token",))] * RUNS + [Job(other, ("token", "--env", "sandbox"), 0.3)] * RUNS
    )

    assert outcomes(ended[:RUNS]) == {(5, ""): RUNS}
    assert outcomes(ended[RUNS:]) == {(0, sandbox.access_tokens()[1]): RUNS}
    assert (len(provider.sent()), len(sandbox.sent())) == (1, 1)
    assert max(end.at for end in ended[RUNS:]) < min(end.at for end in ended[:RUNS])


@pytest.mark.parametrize("machine", ["keyring"], indirect=True)
def test_an_account_does_not_wait_for_another_ones_refresh(
    machine: Machine, provider: SlowProvider, crowd: Crowd
) -> None:
    [joes] = provider.alive()
    provider.person = SECOND
    sign_up(machine, provider)
    provider.hangs = lambda request: request.form["refresh_token"] == joes
    crowd.read_timeout_s = 4.0

    ended = crowd.run(
        [Job(machine, ("token", "--account", "11111"))] * RUNS
        + [Job(machine, ("token", "--account", "second@example.com"), 0.3)] * RUNS
    )

    assert outcomes(ended[:RUNS]) == {(5, ""): RUNS}
    assert outcomes(ended[RUNS:]) == {(0, provider.access_tokens()[2]): RUNS}
    assert len(provider.sent()) == 2
    assert max(end.at for end in ended[RUNS:]) < min(end.at for end in ended[:RUNS])
