"""What may go wrong in the middle of a refresh, one at a time: what is sent, and what the next run finds.

The account lives, or the error says that signing in mends it; docs/fleet.md has the same table.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres.conftest import Database
from tests.postgres.cuts import CuttingProxy, Kind, Lost, cutting
from tests.postgres.fleet import FIRST, Fleet
from tests.postgres.servers import StopMode
from tests.postgres.workers import STEPS, Outcome, find_process_elsewhere, working

pytestmark = [pytest.mark.postgres, pytest.mark.crowd]

SEND_WITHIN = "procore_cli.storage.postgres.claims:SEND_WITHIN_S"
# What a connection that is dead in silence is found out by, in a URL: a second or two, not the usual minute.
SOON = "?connect_timeout=2&tcp_user_timeout=1500&keepalives_idle=1&keepalives_interval=1&keepalives_count=2"


@pytest.fixture
def joe(fleet: Fleet) -> int:
    """Somebody whose access token has ended; the next one will live long."""
    return fleet.sign_in(left_s=1)[0]


@pytest.fixture
def proxy(database: Database) -> Iterator[CuttingProxy]:
    with cutting(database.server.port) as proxy:
        yield proxy


def assert_lives(fleet: Fleet, outcome: Outcome, sent_again: int = 0) -> None:
    """Everybody has the token that Procore issued last."""
    assert outcome.code == 0, outcome.said
    later = fleet.do("find_token", FIRST)
    assert later.value == outcome.value == fleet.provider.newest(FIRST), later.said
    assert fleet.provider.is_alive(outcome.value)
    assert fleet.provider.spent_again == sent_again


def assert_a_sign_in_mends_it(fleet: Fleet, outcome: Outcome) -> None:
    """The token that was spent is not sent once more, whoever asks, and the error says what to do."""
    sent_again = fleet.provider.spent_again
    for each in (outcome, fleet.do("find_token", FIRST)):
        assert each.code == 4, each.said
        assert "interrupted" in each.said
        assert "procore-login signin" in each.said
    assert fleet.provider.spent_again == sent_again
    fleet.sign_in()
    assert_lives(fleet, fleet.do("find_token", FIRST), sent_again)


def end_leases(database: Database) -> None:
    """More than a minute and a half goes by."""
    database.server.run("UPDATE procore_login_accounts SET leased_until = 1", database=database.name)


@pytest.mark.parametrize("step", STEPS)
def test_a_refresh_that_is_killed_spends_its_token_at_most_once_more(fleet: Fleet, joe: int, step: str):
    with working(fleet.new_job("find_token", joe, at={step: "kill"})) as (victim,):
        victim.reach(step)
        victim.wait_for_death()
    fleet.provider.recover()
    after = fleet.do("find_token", joe)
    if step in ("sent", "answered"):
        assert fleet.provider.spent_again == 1
        assert_a_sign_in_mends_it(fleet, after)
    else:
        assert_lives(fleet, after)


@pytest.mark.parametrize("step", ["claimed", "begun"])
def test_a_claim_of_another_machine_is_waited_for_until_its_lease_has_ended(
    fleet: Fleet, database: Database, joe: int, step: str
):
    constants = {"procore_cli.storage.postgres.claims:find_this_process": find_process_elsewhere}
    with working(fleet.new_job("find_token", joe, at={step: "kill"}, constants=constants)) as (victim,):
        victim.reach(step)
        victim.wait_for_death()
    with working(fleet.new_job("find_token", joe)) as (other,):
        assert other.is_at_work_for(1)
        end_leases(database)
        assert_lives(fleet, other.find_outcome())


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_restarts_or_crashes_costs_nothing(
    fleet: Fleet, database: Database, joe: int, step: str, mode: StopMode
):
    with working(fleet.new_job("find_token", joe, at={step: "hold"})) as (worker,):
        worker.reach(step)
        database.server.restart(mode)
        worker.go_on()
        assert_lives(fleet, worker.find_outcome())
    assert fleet.provider.rotated == 1


def test_tokens_are_kept_by_a_server_that_comes_back_after_they_came(
    fleet: Fleet, database: Database, proxy: CuttingProxy, joe: int
):
    url = database.server.url(database.name, port=proxy.port)
    with working(fleet.new_job("find_token", joe, url=url, at={"answered": "hold"})) as (worker,):
        worker.reach("answered")
        with database.server.down():
            worker.go_on()
            proxy.wait_for_refusals(3)
        assert_lives(fleet, worker.find_outcome())


@pytest.mark.parametrize("kind", ["reset", "silence"])
@pytest.mark.parametrize("lost", ["request", "answer"])
@pytest.mark.parametrize("statement", ["claim", "save"])
def test_a_statement_whose_fate_is_unknown_spends_nothing(
    fleet: Fleet, database: Database, proxy: CuttingProxy, joe: int, statement: str, lost: Lost, kind: Kind
):
    url = database.server.url(database.name, port=proxy.port) + SOON
    step = "claimed" if statement == "claim" else "answered"
    if statement == "claim":
        proxy.cut_at("UPDATE", lost, kind)
    with working(fleet.new_job("find_token", joe, url=url, at={step: "hold"})) as (worker,):
        worker.reach(step)
        if statement == "save":
            proxy.cut_at("UPDATE", lost, kind)
        worker.go_on()
        assert_lives(fleet, worker.find_outcome())
    assert proxy.cuts_made == 1
    assert fleet.provider.rotated == 1


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_a_sign_in_whose_commit_is_not_acknowledged_makes_one_row(
    fleet: Fleet, database: Database, proxy: CuttingProxy, lost: Lost
):
    proxy.cut_at("COMMIT", lost)
    fleet.variables["PROCORE_LOGIN_DB"] = database.server.url(database.name, port=proxy.port)
    fleet.sign_in()
    assert proxy.cuts_made == 1
    assert database.server.run("SELECT procore_id FROM users", database=database.name) == [(FIRST,)]
    assert_lives(fleet, fleet.do("find_token", FIRST))


def test_while_the_database_is_away_a_token_in_memory_is_used_and_none_is_renewed(
    fleet: Fleet, database: Database
):
    [joe] = fleet.sign_in()
    with working(fleet.new_job("make_calls", [joe], 4)) as (worker,):
        fleet.provider.wait_for_calls(1)
        with database.server.down():
            fleet.provider.wait_for_calls(20)
            assert fleet.do("find_token", joe).code == 6
        assert set(worker.find_outcome().value) == {"200"}
    assert fleet.provider.rotated == 0


def test_a_process_that_stood_still_before_it_sent_sends_nothing(fleet: Fleet, database: Database, joe: int):
    fleet.constants[SEND_WITHIN] = 0
    with working(fleet.new_job("find_token", joe, at={"claimed": "stop"})) as (stopped,):
        stopped.reach("claimed")
        end_leases(database)
        other = fleet.do("find_token", joe, constants={SEND_WITHIN: 10})
        stopped.wake()
        late = stopped.find_outcome()
    assert late.code == 5, late.said
    assert fleet.provider.rotated == 1
    assert_lives(fleet, other)


def test_a_process_that_stood_still_after_the_answer_revives_the_account_when_it_goes_on(
    fleet: Fleet, database: Database, joe: int
):
    with working(fleet.new_job("find_token", joe, at={"answered": "stop"})) as (stopped,):
        stopped.reach("answered")
        end_leases(database)
        # Nobody can know that it will go on: the spent token is tried, once.
        for other in (fleet.do("find_token", joe), fleet.do("find_token", joe)):
            assert other.code == 4, other.said
            assert "interrupted" in other.said
        stopped.wake()
        assert_lives(fleet, stopped.find_outcome(), sent_again=1)


def test_while_a_token_lives_nobody_takes_over_from_a_process_that_stands_still(
    fleet: Fleet, database: Database
):
    # Due for renewal, and good for calls.
    [joe] = fleet.sign_in(left_s=300)
    with working(fleet.new_job("find_token", joe, at={"answered": "stop"})) as (stopped,):
        stopped.reach("answered")
        end_leases(database)
        assert fleet.do("find_token", joe).code == 0
        assert (fleet.provider.rotated, fleet.provider.spent_again) == (1, 0)
        stopped.wake()
        assert_lives(fleet, stopped.find_outcome())


@pytest.mark.parametrize("ahead_s", [-300, 300])
def test_a_clock_that_is_wrong_by_five_minutes_changes_nothing(fleet: Fleet, joe: int, ahead_s: int):
    wrong = fleet.do("find_token", joe, ahead_s=ahead_s)
    assert_lives(fleet, wrong)
    assert fleet.do("find_token", joe, ahead_s=-ahead_s).value == wrong.value
    assert fleet.provider.rotated == 1


def test_a_sign_out_meanwhile_is_not_undone(fleet: Fleet, joe: int):
    with working(fleet.new_job("find_token", joe, at={"answered": "hold"})) as (worker,):
        worker.reach("answered")
        assert fleet.do("sign_out", joe).code == 0
        worker.go_on()
        assert worker.find_outcome().code == 4
    assert fleet.do("find_token", joe).code == 4
    assert not fleet.provider.is_alive(fleet.provider.newest(joe))
