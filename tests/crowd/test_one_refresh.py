"""A hundred commands with an expired token: one request at the provider, whatever becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import Machine
from tests.crowd.crowd import LIFETIME_S, Crowd, Ended, Job, SlowProvider, outcomes, sign_up
from tests.provider import serving

pytestmark = pytest.mark.crowd

RUNS = 100
READ_TIMEOUT_S = 1.5


def assert_nobody_waited_in_turn(ended: list[Ended]) -> None:
    """One run got the lock, which it kept until all the others had ended: they left without it."""
    assert sorted(end.locks for end in ended) == [0] * (len(ended) - 1) + [1]


@pytest.mark.parametrize(
    ("machine", "options", "becomes", "code"),
    [
        ("file", (), "answered", 0),
        ("keyring", (), "answered", 0),
        # More life than any token has.
        ("file", ("--min-ttl", "99999"), "answered", 0),
        ("keyring", (), "refused", 4),
        ("keyring", (), "hangs", 5),
        ("file", (), "unreachable", 5),
    ],
    indirect=["machine"],
)
def test_a_hundred_commands_cost_one_refresh_whatever_becomes_of_it(
    machine: Machine,
    provider: SlowProvider,
    held_up: Crowd,
    options: tuple[str, ...],
    becomes: str,
    code: int,
) -> None:
    provider.refuses = becomes == "refused"
    if becomes == "hangs":
        # For all of them it lasts as long as for one.
        provider.hangs = lambda _: True
        held_up.read_timeout_s = READ_TIMEOUT_S
    elif becomes == "unreachable":
        with serving(SlowProvider()) as short_lived:
            assert isinstance(short_lived, SlowProvider)
            machine.point_at(short_lived)
            sign_up(machine, short_lived)

    ended = held_up.run_same(machine, RUNS, "token", *options)

    assert outcomes(ended) == {(code, provider.access_tokens()[1] if code == 0 else ""): RUNS}
    assert len(provider.sent()) == (0 if becomes == "unreachable" else 1)
    assert_nobody_waited_in_turn(ended)
    if becomes == "unreachable":
        assert len({end.err for end in ended}) == 1
    elif becomes == "refused":
        # It is never sent again.
        arrived = len(provider.requests)
        later = [machine.run_here(*words) for words in (("token",), ("refresh",), ("whoami",))]
        assert [result.code for result in later] == [4, 4, 4]
        assert len(provider.requests) == arrived


@pytest.mark.parametrize(
    ("machine", "refuses"),
    [("file", False), ("keyring", True)],
    ids=["answered", "refused"],
    indirect=["machine"],
)
def test_commands_that_begin_during_a_refresh_do_not_wait_for_the_lock(
    machine: Machine, provider: SlowProvider, crowd: Crowd, refuses: bool
) -> None:
    provider.refuses, provider.delay_s = refuses, 1.5
    crowd.lingers = True
    # These find the refresh on the list before they have looked at any token.
    ended = crowd.run([Job(machine, ("token",)), *[Job(machine, ("token",), 0.5)] * RUNS])
    expected = (4, "") if refuses else (0, provider.access_tokens()[-1])
    assert outcomes(ended) == {expected: RUNS + 1}
    assert len(provider.sent()) == 1
    assert_nobody_waited_in_turn(ended)


@pytest.mark.parametrize("machine", ["file"], indirect=True)
@pytest.mark.parametrize("refuses", [False, True])
def test_after_an_unanswered_request_one_run_tries_with_what_is_there(
    machine: Machine, provider: SlowProvider, held_up: Crowd, refuses: bool
) -> None:
    # A few commands whose request is never answered.
    provider.hangs = lambda _: True
    held_up.read_timeout_s = 1.0
    assert outcomes(held_up.run_same(machine, 5, "token")) == {(5, ""): 5}
    provider.hangs = lambda _: False
    held_up.read_timeout_s = None
    provider.refuses = refuses
    ended = held_up.run_same(machine, RUNS, "token")
    assert outcomes(ended) == {(4, "") if refuses else (0, provider.access_tokens()[1]): RUNS}
    assert all("interrupted" in end.err for end in ended) or not refuses
    assert sum(end.locks for end in ended) == 1
    assert len(provider.sent()) == 2
    if refuses:
        assert machine.run_here("token").code == 4
        assert len(provider.sent()) == 2


@pytest.mark.parametrize("words", [("token",), ("exec", "--", "true")])
def test_a_hundred_commands_of_a_service_account_make_one_request(
    tmp_path: Path, provider: SlowProvider, held_up: Crowd, words: tuple[str, ...]
) -> None:
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    provider.services["22222"] = {"id": 777, "login": "dmsa-777@example.com", "name": None}
    provider.lifetime_s = 3
    assert machine.run_here("signin", "--service-account", "--company", "22222").code == 0
    provider.lifetime_s = LIFETIME_S

    ended = held_up.run_same(machine, RUNS, *words)

    expected = provider.access_tokens()[1] if words == ("token",) else ""
    assert outcomes(ended) == {(0, expected): RUNS}
    assert len(provider.access_tokens()) == 2
