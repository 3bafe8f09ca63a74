"""Reads that do without keyring, from a real gnome-keyring: the same entries, the same answers, sooner."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import keyring.core
import pytest
from keyring.backends.SecretService import Keyring as TheirKeyring

from procore_cli.storage.files import SecretStore
from procore_cli.storage.keyring import Keyring
from tests import loaded
from tests.provider import Provider
from tests.signed_in import last_token
from tests.store.gnome_stand import SIGN_UP, Desktop, new_machine, opening_desktop
from tests.store.store_world import World

# The contract of every store, here over reads that do without keyring.
from tests.store.test_secret_stores import (  # noqa: F401
    test_a_store_keeps_each_text_until_it_is_replaced_or_deleted,
)

pytestmark = pytest.mark.gnome_keyring

SERVICE = "procore-login/production/0123abcd/1"
SESSION_COLLECTION = "/org/freedesktop/secrets/collection/session"


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


def test_what_keyring_wrote_is_read(store: SecretStore) -> None:
    TheirKeyring().set_password(SERVICE, "token-set", "théir text")
    assert store.load(SERVICE, "token-set") == "théir text"


def test_what_is_written_is_read_by_keyring(desktop: Desktop) -> None:
    Keyring().save(SERVICE, "token-set", "text")
    assert TheirKeyring().get_password(SERVICE, "token-set") == "text"


def test_a_run_that_wrote_reads_back_without_keyring(desktop: Desktop) -> None:
    store = Keyring()
    store.save(SERVICE, "token-set", "text")
    with mock.patch.object(TheirKeyring, "get_password", side_effect=AssertionError):
        assert store.load(SERVICE, "token-set") == "text"


def test_of_several_items_the_one_is_read_that_keyring_reads(desktop: Desktop) -> None:
    import secretstorage

    with desktop.connect() as connection:
        collection = secretstorage.get_default_collection(connection)
        for label in ("one", "two", "three"):
            attributes = {"service": SERVICE, "username": "token-set", "application": label}
            collection.create_item(label, attributes, label.encode())

    assert Keyring().load(SERVICE, "token-set") == TheirKeyring().get_password(SERVICE, "token-set")


def test_an_item_that_is_no_text_is_keyrings_to_judge(desktop: Desktop) -> None:
    import secretstorage

    with desktop.connect() as connection:
        attributes = {"service": SERVICE, "username": "token-set"}
        secretstorage.get_default_collection(connection).create_item("odd", attributes, b"\xff")

    with pytest.raises(Exception, match="UnicodeDecodeError"):
        Keyring().load(SERVICE, "token-set")


def test_another_collection_that_the_user_prefers_is_the_one_that_is_read(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    TheirKeyring().set_password(SERVICE, "token-set", "in the default collection")
    monkeypatch.setenv("KEYRING_PROPERTY_PREFERRED_COLLECTION", SESSION_COLLECTION)
    TheirKeyring().set_password(SERVICE, "token-set", "in the session's")

    assert Keyring().load(SERVICE, "token-set") == "in the session's"


def test_another_backend_that_keyringrc_names_is_the_one_that_is_read(
    desktop: Desktop, keyring_entries: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    TheirKeyring().set_password(SERVICE, "token-set", "in gnome-keyring")
    keyring_entries[SERVICE, "token-set"] = "in memory"
    path = keyring.core._config_path()
    path.parent.mkdir(parents=True)
    path.write_text("[backend]\ndefault-keyring = tests.memory_keyring.MemoryKeyring\n")

    assert Keyring().load(SERVICE, "token-set") == "in memory"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("is_there", [True, False])
def test_in_a_locked_collection_nothing_is_read_and_nothing_missed(desktop: Desktop, is_there: bool) -> None:
    if is_there:
        TheirKeyring().set_password(SERVICE, "token-set", "text")
    desktop.lock()

    with pytest.raises(Exception, match="is locked"):
        Keyring().load(SERVICE, "token-set")
    # keyring leaves its connection open where unlocking fails: that is for the test that did it.
    gc.collect()


def test_a_valid_token_is_read_without_keyring_and_without_another_process(
    tmp_path: Path, desktop: Desktop, provider: Provider
) -> None:
    machine = new_machine(tmp_path, desktop, provider)
    assert machine.run(*SIGN_UP).code == 0

    with loaded.start(machine, ["token"]) as running:
        out, err = running.communicate(timeout=30)

    assert (running.returncode, out.strip()) == (0, last_token(provider)), err
    assert loaded.read_report(machine) == (
        {"cryptography", "hashlib", "jeepney", "secretstorage", "sqlite3"},
        set(),
    )


def test_keyring_itself_starts_no_process_where_it_is_needed(
    tmp_path: Path, desktop: Desktop, provider: Provider
) -> None:
    machine = new_machine(tmp_path, desktop, provider)
    assert machine.run(*SIGN_UP).code == 0

    with loaded.start(machine, ["refresh"]) as running:
        _, err = running.communicate(timeout=30)

    assert running.returncode == 0, err
    heavy, started = loaded.read_report(machine)
    assert "keyring" in heavy
    assert started == set()
