"""Whole commands against a real gnome-keyring: unlocked, locked, gone, back again; and the session bus."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.cli import browser
from tests.provider import Provider, Request
from tests.store.gnome_stand import (
    ACTIVATION,
    CHOICES,
    SIGN_UP,
    Desktop,
    DesktopMachine,
    assert_refused,
    list_listed,
    new_machine,
    opening_desktop,
)

pytestmark = [
    pytest.mark.gnome_keyring,
    # Where a call of keyring's fails, its connection stays open.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


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
    # Nothing but the Secret Service holds a secret.
    kept = b"".join(path.read_bytes() for path in machine.home.rglob("*") if path.is_file())
    assert provider.issued
    assert b"hush" not in kept

    again = machine.run("signin", "--browser", browser("--just-open"))
    assert again.code == 0, again.err
    assert listed(machine) == [("signin", "live")]
    assert desktop.list_services() == list_listed(machine)

    signed_out = machine.run("signout")
    assert signed_out.code == 0, signed_out.err
    assert desktop.list_services() == list_listed(machine) == []


def test_a_locked_keyring_without_a_prompt_is_refused_before_the_browser(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    desktop.lock()
    assert_refused(machine.run(*SIGN_UP), "The keyring is locked", "Unlock the keyring", *CHOICES[1:])
    assert provider.requests == []
    assert not machine.data.exists()
    desktop.unlock()
    assert desktop.list_services() == []


def test_an_account_in_a_locked_keyring_works_again_when_it_is_unlocked(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    machine.run(*SIGN_UP)
    desktop.lock()
    sent = len(provider.requests)
    names = ("whoami", "token", "refresh")
    for name in names:
        assert_refused(machine.run(name), "The keyring is locked", *CHOICES[1:])
    assert machine.run("whoami", "--offline").code == 0
    assert len(provider.requests) == sent
    assert listed(machine) == [("signin", "live")]
    desktop.unlock()
    assert [machine.run(name).code for name in names] == [0, 0, 0]


def test_a_keyring_that_went_before_the_refresh_or_comes_back_before_the_writing_costs_nothing(
    machine: DesktopMachine, desktop: Desktop, provider: Provider
) -> None:
    def restart(_: Request) -> None:
        desktop.end_keyring()
        desktop.start_keyring()

    machine.run(*SIGN_UP)
    desktop.end_keyring()
    assert_refused(machine.run("refresh"), *CHOICES)
    assert provider.count("/oauth/token") == 1
    desktop.start_keyring()
    provider.script["/oauth/token"] = restart
    refreshed = machine.run("refresh")
    assert refreshed.code == 0, refreshed.err
    assert [machine.run(command).code for command in ("token", "whoami")] == [0, 0]
    assert desktop.list_services() == list_listed(machine)


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


@pytest.mark.parametrize("is_refresh", [False, True], ids=["token", "refresh, while Procore answers"])
def test_a_bus_that_is_busy_for_seconds_is_waited_for_and_costs_no_account(
    machine: DesktopMachine, desktop: Desktop, provider: Provider, is_refresh: bool
) -> None:
    machine.run(*SIGN_UP)
    with ExitStack() as stack:
        if is_refresh:
            provider.script["/oauth/token"] = lambda _: stack.enter_context(desktop.busy_bus(2.5))
        else:
            stack.enter_context(desktop.busy_bus(2.5))
        result = machine.run("refresh" if is_refresh else "token")
    assert result.code == 0, result.err
    assert is_refresh or "Waiting for the keyring" in result.err
    assert machine.run("whoami").code == 0
    assert provider.count("/oauth/token") == 1 + is_refresh


# The session bus: what it starts by itself, where it is found, what is not taken for one.


def test_a_keyring_that_the_bus_starts_anew_is_locked(tmp_path: Path, provider: Provider) -> None:
    with opening_desktop(tmp_path / "desktop", services=ACTIVATION) as desktop:
        machine = new_machine(tmp_path, desktop, provider)
        # One that nobody ever made cannot be opened.
        assert_refused(machine.run(*SIGN_UP), "The keyring is locked", *CHOICES[1:])
        assert provider.requests == []
        desktop.end_what_the_bus_started()
        desktop.start_keyring()
        assert machine.run(*SIGN_UP).code == 0
        desktop.end_keyring()
        assert_refused(machine.run("refresh"), "The keyring is locked", *CHOICES[1:])
        assert provider.count("/oauth/token") == 1
        desktop.unlock()
        assert machine.run("refresh").code == 0


def test_a_bus_without_a_keyring_and_one_that_has_gone_are_no_keyring(
    tmp_path: Path, provider: Provider
) -> None:
    with opening_desktop(tmp_path / "desktop") as desktop:
        machine = new_machine(tmp_path, desktop, provider)
        assert_refused(machine.run(*SIGN_UP), "There is no keyring here", *CHOICES)
        assert provider.requests == []
        desktop.start_keyring()
        assert machine.run(*SIGN_UP).code == 0
    sent = len(provider.requests)
    assert_refused(machine.run("token"), "There is no keyring here", *CHOICES)
    assert len(provider.requests) == sent
