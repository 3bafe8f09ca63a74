"""What Procore says of a token's life, and a clock that jumps: what that costs, and that nothing loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from procore_cli.flows import exec_command
from procore_cli.models import utc
from tests.cli import Machine
from tests.moments import LIFETIME_S, NOW, YEAR_S, Clock, set_clock
from tests.provider import Answer, Provider, Request
from tests.signed_in import assert_ended, last_token, refreshes, sign_in


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return set_clock(monkeypatch)


@pytest.fixture
def machine(tmp_path: Path, provider: Provider, clock: Clock) -> Machine:
    """Somebody has signed up here at NOW, with a token that lives for an hour and a half."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    assert sign_in(machine).code == 0
    return machine


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
def test_a_clock_that_jumped_a_year_costs_one_refresh(
    machine: Machine, provider: Provider, clock: Clock, jump_s: int
) -> None:
    for number, command in enumerate((("whoami",), ("token",), ("token", "--min-ttl", "999999999")), 1):
        clock.now += jump_s
        for _ in range(3):
            assert_ended(machine.run_here(*command))
        assert refreshes(provider) == number if jump_s > 0 else refreshes(provider) <= number


def test_a_token_that_only_seems_to_live_since_the_clock_went_back_costs_one_refresh(
    machine: Machine, provider: Provider, clock: Clock
) -> None:
    clock.now -= YEAR_S
    provider.expire()
    asked = machine.run_here("whoami", "--json")
    assert_ended(asked)
    assert asked.json["expires_at"] == utc(NOW - YEAR_S + LIFETIME_S)
    assert (refreshes(provider), provider.count("/rest/v1.0/me")) == (1, 2)


@pytest.mark.parametrize("is_corrected_before_the_save", [False, True])
def test_after_a_sign_in_with_the_clock_six_hours_ahead_every_command_renews_once(
    machine: Machine,
    provider: Provider,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    is_corrected_before_the_save: bool,
) -> None:
    def correct(_: Request) -> None:
        if is_corrected_before_the_save:
            clock.now = NOW
        del provider.script["/rest/v1.0/me"]

    for way_out in ("become", "end_like"):
        monkeypatch.setattr(exec_command, way_out, lambda *_: None)
    commands = [("token",), ("whoami",), ("api", "me"), ("exec", "--env", "production", "--", "true")]
    for number, command in enumerate(commands, 1):
        clock.now = NOW + 6 * 3600
        provider.script["/rest/v1.0/me"] = correct
        assert sign_in(machine).code == 0
        # Half of the token's life later it still is alive, whatever the clock says.
        clock.now = NOW + LIFETIME_S // 2

        for _ in range(2):
            assert_ended(machine.run_here(*command))

        assert refreshes(provider) == number
        shown = machine.run_here("whoami", "--offline", "--json")
        assert shown.json["expires_at"] == utc(NOW + LIFETIME_S // 2 + LIFETIME_S)


def test_an_end_that_cannot_be_is_shown_as_over(machine: Machine, clock: Clock) -> None:
    clock.now -= 6 * 3600
    assert f"Token\texpired at {utc(int(clock.now))}" in machine.run_here("whoami", "--offline").out
    assert machine.run_here("accounts").out.rstrip().endswith("\texpired")
    assert "token has expired" in machine.run_here("doctor", "--offline").out


@pytest.mark.parametrize("step_s", [YEAR_S, -YEAR_S, 0.5])
def test_a_clock_that_jumps_at_every_look_never_makes_a_command_loop(
    machine: Machine, provider: Provider, clock: Clock, step_s: float
) -> None:
    clock.step_s = step_s
    for number, command in enumerate((("whoami",), ("token",), ("refresh",), ("whoami", "--json")), 1):
        assert_ended(machine.run_here(*command))
        assert refreshes(provider) <= number


def test_a_clock_outside_of_every_calendar_spoils_nothing(
    machine: Machine, provider: Provider, clock: Clock
) -> None:
    commands = (("whoami",), ("whoami", "--offline"), ("token",), ("refresh",), ("whoami", "--json"))
    for number, moment in enumerate((-100_000.5, 0.0, 253_402_300_799.5, 300_000_000_000.0), 1):
        clock.now = moment
        assert_ended(sign_in(machine))
        shown = [machine.run_here(*command) for command in commands]
        for result in shown:
            assert_ended(result)
        assert "1970-01-01T00:00:00Z" <= shown[-1].json["expires_at"] <= "9999-12-31T23:59:59Z"
        # No calendar of Python's has a year after 9999.
        assert "Token\tvalid for 1 h" in shown[0].out or moment > 253_402_295_400
        assert refreshes(provider) == 3 * number - 2
        # An interruption is still told.
        for answer, code in ((Answer(502, ""), 5), (Answer(400, {"error": "invalid_grant"}), 4)):
            provider.script["/oauth/token"] = lambda _, answer=answer: answer
            refused = machine.run_here("refresh")
            provider.script.clear()
            assert_ended(refused, code)
        assert "was interrupted" in refused.err


# What Procore says


def test_what_is_no_lifetime_is_named_and_asked_for_once(machine: Machine, provider: Provider) -> None:
    # More digits than Python reads.
    for number, written in enumerate(("true", "9" * 5000), 1):
        text = '{"access_token": "hush-a", "refresh_token": "hush-r", "expires_in": ' + written + "}"
        provider.script["/oauth/token"] = lambda _, said=text: Answer(200, said)
        result = machine.run_here("refresh")
        provider.script.clear()
        assert_ended(result, 5)
        assert "makes no sense" in result.err
        assert refreshes(provider) == 2 * number - 1
        # Whether that spent the token in hand nobody knows: the next command tries once with what it has.
        after = machine.run_here("token")
        assert (after.code, after.out) == (0, f"{last_token(provider)}\n")
        assert refreshes(provider) == 2 * number


def test_tokens_that_end_at_once_are_kept_cost_a_refresh_a_call_and_are_told_of(
    machine: Machine, provider: Provider
) -> None:
    spent = 0
    for provider.lifetime_s in (0, -5, 3):
        signed_in = sign_in(machine)
        ends_at = utc(NOW + max(0, provider.lifetime_s))
        assert (signed_in.code, signed_in.json["expires_at"]) == (0, ends_at)
        for _ in range(2):
            spent += 1
            result = machine.run_here("token")
            assert (result.code, result.out) == (0, f"{last_token(provider)}\n")
            assert f"valid for {max(0, provider.lifetime_s)} s, not for 60 s" in result.err
            assert refreshes(provider) == spent
        for _ in range(2):
            spent += 1
            assert_ended(machine.run_here("whoami"))
            assert refreshes(provider) == spent


def test_a_token_without_an_end_is_used_for_years_until_a_401_and_then_refreshed_once(
    machine: Machine, provider: Provider, clock: Clock
) -> None:
    provider.lifetime_s = None
    machine.run_here("refresh")
    clock.now += 10 * YEAR_S
    assert machine.run_here("token", "--min-ttl", "999999").out == f"{last_token(provider)}\n"
    assert_ended(machine.run_here("whoami"))
    assert refreshes(provider) == 1
    provider.expire()
    asked = machine.run_here("whoami", "--json")
    assert_ended(asked)
    assert asked.json["expires_at"] is None
    assert refreshes(provider) == 2
