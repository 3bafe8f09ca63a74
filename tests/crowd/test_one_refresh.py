"""A hundred commands with an expired token: one request at the provider, whatever becomes of it."""

from __future__ import annotations

import pytest

from procore_cli.store.lock import POLL_S
from tests.cli import Machine, Result
from tests.crowd.crowd import Crowd, Ended, SlowProvider, assert_sent_once, outcomes

pytestmark = pytest.mark.crowd

RUNS = 100
# As processes of their own, with all that an interpreter has to load.
WHOLE_RUNS = 60
READ_TIMEOUT_S = 4.0
# Waiters that took the lock in turn would need one poll each; that a busy machine is slow is added.
AT_ONCE_S = RUNS * POLL_S / 2


def last(ended: list[Ended]) -> float:
    return max(end.at for end in ended)


def spoken(result: Result) -> tuple[int, str]:
    return result.code, result.out.strip()


def test_a_hundred_commands_get_one_token_for_one_refresh(
    machine: Machine, provider: SlowProvider, crowd: Crowd
) -> None:
    provider.delay_s = 1.5

    ended = crowd.run_same(machine, RUNS, "token")

    assert outcomes(ended) == {(0, provider.access_tokens()[1]): RUNS}
    assert len(provider.sent()) == 1
    assert last(ended) - provider.answered_at < AT_ONCE_S + crowd.measure_idle(machine, RUNS)


def test_more_life_than_any_token_has_is_one_refresh_as_well(
    machine: Machine, provider: SlowProvider, crowd: Crowd
) -> None:
    provider.delay_s = 1.5

    ended = crowd.run_same(machine, RUNS, "token", "--min-ttl", "99999")

    assert outcomes(ended) == {(0, provider.access_tokens()[1]): RUNS}
    assert len(provider.sent()) == 1
    assert last(ended) - provider.answered_at < AT_ONCE_S + crowd.measure_idle(machine, RUNS)


def test_a_hanging_endpoint_costs_a_hundred_commands_one_request_and_one_read_limit(
    machine: Machine, provider: SlowProvider, crowd: Crowd
) -> None:
    provider.hangs = lambda _: True
    crowd.read_timeout_s = READ_TIMEOUT_S

    ended = crowd.run_same(machine, RUNS, "token")

    assert outcomes(ended) == {(5, ""): RUNS}
    assert len(provider.sent()) == 1
    limit_s = READ_TIMEOUT_S + AT_ONCE_S + crowd.measure_idle(machine, RUNS)
    assert last(ended) - provider.asked_at < limit_s


@pytest.mark.parametrize("machine", ["file"], indirect=True)
def test_after_an_unanswered_request_one_run_tries_with_what_is_there(
    machine: Machine, provider: SlowProvider, crowd: Crowd
) -> None:
    provider.hangs = lambda _: True
    crowd.read_timeout_s = 1.0
    assert outcomes(crowd.run_same(machine, 5, "token")) == {(5, ""): 5}
    provider.hangs = lambda _: False
    provider.delay_s = 1.0

    ended = Crowd(crowd.folder / "next").run_same(machine, RUNS, "token")

    assert outcomes(ended) == {(0, provider.access_tokens()[1]): RUNS}
    assert len(provider.sent()) == 2


@pytest.mark.parametrize("machine", ["file"], indirect=True)
def test_a_token_that_was_spent_unanswered_is_tried_once_and_then_said_to_be_interrupted(
    machine: Machine, provider: SlowProvider, crowd: Crowd
) -> None:
    provider.hangs = lambda _: True
    crowd.read_timeout_s = 1.0
    crowd.run_same(machine, 5, "token")
    provider.hangs = lambda _: False
    provider.refuses, provider.delay_s = True, 1.0

    ended = Crowd(crowd.folder / "next").run_same(machine, RUNS, "token")

    assert outcomes(ended) == {(4, ""): RUNS}
    assert all("interrupted" in end.err for end in ended)
    assert len(provider.sent()) == 2
    assert spoken(machine.run_here("token")) == (4, "")
    assert len(provider.sent()) == 2


def test_a_refused_token_is_sent_once_for_a_hundred_commands_and_never_again(
    machine: Machine, provider: SlowProvider, crowd: Crowd
) -> None:
    provider.refuses, provider.delay_s = True, 1.5

    ended = crowd.run_same(machine, RUNS, "token")
    arrived = len(provider.requests)
    later = [machine.run_here(*words) for words in (("token",), ("refresh",), ("whoami",))]

    assert outcomes(ended) == {(4, ""): RUNS}
    assert len(provider.sent()) == 1
    assert last(ended) - provider.answered_at < AT_ONCE_S + crowd.measure_idle(machine, RUNS)
    assert [result.code for result in later] == [4, 4, 4]
    assert len(provider.requests) == arrived


@pytest.mark.parametrize("machine", ["file"], indirect=True)
def test_commands_started_one_by_one_from_a_shell_share_one_refresh(
    machine: Machine, provider: SlowProvider
) -> None:
    provider.delay_s = 2.0
    running = [machine.start("token") for _ in range(WHOLE_RUNS)]
    said = [process.communicate(timeout=100)[0] for process in running]

    assert said == [f"{provider.access_tokens()[1]}\n"] * WHOLE_RUNS
    assert {process.returncode for process in running} == {0}
    assert len(provider.sent()) == 1


def test_commands_that_ask_procore_and_commands_that_refresh_agree(
    machine: Machine, provider: SlowProvider, crowd: Crowd
) -> None:
    provider.delay_s = 1.0
    words = ("whoami", "refresh", "token")

    ended = crowd.run_each([(machine, word) for word in words * 12])

    assert {end.code for end in ended} == {0}
    assert_sent_once(provider)
    assert machine.run_here("token").out.strip() == provider.access_tokens()[-1]
