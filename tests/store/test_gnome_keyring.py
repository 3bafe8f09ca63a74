"""The real gnome-keyring, and reads from it that do without keyring: the same entries, the same answers."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from keyring.backends.SecretService import Keyring as TheirKeyring

from procore_cli.storage import keyring as keyrings
from procore_cli.storage.files import GivenUpError, SecretStore
from procore_cli.storage.keyring import Keyring
from procore_cli.threads import Limits
from tests import loaded
from tests.provider import Provider
from tests.signed_in import last_token
from tests.store.gnome_stand import SIGN_UP, Desktop, new_machine, opening_desktop
from tests.store.store_world import World

# The contract of every store, here over reads that do without keyring.
from tests.store.test_secret_stores import (  # noqa: F401
    test_a_store_keeps_each_text_until_it_is_replaced_or_deleted,
)

pytestmark = [
    pytest.mark.gnome_keyring,
    # keyring leaves its connection open where a call fails, and any later test would be told of it.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

SERVICE = "procore-login/production/0123abcd/1"
SESSION_COLLECTION = "/org/freedesktop/secrets/collection/session"


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """What a failed call of keyring's left open goes here, and in no later test."""
    yield
    gc.collect()


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    """gnome-keyring runs and is unlocked, and nobody has told keyring anything."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    with opening_desktop(tmp_path / "desktop") as desktop:
        desktop.start_keyring()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", desktop.address)
        yield desktop


@pytest.fixture
def either_world(world: World, desktop: Desktop) -> World:
    world.store_name = "keyring"
    return world


class FreshStore:
    """Each call as a run of its own makes it; a read that asks keyring for the text fails."""

    name = "keyring"

    def load(self, service: str, username: str) -> str | None:
        with mock.patch.object(TheirKeyring, "get_password", side_effect=AssertionError):
            return Keyring().load(service, username)

    def save(self, service: str, username: str, text: str) -> None:
        Keyring().save(service, username, text)

    def delete(self, service: str, username: str) -> None:
        Keyring().delete(service, username)


@pytest.fixture
def store(desktop: Desktop) -> SecretStore:
    return FreshStore()


def test_what_keyring_wrote_is_read_and_the_other_way_round(store: SecretStore) -> None:
    TheirKeyring().set_password(SERVICE, "token-set", "théir text")
    assert store.load(SERVICE, "token-set") == "théir text"
    ours = Keyring()
    assert ours.find_backend_name() == "keyring.backends.SecretService.Keyring"
    ours.save(SERVICE, "token-set", "text")
    assert TheirKeyring().get_password(SERVICE, "token-set") == "text"
    with mock.patch.object(TheirKeyring, "get_password", side_effect=AssertionError):
        assert ours.load(SERVICE, "token-set") == "text"


def test_of_several_items_the_one_is_read_that_keyring_reads(desktop: Desktop) -> None:
    desktop.create_items(SERVICE, b"one", b"two", b"three")
    assert Keyring().load(SERVICE, "token-set") == TheirKeyring().get_password(SERVICE, "token-set")


def test_an_item_that_is_no_text_is_keyrings_to_judge(desktop: Desktop) -> None:
    desktop.create_items(SERVICE, b"\xff")
    with pytest.raises(Exception, match="UnicodeDecodeError"):
        Keyring().load(SERVICE, "token-set")


def test_another_collection_that_the_user_prefers_is_the_one_that_is_read(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    TheirKeyring().set_password(SERVICE, "token-set", "in the default collection")
    monkeypatch.setenv("KEYRING_PROPERTY_PREFERRED_COLLECTION", SESSION_COLLECTION)
    TheirKeyring().set_password(SERVICE, "token-set", "in the session's")
    assert Keyring().load(SERVICE, "token-set") == "in the session's"


@pytest.mark.parametrize("is_there", [True, False])
def test_in_a_locked_collection_nothing_is_read_and_nothing_missed(desktop: Desktop, is_there: bool) -> None:
    if is_there:
        TheirKeyring().set_password(SERVICE, "token-set", "text")
    assert not keyrings.is_locked()
    desktop.lock()
    assert keyrings.is_locked()
    with pytest.raises(Exception, match="is locked"):
        Keyring().load(SERVICE, "token-set")


def test_a_daemon_that_does_not_answer_is_given_up(said: list[str], desktop: Desktop) -> None:
    keyring = Keyring(Limits(notice_s=0.05, give_up_s=0.3))
    assert desktop.keyring is not None
    # As while a prompt waits for somebody.
    os.kill(desktop.keyring.pid, signal.SIGSTOP)
    with pytest.raises(GivenUpError, match="given up"):
        keyring.load(SERVICE, "token-set")
    os.kill(desktop.keyring.pid, signal.SIGCONT)
    assert said == ["Waiting for the keyring ..."]


def test_a_valid_token_is_read_without_keyring_and_nothing_starts_another_process(
    tmp_path: Path, desktop: Desktop, provider: Provider
) -> None:
    machine = new_machine(tmp_path, desktop, provider)
    assert machine.run(*SIGN_UP).code == 0
    token = last_token(provider)
    found = {}
    for command in ("token", "refresh"):
        with loaded.start(machine, [command]) as running:
            out, err = running.communicate(timeout=30)
        assert running.returncode == 0, err
        assert command == "refresh" or out.strip() == token
        found[command], started = loaded.read_report(machine)
        assert started == set()
    assert found["token"] == {"cryptography", "hashlib", "jeepney", "secretstorage", "sqlite3"}
    assert "keyring" in found["refresh"]
