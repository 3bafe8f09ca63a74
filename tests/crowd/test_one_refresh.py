"""A hundred commands with an expired token: one request at the provider, whatever becomes of it."""

from __future__ import annotations

import pytest

from tests.cli import Machine, Result
from tests.crowd.crowd import Crowd, Ended, Job, SlowProvider, assert_sent_once, outcomes, sign_up
from tests.provider import serving

pytestmark = pytest.mark.crowd

RUNS = 100
OVER_FILES = pytest.mark.parametrize("machine", ["file"], indirect=True)
OVER_A_KEYRING = pytest.mark.parametrize("machine", ["keyring"], indirect=True)
# As processes of their own, with all that an interpreter has to load.
WHOLE_RUNS = 20
READ_TIMEOUT_S = 1.5


def spoken(result: Result) -> tuple[int, str]:
    return result.code, result.out.strip()


def assert_nobody_waited_in_turn(ended: list[Ended]) -> None:
    """One run got the lock, which it kept until all the others had ended: they left without it."""
    assert sorted(end.locks for end in ended) == [0] * (len(ended) - 1) + [1]


def test_a_hundred_commands_get_one_token_for_one_refresh(
    machine: Machine, provider: SlowProvider, held_up: Crowd
) -> None:
    ended = held_up.run_same(machine, RUNS, "token")

    assert outcomes(ended) == {(0, provider.access_tokens()[1]): RUNS}
    assert len(provider.sent()) == 1
    assert_nobody_waited_in_turn(ended)


@OVER_FILES
def test_more_life_than_any_token_has_is_one_refresh_as_well(
    machine: Machine, provider: SlowProvider, held_up: Crowd
) -> None:
    ended = held_up.run_same(machine, RUNS, "token", "--min-ttl", "99999")

    assert outcomes(ended) == {(0, provider.access_tokens()[1]): RUNS}
    assert len(provider.sent()) == 1
    assert_nobody_waited_in_turn(ended)


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


@OVER_A_KEYRING
def test_a_hanging_endpoint_costs_a_hundred_commands_one_request_and_one_read_limit(
    machine: Machine, provider: SlowProvider, held_up: Crowd
) -> None:
    provider.hangs = lambda _: True
    held_up.read_timeout_s = READ_TIMEOUT_S

    ended = held_up.run_same(machine, RUNS, "token")

    assert outcomes(ended) == {(5, ""): RUNS}
    assert len(provider.sent()) == 1
    assert_nobody_waited_in_turn(ended)


@OVER_FILES
def test_a_procore_that_cannot_be_reached_is_knocked_at_once_for_all_that_wait(
    machine: Machine, held_up: Crowd
) -> None:
    sign_up_at_one_that_goes_down(machine)

    ended = held_up.run_same(machine, RUNS, "token")

    assert outcomes(ended) == {(5, ""): RUNS}
    assert len({end.err for end in ended}) == 1
    assert_nobody_waited_in_turn(ended)


def sign_up_at_one_that_goes_down(machine: Machine) -> None:
    """Whoever asks for a token then finds a port at which nobody listens."""
    with serving(SlowProvider()) as short_lived:
        assert isinstance(short_lived, SlowProvider)
        machine.point_at(short_lived)
        sign_up(machine, short_lived)


@OVER_FILES
def test_after_an_unanswered_request_one_run_tries_with_what_is_there(
    machine: Machine, provider: SlowProvider, held_up: Crowd
) -> None:
    leave_unanswered(machine, provider, held_up)

    ended = held_up.run_same(machine, RUNS, "token")

    assert outcomes(ended) == {(0, provider.access_tokens()[1]): RUNS}
    assert len(provider.sent()) == 2
    assert sum(end.locks for end in ended) == 1


@OVER_FILES
def test_a_token_that_was_spent_unanswered_is_tried_once_and_then_said_to_be_interrupted(
    machine: Machine, provider: SlowProvider, held_up: Crowd
) -> None:
    leave_unanswered(machine, provider, held_up)
    provider.refuses = True

    ended = held_up.run_same(machine, RUNS, "token")

    assert outcomes(ended) == {(4, ""): RUNS}
    assert all("interrupted" in end.err for end in ended)
    assert len(provider.sent()) == 2
    assert sum(end.locks for end in ended) == 1
    assert spoken(machine.run_here("token")) == (4, "")
    assert len(provider.sent()) == 2


def leave_unanswered(machine: Machine, provider: SlowProvider, crowd: Crowd) -> None:
    """A few commands whose request is never answered."""
    provider.hangs = lambda _: True
    crowd.read_timeout_s = 1.0
    assert outcomes(crowd.run_same(machine, 5, "token")) == {(5, ""): 5}
    provider.hangs = lambda _: False
    crowd.read_timeout_s = None


@OVER_A_KEYRING
def test_a_refused_token_is_sent_once_for_a_hundred_commands_and_never_again(
    machine: Machine, provider: SlowProvider, held_up: Crowd
) -> None:
    provider.refuses = True

    ended = held_up.run_same(machine, RUNS, "token")
    arrived = len(provider.requests)
    later = [machine.run_here(*words) for words in (("token",), ("refresh",), ("whoami",))]

    assert outcomes(ended) == {(4, ""): RUNS}
    assert len(provider.sent()) == 1
    assert_nobody_waited_in_turn(ended)
    assert [result.code for result in later] == [4, 4, 4]
    assert len(provider.requests) == arrived


@OVER_FILES
def test_commands_started_one_by_one_from_a_shell_share_one_refresh(
    machine: Machine, provider: SlowProvider
) -> None:
    provider.delay_s = 2.0
    running = [machine.start("token") for _ in range(WHOLE_RUNS)]
    said = [process.communicate(timeout=100)[0] for process in running]

    assert said == [f"{provider.access_tokens()[1]}\n"] * WHOLE_RUNS
    assert {process.returncode for process in running} == {0}
    assert len(provider.sent()) == 1


@OVER_A_KEYRING
def test_commands_that_ask_procore_and_commands_that_refresh_agree(
    machine: Machine, provider: SlowProvider, crowd: Crowd
) -> None:
    provider.delay_s = 1.0
    words = ("whoami", "refresh", "token")

    ended = crowd.run_each([(machine, word) for word in words * 12])

    assert {end.code for end in ended} == {0}
    assert_sent_once(provider)
    assert machine.run_here("token").out.strip() == provider.access_tokens()[-1]
