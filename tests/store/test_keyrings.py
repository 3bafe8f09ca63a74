"""Which keyring is chosen, how long it may take, and what becomes of its exceptions."""

from __future__ import annotations

import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import keyring.core
import pytest

from procore_cli import log
from procore_cli.errors import KeyringError
from procore_cli.storage import keyring as keyrings
from procore_cli.storage.files import GivenUpError
from procore_cli.storage.keyring import Keyring
from procore_cli.threads import Limits
from tests.hearing import Listener
from tests.memory_keyring import RELEASE, MemoryKeyring
from tests.provider import Provider
from tests.store.gnome_stand import SIGN_UP, new_machine, opening_desktop
from tests.store.store_world import set_fault

SERVICE = "procore-login/production/0123abcd/1"
SECRET = "the-secret-text"


@pytest.fixture
def store(said: list[str], keyring_entries: object) -> Keyring:
    return Keyring()


@pytest.mark.parametrize("name", ["no.such.module.Keyring", "nothing", "tests.memory_keyring.Nobody"])
def test_a_setting_that_names_nothing_usable_is_named_itself(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    with pytest.raises(KeyringError, match=f"PYTHON_KEYRING_BACKEND.*{name}|{name}.*PYTHON_KEYRING_BACKEND"):
        Keyring().load(SERVICE, "token-set")
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    config = keyring.core._config_path()
    config.parent.mkdir(parents=True)
    config.write_text(f"[backend]\ndefault-keyring = {name}\n")
    with pytest.raises(KeyringError, match="keyringrc") as failure:
        Keyring().load(SERVICE, "token-set")
    assert "default-keyring" in failure.value.hint


@pytest.mark.parametrize(
    ("fault", "sign"),
    [("missing", "no keyring"), ("locked", "locked.*dismissed"), ("fail-at-write", "PasswordSetError")],
)
def test_a_fault_is_an_error_of_ours_without_the_secret(store: Keyring, fault: str, sign: str) -> None:
    set_fault(fault)
    with pytest.raises(KeyringError, match=sign) as failure:
        store.save(SERVICE, "token-set", SECRET)
    assert failure.value.__context__ is None
    shown = "".join(traceback.format_exception(failure.value))
    assert SECRET not in shown + failure.value.message + failure.value.hint


def foreign(name: str) -> Exception:
    """An exception of a library's, which is told by its name."""
    error: Exception = type(name, (Exception,), {})(SECRET)
    return error


@pytest.mark.parametrize(
    ("error", "sign"),
    [
        (OSError(5, SECRET), "OSError 5"),
        (TimeoutError(SECRET), "TimeoutError"),
        (RuntimeError(SECRET), "RuntimeError"),
        (KeyError(SECRET), "KeyError"),
    ],
)
def test_what_backends_leak_is_translated(
    store: Keyring, monkeypatch: pytest.MonkeyPatch, error: Exception, sign: str
) -> None:
    def leak(*_: object) -> None:
        raise error

    calls: dict[str, Callable[[], object]] = {
        "get_password": lambda: store.load(SERVICE, "token-set"),
        "set_password": lambda: store.save(SERVICE, "token-set", SECRET),
        "delete_password": lambda: store.delete(SERVICE, "token-set"),
    }
    for method, call in calls.items():
        monkeypatch.setattr(MemoryKeyring, method, leak)
        with pytest.raises(KeyringError, match=sign) as failure:
            call()
        assert SECRET not in failure.value.message
        assert failure.value.__context__ is None


@pytest.mark.parametrize(("patience_s", "is_kept"), [(0.0, True), (60.0, False)])
def test_a_bus_that_lets_nobody_in_for_a_while_is_asked_again(
    store: Keyring, monkeypatch: pytest.MonkeyPatch, patience_s: float, is_kept: bool
) -> None:
    # A time-out that comes at once is another one.
    monkeypatch.setattr(keyrings, "_BUS_PATIENCE_S", patience_s)
    late = iter([TimeoutError("auth"), TimeoutError("auth")])
    real = MemoryKeyring.get_password

    def wait(self: MemoryKeyring, service: str, username: str) -> str | None:
        for error in late:
            raise error
        return real(self, service, username)

    store.save(SERVICE, "token-set", SECRET)
    monkeypatch.setattr(MemoryKeyring, "get_password", wait)
    if is_kept:
        assert store.load(SERVICE, "token-set") == SECRET
    else:
        with pytest.raises(KeyringError, match="TimeoutError"):
            store.load(SERVICE, "token-set")


def test_an_entry_that_goes_while_it_is_read_or_deleted_is_missing(
    store: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leak(*_: object) -> None:
        raise foreign("ItemNotFoundException")

    store.save(SERVICE, "token-set", SECRET)
    set_fault("fail-at-delete")
    with pytest.raises(KeyringError, match="delete"):
        store.delete(SERVICE, "token-set")
    for method in ("get_password", "delete_password"):
        monkeypatch.setattr(MemoryKeyring, method, leak)
    store.delete(SERVICE, "token-set")
    assert store.load(SERVICE, "token-set") is None


def test_a_slow_call_says_that_it_waits_is_given_up_and_keeps_no_program_from_ending(
    said: list[str], keyring_entries: object
) -> None:
    assert Limits() == Limits(notice_s=2.0, give_up_s=60.0)
    set_fault("hang")
    threads = set(threading.enumerate())
    with pytest.raises(GivenUpError, match="given up") as failure:
        Keyring(Limits(notice_s=0.02, give_up_s=0.1)).save(SERVICE, "token-set", SECRET)
    assert failure.value.exit_code == 6
    assert said == ["Waiting for the keyring ..."]
    (left,) = set(threading.enumerate()) - threads
    assert left.daemon


class Rescuer(Listener):
    """Lets a call that hangs go on as soon as somebody speaks of it."""

    def say(self, text: str, advice: str = "") -> None:
        super().say(text, advice)
        RELEASE.set()


def test_a_slow_call_is_spoken_of_once_and_still_gives_its_result(
    said: list[str], keyring_entries: object
) -> None:
    store = Keyring(Limits(notice_s=0.02, give_up_s=60))
    store.save(SERVICE, "token-set", SECRET)
    set_fault("hang")
    with log.heard_by(Rescuer(said)):
        assert store.load(SERVICE, "token-set") == SECRET
    assert said == ["Waiting for the keyring ..."]


def test_an_unlock_prompt_is_spoken_of_only_where_there_is_one(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a bus nothing is known to be locked.
    assert not keyrings.is_locked()
    store = Keyring()
    store._backend = keyring.core._load_keyring_class(keyrings._SECRET_SERVICE)()
    for locked in (True, False):
        monkeypatch.setattr(keyrings, "_ask_whether_locked", lambda answer=locked: answer)
        store._say_waiting()
    assert said == [
        "Waiting for the keyring to be unlocked: look for its prompt ...",
        "Waiting for the keyring ...",
    ]


@pytest.fixture
def own_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder with a bus in it, as systemd makes it; returns the folder above."""
    folder = tmp_path / str(os.getuid())
    folder.mkdir()
    # A socket's whole path may be too long for the system.
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("bus")
    monkeypatch.setenv(keyrings.BUS_VARIABLE, "")
    return tmp_path


@pytest.mark.parametrize(
    ("place", "used"),
    [
        ("the user's own", "unix:path={bus}"),
        ("an address is set", "unix:path=/elsewhere"),
        ("somebody else's", ""),
        ("nothing there", ""),
        ("no socket", ""),
        ("a link", ""),
        ("another system", ""),
    ],
)
def test_without_an_address_the_users_own_bus_is_used(
    own_bus: Path, monkeypatch: pytest.MonkeyPatch, place: str, used: str
) -> None:
    bus = own_bus / str(os.getuid()) / "bus"
    if place == "an address is set":
        monkeypatch.setenv(keyrings.BUS_VARIABLE, "unix:path=/elsewhere")
    elif place == "somebody else's":
        bus.parent.rename(own_bus / "4711")
        monkeypatch.setattr(os, "getuid", lambda: 4711)
    elif place == "a link":
        bus.rename(own_bus / "elsewhere")
        bus.symlink_to(own_bus / "elsewhere")
    elif place in ("nothing there", "no socket"):
        bus.unlink()
        if place == "no socket":
            bus.write_text("")
    elif place == "another system":
        monkeypatch.setattr(sys, "platform", "darwin")
    assert keyrings.use_own_bus.__defaults__ == (Path("/run/user"),)
    keyrings.use_own_bus(own_bus)
    assert os.environ[keyrings.BUS_VARIABLE] == used.format(bus=bus)


@pytest.mark.other_uid
def test_a_bus_of_another_users_is_not_asked(tmp_path: Path, provider: Provider) -> None:
    # The socket is really theirs, which takes root.
    place = tmp_path / "run" / str(os.getuid())
    place.mkdir(parents=True)
    with opening_desktop(tmp_path / "desktop", socket_path=place / "bus") as desktop:
        desktop.start_keyring()
        machine = new_machine(tmp_path, desktop, provider)
        del machine.variables["DBUS_SESSION_BUS_ADDRESS"]
        ends = []
        for owner in (4711, os.getuid()):
            os.chown(place / "bus", owner, owner)
            with mock.patch.object(keyrings.use_own_bus, "__defaults__", (place.parent,)):
                ends.append(machine.run_here(*SIGN_UP))
    assert [ended.code for ended in ends] == [6, 0], ends
    assert "There is no keyring here" in ends[0].err
