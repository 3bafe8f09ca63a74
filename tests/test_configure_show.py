"""`configure --show` and `--remove`: what is set and where, and what is gone afterwards."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.cli import Machine, Result, browser
from tests.provider import CLIENT_ID, CLIENT_SECRET
from tests.terminal import Terminal


@pytest.fixture
def machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Production's app is configured, with a company."""
    del machine.variables["PROCORE_CLIENT_ID"], machine.variables["PROCORE_CLIENT_SECRET"]
    assert configure(machine, monkeypatch, "--company", "7").code == 0
    return machine


def configure(machine: Machine, monkeypatch: pytest.MonkeyPatch, *more: str) -> Result:
    monkeypatch.setattr(sys, "stdin", io.StringIO(CLIENT_SECRET))
    return machine.run_here("configure", "--client-id", CLIENT_ID, "--client-secret-stdin", *more)


def test_show_says_what_is_set_where_and_no_secret(machine: Machine) -> None:
    machine.variables["PROCORE_COMPANY_ID"] = "8"

    shown = machine.run_here("configure", "--show", "--json")

    assert shown.json == {
        "environment": "production",
        "client_id": CLIENT_ID,
        "client_secret": "set",
        "redirect_uri": machine.redirect_uri,
        "company": 8,
        "store": "keyring",
        "sources": {
            "environment": "default",
            "client_id": "config.toml",
            "client_secret": "keyring",
            "redirect_uri": "PROCORE_REDIRECT_URI",
            "company": "PROCORE_COMPANY_ID",
            "store": "default",
        },
    }
    assert CLIENT_SECRET not in shown.out + shown.err


def test_in_a_pipe_each_line_is_a_name_a_value_and_a_source(machine: Machine) -> None:
    own = machine.run_here("configure", "--show").out.splitlines()
    other = machine.run_here("configure", "--show", "--env", "sandbox").out.splitlines()

    assert "company\t7\tconfig.toml" in own
    assert f"redirect URI\t{machine.redirect_uri}\tPROCORE_REDIRECT_URI" in own
    assert "client secret\tnot set\t" in other


def test_the_monthly_sandbox_shows_what_production_lends(machine: Machine) -> None:
    sources = machine.run_here("configure", "--show", "--env", "monthly", "--json").json["sources"]

    assert sources["client_id"] == "config.toml [environments.production]"
    assert sources["client_secret"] == "keyring, of production"


def test_a_secret_of_another_app_is_shown_as_such(machine: Machine) -> None:
    machine.variables["PROCORE_CLIENT_ID"] = "another"

    sources = machine.run_here("configure", "--show", "--json").json["sources"]

    assert sources["client_id"] == "PROCORE_CLIENT_ID"
    assert sources["client_secret"] == f"keyring, for the client id {CLIENT_ID}"


def test_the_demo_and_a_variable_need_no_keyring(machine: Machine) -> None:
    machine.variables |= {"TEST_KEYRING_FAULT": "locked", "PROCORE_CLIENT_SECRET": "hush"}

    demo = machine.run_here("configure", "--show", "--json", "--env", "demo")
    own = machine.run_here("configure", "--show", "--json")

    assert demo.json["client_secret"] == own.json["client_secret"] == "set"
    assert own.json["sources"]["client_secret"] == "PROCORE_CLIENT_SECRET"


def test_a_locked_keyring_hides_the_secret_alone(machine: Machine) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = "locked"

    result = machine.run_here("configure", "--show")

    assert result.code == 6
    assert f"client id\t{CLIENT_ID}\tconfig.toml" in result.out
    assert "client secret\tcannot be read" in result.out


def test_on_a_terminal_it_is_drawn_with_the_sources(machine: Machine) -> None:
    with Terminal(machine, "configure", "--show") as terminal:
        assert terminal.finish() == 0

    assert f"{CLIENT_ID} (config.toml)" in terminal.drawn
    assert "set (keyring)" in terminal.drawn


def test_remove_takes_the_app_away_and_keeps_what_is_the_users(machine: Machine) -> None:
    path = machine.data / "config.toml"
    path.write_text(f'# mine\ncolour = 1\n\n{path.read_text()}\n[environments.sandbox]\nclient_id = "x"\n')

    result = machine.run_here("configure", "--remove", "--yes")

    assert result.code == 0
    assert "Removed the credentials of production." in result.err
    assert path.read_text() == '# mine\ncolour = 1\n\n[environments.sandbox]\nclient_id = "x"\n'
    assert list(machine.keyring.iterdir()) == []
    assert "has no credentials" in machine.run_here("configure", "--remove", "--yes").err


def test_remove_looks_into_both_stores(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(machine, monkeypatch, "--store", "file")
    secrets = machine.data / "secrets"
    assert len([*secrets.iterdir(), *machine.keyring.iterdir()]) == 2

    assert machine.run_here("configure", "--remove", "--yes").code == 0

    assert [*secrets.iterdir(), *machine.keyring.iterdir()] == []


def test_remove_says_which_store_it_could_not_look_into(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(machine, monkeypatch, "--store", "file")
    machine.variables["TEST_KEYRING_FAULT"] = "locked"

    result = machine.run_here("configure", "--remove", "--yes")

    assert result.code == 0
    assert "Warning: production: the store keyring could not be looked at" in result.err


def test_remove_changes_nothing_where_its_own_store_is_locked(machine: Machine) -> None:
    before = (machine.data / "config.toml").read_bytes()
    machine.variables["TEST_KEYRING_FAULT"] = "locked"

    assert machine.run_here("configure", "--remove", "--yes").code == 6
    assert (machine.data / "config.toml").read_bytes() == before


def test_remove_on_an_empty_machine_makes_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "empty")

    machine.variables["PROCORE_REDIRECT_URI"] = ""
    result = machine.run_here("configure", "--remove", "--yes", "--env", "sandbox")

    assert (result.code, result.err) == (0, "sandbox has no credentials here.\n")
    assert not machine.data.exists()


def test_without_a_terminal_remove_wants_a_yes(machine: Machine) -> None:
    result = machine.run_here("configure", "--remove")

    assert result.code == 2
    assert "Hint: Pass --yes" in result.err
    assert CLIENT_ID in (machine.data / "config.toml").read_text()


@pytest.mark.parametrize(("answer", "is_there"), [("y", False), ("", True)])
def test_on_a_terminal_remove_asks(machine: Machine, answer: str, is_there: bool) -> None:
    with Terminal(machine, "configure", "--remove") as terminal:
        terminal.read_until("Remove the credentials of production? [y/N]")
        terminal.type(answer)
        assert terminal.finish() == 0

    assert (CLIENT_ID in (machine.data / "config.toml").read_text()) is is_there
    assert bool(list(machine.keyring.iterdir())) is is_there


def test_remove_names_who_is_still_signed_in_and_variables_that_count(machine: Machine) -> None:
    assert machine.run_here("signup", "--browser", browser()).code == 0
    machine.variables |= {"PROCORE_CLIENT_ID": CLIENT_ID, "PROCORE_REDIRECT_URI": ""}

    result = machine.run_here("configure", "--remove", "--yes")

    assert "Still signed in to production: joecontractor@procore.com." in result.err
    assert "procore-login signout --all --env production" in result.err
    assert "still set go on to count: PROCORE_CLIENT_ID." in result.err
