"""The real gnome-keyring: `dbus-run-session` starts a bus of its own for these, see the marker."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest

from procore_cli.storage import keyring as keyrings
from procore_cli.storage.files import GivenUpError
from procore_cli.storage.keyring import Keyring
from procore_cli.threads import Limits
from tests.store.gnome_stand import unlock
from tests.store.store_world import JOE, World, new_tokens

pytestmark = pytest.mark.gnome_keyring

# The common fixture takes these away from every test.
BUS = {name: value for name, value in os.environ.items() if name.startswith("DBUS_")}
SERVICE = "procore-login/production/test-entry/1"


@pytest.fixture(autouse=True)
def real_bus(own_world: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    for name, value in BUS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def keyring(said: list[str]) -> Keyring:
    return Keyring()


@pytest.mark.parametrize("size", [520, 6000])
def test_a_sign_in_is_proved_saved_and_signed_out(world: World, keyring: Keyring, size: int) -> None:
    assert keyring.find_backend_name() == "keyring.backends.SecretService.Keyring"
    world.store_name = "keyring"
    vault = world.new_vault()
    vault.prove()
    vault.save_signin(new_tokens(1, size), JOE)
    account = world.accounts.find_account()
    assert account is not None
    assert world.load(account).tokens == new_tokens(1, size)
    vault.sign_out(account)
    vault.clean(account)
    assert world.list_entries() == []
    assert world.said == []


@pytest.fixture
def locked(keyring: Keyring) -> Iterator[None]:
    """The collection is locked, and there is no display that its prompt could be shown on."""
    import secretstorage

    keyring.save(SERVICE, "token-set", "text")
    with closing(secretstorage.dbus_init()) as connection:
        collection = secretstorage.get_default_collection(connection)
        collection.lock()
        yield
        unlock(connection, collection.collection_path)
    # keyring leaves its connection open where unlocking fails: that is for the test that did it.
    gc.collect()


@pytest.fixture
def stopped() -> Iterator[None]:
    """The daemon does not answer, as while a prompt waits for somebody."""
    import secretstorage
    from jeepney.bus_messages import message_bus
    from jeepney.io.blocking import Proxy

    with closing(secretstorage.dbus_init()) as connection:
        bus = Proxy(message_bus, connection)
        (daemon,) = bus.GetConnectionUnixProcessID("org.freedesktop.secrets")
    os.kill(daemon, signal.SIGSTOP)
    yield
    os.kill(daemon, signal.SIGCONT)


def test_whether_the_collection_is_locked_is_found_out_without_a_prompt(keyring: Keyring) -> None:
    keyring.save(SERVICE, "token-set", "text")
    assert not keyrings.is_locked()


def test_a_locked_collection_is_recognised(locked: None) -> None:
    assert keyrings.is_locked()


def test_a_daemon_that_does_not_answer_is_given_up(said: list[str], stopped: None) -> None:
    keyring = Keyring(Limits(notice_s=0.05, give_up_s=0.3))
    with pytest.raises(GivenUpError, match="given up"):
        keyring.load(SERVICE, "token-set")
    assert said == ["Waiting for the keyring ..."]
