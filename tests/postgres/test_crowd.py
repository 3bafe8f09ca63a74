"""Sixty processes over one database: of each account one refresh at a time, and no token twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.postgres.conftest import Database
from tests.postgres.fleet import Fleet
from tests.postgres.workers import STEPS, Worker, working

pytestmark = [pytest.mark.postgres, pytest.mark.crowd]

PROCESSES = 60
SECONDS = 6
# Everybody renews after half of it.
LIFE_S = 3
# Where nothing lives longer than seconds, a margin of five would make each call renew.
CONSTANTS = {"procore_cli.grants:EXPIRY_MARGIN_S": 0}
CLOCKS_S = (-300.0, 0.0, 300.0)


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """Nothing lives long."""
    fleet.provider.lifetime_s = LIFE_S
    fleet.constants |= CONSTANTS
    return fleet


def call_at_once(
    fleet: Fleet, accounts: list[int], meanwhile: Callable[[list[Worker]], None] = lambda _: None
) -> Counter[str]:
    """How the calls of all processes ended, whose clocks differ by minutes."""
    turns = [number % len(accounts) for number in range(PROCESSES)]
    jobs = [
        fleet.new_job(
            "make_calls",
            accounts[turn:] + accounts[:turn],
            SECONDS,
            ahead_s=CLOCKS_S[number % len(CLOCKS_S)],
        )
        for number, turn in enumerate(turns)
    ]
    with working(*jobs) as workers:
        meanwhile(workers)
        ended = [worker.find_outcome() for worker in workers]
    assert [end.said for end in ended if end.code] == []
    return sum((end.value for end in ended), Counter())


@pytest.mark.parametrize("count", [1, 20])
def test_sixty_processes_send_no_token_twice_and_never_two_at_once(
    fleet: Fleet, either_way: Database, count: int
):
    fleet.variables["PROCORE_LOGIN_DB"] = either_way.url
    ends = call_at_once(fleet, fleet.sign_in(count, left_s=1))
    assert set(ends) == {"200"}
    assert fleet.provider.rotated >= count * (SECONDS // LIFE_S)
    assert (fleet.provider.most_at_once, fleet.provider.spent_again) == (1, 0)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_restarts_under_sixty_processes_loses_nobody(
    fleet: Fleet, database: Database, mode: str
):
    accounts = fleet.sign_in(20, left_s=1)
    ends = call_at_once(fleet, accounts, lambda _: database.server.restart(mode))
    assert {end[:2] for end in ends} <= {"20", "6 "}, ends
    assert ends["200"] > PROCESSES
    assert (fleet.provider.most_at_once, fleet.provider.spent_again) == (1, 0)
    assert {fleet.do("find_token", account).code for account in accounts} == {0}


def test_of_those_who_are_killed_only_what_was_sent_and_not_kept_is_sent_once_more(fleet: Fleet):
    """Each account loses one process, at one of the steps; sixty others go on."""
    accounts = fleet.sign_in(20, left_s=1)
    steps = {account: STEPS[number % len(STEPS)] for number, account in enumerate(accounts)}
    jobs = [fleet.new_job("find_token", account, at={step: "kill"}) for account, step in steps.items()]
    with working(*jobs) as victims:
        for victim, step in zip(victims, steps.values(), strict=True):
            victim.reach(step)
            victim.wait_for_death()
    fleet.provider.recover()
    ends = call_at_once(fleet, accounts)
    lost = [account for account, step in steps.items() if step in ("sent", "answered")]
    assert all(end == "200" or (end.startswith("4 ") and "interrupted" in end) for end in ends), ends
    assert fleet.provider.most_at_once == 1
    assert fleet.provider.spent_again == len(lost)
    codes = {account: fleet.do("find_token", account).code for account in accounts}
    assert codes == {account: 4 if account in lost else 0 for account in accounts}
