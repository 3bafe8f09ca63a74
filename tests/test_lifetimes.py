"""What Procore says of a token's life, sense or nonsense: what a command makes of it, and that none loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from procore_cli.models import utc
from tests.cli import Machine
from tests.moments import LIFETIME_S, NOW, YEAR_S, Clock, set_clock
from tests.provider import Answer, Provider
from tests.signed_in import assert_ended, last_token, refreshes, saying, sign_in

CENTURY_S = 100 * YEAR_S


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


CREATED_AT = {
    "in the future": NOW + YEAR_S,
    "long ago": NOW - YEAR_S,
    "at the epoch": 0,
    "before it": -5,
    "absent": ...,
    "null": None,
    "a text": "yesterday",
    "digits": str(NOW),
    "huge": 10**30,
    "a fraction": NOW + 0.5,
    "true": True,
    "a list": [NOW],
}


def test_what_created_at_says_changes_nothing(machine: Machine, provider: Provider) -> None:
    for what, value in CREATED_AT.items():
        provider.script["/oauth/token"] = saying(provider, created_at=value)

        result = machine.run_here("refresh", "--json")

        assert (what, result.code) == (what, 0), result.err
        assert (what, result.json["expires_at"]) == (what, utc(NOW + LIFETIME_S))
        assert machine.run_here("token").out == f"{last_token(provider)}\n"
    assert refreshes(provider) == len(CREATED_AT)


LIFETIMES = {
    "none": (0, NOW),
    "negative": (-5, NOW),
    "very negative": (-(10**30), NOW),
    "a second": (1, NOW + 1),
    "a fraction": (900.5, NOW + 900),
    "a small fraction": (0.9, NOW),
    "huge": (10**18, NOW + CENTURY_S),
    "a huge fraction": (1e300, NOW + CENTURY_S),
    "absent": (..., None),
    "null": (None, None),
}


def test_every_number_is_a_lifetime_and_none_lasts_until_procore_says_no(
    machine: Machine, provider: Provider
) -> None:
    for what, (value, ends_at) in LIFETIMES.items():
        provider.script["/oauth/token"] = saying(provider, expires_in=value)

        result = machine.run_here("refresh", "--json")

        assert (what, result.code) == (what, 0), result.err
        assert (what, result.json["expires_at"]) == (what, ends_at and utc(ends_at))
        assert machine.run_here("whoami", "--offline").code == 0


# The last one has more digits than Python reads.
NO_LIFETIMES = ['"5400"', '"soon"', "true", "[5400]", "NaN", "Infinity", "-Infinity", "9" * 5000]


def test_what_is_no_lifetime_is_named_and_asked_for_once(machine: Machine, provider: Provider) -> None:
    for number, written in enumerate(NO_LIFETIMES, 1):
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


def test_tokens_that_end_at_once_cost_a_refresh_a_call_and_are_told_of(
    machine: Machine, provider: Provider
) -> None:
    spent = 0
    for provider.lifetime_s in (0, -5, 3):
        machine.run_here("refresh")
        spent += 1

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


def test_a_sign_in_that_is_over_at_once_is_kept_all_the_same(machine: Machine, provider: Provider) -> None:
    for spent, provider.lifetime_s in ((1, 0), (2, -5)):
        signed_in = sign_in(machine)
        provider.lifetime_s = LIFETIME_S

        assert (signed_in.code, signed_in.json["expires_at"]) == (0, utc(NOW))
        assert [machine.run_here(command).code for command in ("token", "whoami", "token")] == [0, 0, 0]
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
