"""Whole commands against a real gnome-keyring: unlocked, locked, gone, and back again.

They refuse to rely on what the tests run in: each has a bus and a keyring of its own, see `gnome_stand`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli import browser
from tests.provider import Provider, Request
from tests.store.gnome_stand import (
    CHOICES,
    SIGN_UP,
    Desktop,
    DesktopMachine,
    assert_refused,
    list_listed,
    new_machine,
    opening_desktop,
)

pytestmark = pytest.mark.gnome_keyring


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    """gnome-keyring runs and is unlocked, on a bus that starts nothing by itself."""
    with opening_desktop(tmp_path / "desktop") as desktop:
        desktop.start_keyring()
        yield desktop


@pytest.fixture
def machine(tmp_path: Path, desktop: Desktop, provider: Provider) -> DesktopMachine:
    return new_machine(tmp_path, desktop, provider)


def listed(machine: DesktopMachine) -> list[tuple[str, str]]:
    """Kind and state of the entries on the program's own list."""
    with closing(sqlite3.connect(machine.data / "production.db")) as connection:
        return connection.execute("SELECT kind, state FROM procore_login_entries").fetchall()


def test_an_account_lives_its_whole_life_in_an_unlocked_keyring(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    runs = [machine.run(*SIGN_UP), machine.run("whoami", "--json"), machine.run("token")]
    assert [run.code for run in runs] == [0, 0, 0], [run.err for run in runs]
    assert desktop.list_services() == list_listed(machine) != []

    refreshed, token = machine.run("refresh"), machine.run("token")
    assert (refreshed.code, token.code) == (0, 0), refreshed.err + token.err
    assert token.out != runs[2].out
    assert desktop.list_services() == list_listed(machine)

    again = machine.run("signin", "--browser", browser("--just-open"))
    assert again.code == 0, again.err
    assert listed(machine) == [("signin", "live")]
    assert desktop.list_services() == list_listed(machine)

    signed_out = machine.run("signout")
    assert signed_out.code == 0, signed_out.err
    assert desktop.list_services() == list_listed(machine) == []


def test_two_accounts_lie_beside_each_other(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    machine.run(*SIGN_UP)
    provider.person = {"id": 22222, "login": "second@example.com", "name": None}
    assert machine.run(*SIGN_UP).code == 0

    tokens = [machine.run("token", "--account", who) for who in ("11111", "second@example.com")]

    assert [run.code for run in tokens] == [0, 0]
    assert tokens[0].out != tokens[1].out
    assert desktop.list_services() == list_listed(machine)
    assert listed(machine) == [("signin", "live")] * 2


def test_nothing_but_the_secret_service_holds_a_secret(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    machine.run(*SIGN_UP)
    machine.run("refresh")

    kept = b"".join(path.read_bytes() for path in machine.home.rglob("*") if path.is_file())

    assert provider.issued
    assert b"hush" not in kept


def test_a_locked_keyring_without_a_prompt_is_refused_before_the_browser(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    desktop.lock()

    assert_refused(machine.run(*SIGN_UP), "The keyring is locked", "Unlock the keyring", *CHOICES[1:])

    assert provider.requests == []
    assert not machine.data.exists()
    desktop.unlock()
    assert desktop.list_services() == []


@pytest.mark.parametrize("name", ["whoami", "token", "refresh"])
def test_an_account_in_a_locked_keyring_works_again_when_it_is_unlocked(
    machine: DesktopMachine, desktop: Desktop, provider: Provider, name: str
) -> None:
    machine.run(*SIGN_UP)
    desktop.lock()
    sent = len(provider.requests)

    assert_refused(machine.run(name), "The keyring is locked", *CHOICES[1:])

    assert len(provider.requests) == sent
    assert listed(machine) == [("signin", "live")]
    desktop.unlock()
    assert machine.run(name).code == 0


def test_a_locked_keyring_does_not_keep_anybody_from_asking_offline(
    machine: DesktopMachine, desktop: Desktop
) -> None:
    machine.run(*SIGN_UP)
    desktop.lock()
    assert machine.run("whoami", "--offline").code == 0


def test_a_keyring_that_went_before_the_refresh_costs_nothing(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    machine.run(*SIGN_UP)
    desktop.end_keyring()

    assert_refused(machine.run("refresh"), *CHOICES)

    assert provider.count("/oauth/token") == 1
    desktop.start_keyring()
    assert machine.run("refresh").code == 0
    assert machine.run("whoami").code == 0


def test_a_keyring_that_goes_between_sending_and_writing_is_owned_up_to(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    machine.run(*SIGN_UP)
    provider.script["/oauth/token"] = lambda _: desktop.end_keyring()

    assert_refused(machine.run("refresh"), "The keyring cannot be reached", *CHOICES)

    del provider.script["/oauth/token"]
    desktop.start_keyring()
    # The refresh token from before is spent: trying it once tells.
    for command in ("token", "refresh"):
        refused = machine.run(command)
        assert (refused.code, "was interrupted" in refused.err) == (4, True), refused.err
    assert machine.run(*SIGN_UP).code == 0
    assert machine.run("whoami").code == 0
    assert desktop.list_services() == list_listed(machine)


def test_a_keyring_that_comes_back_before_the_writing_loses_nothing(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    machine.run(*SIGN_UP)

    def restart(_: Request) -> None:
        desktop.end_keyring()
        desktop.start_keyring()

    provider.script["/oauth/token"] = restart
    refreshed = machine.run("refresh")

    assert refreshed.code == 0, refreshed.err
    assert machine.run("token").code == 0
    assert desktop.list_services() == list_listed(machine)


def test_a_keyring_that_goes_while_the_browser_is_open_leaves_nothing_half_written(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    provider.script["/rest/v1.0/me"] = lambda _: desktop.end_keyring()

    assert_refused(machine.run(*SIGN_UP), "The keyring cannot be reached", *CHOICES)

    desktop.start_keyring()
    assert desktop.list_services() == []
    assert machine.run("whoami").code == 4
