"""Whole commands and the session bus: what it starts by itself, where it is found, what is not taken for one.

They refuse to touch a bus that is there: each has its own, and `/run/user` is left as it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import pytest

from procore_cli.storage import keyring
from tests.provider import Provider
from tests.store.gnome_stand import (
    ACTIVATION,
    CHOICES,
    SIGN_UP,
    assert_refused,
    list_listed,
    new_machine,
    opening_desktop,
)

pytestmark = pytest.mark.gnome_keyring


def test_a_keyring_that_the_bus_starts_anew_is_locked(tmp_path: Path, provider: Provider) -> None:
    with opening_desktop(tmp_path / "desktop", services=ACTIVATION) as desktop:
        desktop.start_keyring()
        machine = new_machine(tmp_path, desktop, provider)
        machine.run(*SIGN_UP)
        desktop.end_keyring()

        assert_refused(machine.run("refresh"), "The keyring is locked", *CHOICES[1:])

        assert provider.count("/oauth/token") == 1
        desktop.unlock()
        assert machine.run("refresh").code == 0


def test_a_bus_on_which_nobody_ever_made_a_keyring_has_one_that_cannot_be_opened(
    tmp_path: Path, provider: Provider
) -> None:
    with opening_desktop(tmp_path / "desktop", services=ACTIVATION) as desktop:
        machine = new_machine(tmp_path, desktop, provider)
        assert_refused(machine.run(*SIGN_UP), "The keyring is locked", *CHOICES[1:])
    assert provider.requests == []


def test_a_bus_without_a_keyring_is_no_keyring(tmp_path: Path, provider: Provider) -> None:
    with opening_desktop(tmp_path / "desktop") as desktop:
        machine = new_machine(tmp_path, desktop, provider)
        assert_refused(machine.run(*SIGN_UP), "There is no keyring here", *CHOICES)
    assert provider.requests == []


def test_a_bus_that_has_gone_is_no_keyring(tmp_path: Path, provider: Provider) -> None:
    with opening_desktop(tmp_path / "desktop") as desktop:
        desktop.start_keyring()
        machine = new_machine(tmp_path, desktop, provider)
        machine.run(*SIGN_UP)
    sent = len(provider.requests)

    assert_refused(machine.run("token"), "There is no keyring here", *CHOICES)
    assert len(provider.requests) == sent


@pytest.fixture
def runtime_root(tmp_path: Path) -> Iterator[Path]:
    """`/run/user` where it is ours to make (as root in a container), else a folder that stands for it."""
    real = keyring.use_own_bus.__defaults__
    assert real == (Path("/run/user"),)
    own = real[0] / str(os.getuid())
    if os.getuid() != 0 or own.exists():
        own = tmp_path / "run" / str(os.getuid())
    own.mkdir(mode=0o700, parents=True)
    with mock.patch.object(keyring.use_own_bus, "__defaults__", (own.parent,)):
        yield own.parent
    (own / "bus").unlink(missing_ok=True)
    own.rmdir()


def test_without_a_variable_the_users_own_bus_is_found(
    tmp_path: Path, runtime_root: Path, provider: Provider
) -> None:
    bus = runtime_root / str(os.getuid()) / "bus"
    with opening_desktop(tmp_path / "desktop", socket_path=bus) as desktop:
        desktop.start_keyring()
        machine = new_machine(tmp_path, desktop, provider)
        del machine.variables["DBUS_SESSION_BUS_ADDRESS"]

        signed_up = machine.run_here(*SIGN_UP)

        assert signed_up.code == 0, signed_up.err
        assert desktop.list_services() == list_listed(machine) != []
        if runtime_root == Path("/run/user"):
            assert machine.run("token").code == 0


@pytest.mark.parametrize("kind", ["a link", "a file"])
def test_what_is_no_socket_in_the_bus_place_is_not_used(
    tmp_path: Path, runtime_root: Path, provider: Provider, kind: str
) -> None:
    place = runtime_root / str(os.getuid()) / "bus"
    with opening_desktop(tmp_path / "desktop") as desktop:
        desktop.start_keyring()
        if kind == "a link":
            place.symlink_to(desktop.address.removeprefix("unix:path="))
        else:
            place.write_text("")
        machine = new_machine(tmp_path, desktop, provider)
        del machine.variables["DBUS_SESSION_BUS_ADDRESS"]

        assert_refused(machine.run_here(*SIGN_UP), "There is no keyring here", *CHOICES)
        assert desktop.list_services() == []
    assert provider.requests == []


def test_a_bus_that_is_busy_for_seconds_is_waited_for(tmp_path: Path, provider: Provider) -> None:
    with opening_desktop(tmp_path / "desktop") as desktop:
        desktop.start_keyring()
        machine = new_machine(tmp_path, desktop, provider)
        machine.run(*SIGN_UP)
        with desktop.busy_bus(2.5):
            result = machine.run("token")

        assert result.code == 0, result.err
        assert "Waiting for the keyring" in result.err


def test_a_bus_that_gets_busy_while_procore_answers_costs_no_account(
    tmp_path: Path, provider: Provider
) -> None:
    with ExitStack() as stack, opening_desktop(tmp_path / "desktop") as desktop:
        desktop.start_keyring()
        machine = new_machine(tmp_path, desktop, provider)
        machine.run(*SIGN_UP)
        provider.script["/oauth/token"] = lambda _: stack.enter_context(desktop.busy_bus(2.5))

        result = machine.run("refresh")

        assert result.code == 0, result.err
        assert machine.run("whoami").code == 0
        assert provider.count("/oauth/token") == 2
