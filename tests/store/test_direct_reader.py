"""A read of the Secret Service that does without keyring: when it may, and who goes on where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from procore_cli.storage.keyring import DirectReader, is_keyring_configured
from tests.memory_keyring import MemoryKeyring

if TYPE_CHECKING:
    from tests.store.secret_service_peer import Service

SERVICE = "procore-login/production/0123abcd/1"


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nobody has told keyring anything."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    return monkeypatch


def test_without_a_word_to_keyring_nothing_is_configured(unnamed: pytest.MonkeyPatch) -> None:
    assert not is_keyring_configured()


@pytest.mark.parametrize("name", ["PYTHON_KEYRING_BACKEND", "KEYRING_PROPERTY_PREFERRED_COLLECTION"])
def test_a_variable_of_keyrings_is_for_keyring(unnamed: pytest.MonkeyPatch, name: str) -> None:
    unnamed.setenv(name, "anything")
    assert is_keyring_configured()


@pytest.mark.parametrize("root", ["", "elsewhere"], ids=["~/.config", "XDG_CONFIG_HOME"])
def test_keyringrc_is_for_keyring(unnamed: pytest.MonkeyPatch, own_world: Path, root: str) -> None:
    if root:
        unnamed.setenv("XDG_CONFIG_HOME", str(own_world / root))
    path = own_world / (root or ".config") / "python_keyring" / "keyringrc.cfg"
    path.parent.mkdir(parents=True)
    path.write_text("[backend]\n")

    assert is_keyring_configured()


def test_where_there_is_no_bus_the_backend_is_asked(keyring_entries: dict[tuple[str, str], str]) -> None:
    keyring_entries[SERVICE, "token-set"] = "text"
    assert DirectReader(MemoryKeyring).get_password(SERVICE, "token-set") == "text"


@pytest.fixture
def busy_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    import secretstorage

    def be_busy() -> None:
        raise TimeoutError

    monkeypatch.setattr(secretstorage, "open_dbus_connection", be_busy)


@pytest.mark.usefixtures("busy_bus")
def test_a_bus_that_is_busy_is_for_the_caller_who_tries_again() -> None:
    with pytest.raises(TimeoutError):
        DirectReader(MemoryKeyring).get_password(SERVICE, "token-set")


@pytest.mark.usefixtures("busy_bus", "keyring_entries")
def test_where_another_backend_was_written_to_the_bus_is_not_asked() -> None:
    reader = DirectReader(MemoryKeyring)
    reader.set_password(SERVICE, "token-set", "text")

    assert reader.get_password(SERVICE, "token-set") == "text"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """The Secret Service at the other end of the bus, with nothing in it."""
    # Not at the top: it is installed on Linux alone.
    import secretstorage

    from tests.store.secret_service_peer import Service

    service = Service(None)
    monkeypatch.setattr(secretstorage, "dbus_init", lambda: service)
    return service


class OwnBackend:
    """keyring's backend of the Secret Service, as far as it is told apart; it is not to be read from."""

    __module__ = "keyring.backends.SecretService"

    def set_password(self, *_: str) -> None:
        pass


def test_what_was_written_through_the_service_is_read_back_directly(service: Service) -> None:
    reader = DirectReader(OwnBackend)
    reader.set_password(SERVICE, "token-set", "text")
    service.secret = b"text"

    assert reader.get_password(SERVICE, "token-set") == "text"


def test_a_text_of_any_length_is_read_encrypted_on_the_bus(service: Service) -> None:
    for text in ("", "x" * 15, "x" * 16, "é" * 3000):
        service.secret = text.encode()
        assert DirectReader(pytest.fail).get_password(SERVICE, "token-set") == text
    assert "OpenSession" in {method for method, _ in service.asked}


def test_what_is_nowhere_is_none_without_asking_keyring(service: Service) -> None:
    assert DirectReader(OwnBackend).get_password(SERVICE, "token-set") is None


def test_in_a_locked_collection_keyring_is_asked(
    service: Service, keyring_entries: dict[tuple[str, str], str]
) -> None:
    service.is_locked = True
    keyring_entries[SERVICE, "token-set"] = "text"

    assert DirectReader(MemoryKeyring).get_password(SERVICE, "token-set") == "text"


def test_whatever_the_service_refuses_keyring_is_asked(
    service: Service, keyring_entries: dict[tuple[str, str], str]
) -> None:
    service.secret = b"other text"
    keyring_entries[SERVICE, "token-set"] = "text"
    refusals = product(
        ("Get", "SearchItems", "OpenSession", "GetSecret"), ("Failed", "UnknownObject", "ServiceUnknown")
    )
    for service.refusal, error in refusals:
        service.error = f"org.freedesktop.DBus.Error.{error}"
        found = DirectReader(MemoryKeyring).get_password(SERVICE, "token-set")
        assert found == "text", (service.refusal, error)


@pytest.mark.parametrize("damage", [lambda text: text[:-1], lambda _: b""], ids=["cut", "empty"])
def test_a_garbled_text_is_keyrings_to_judge(
    service: Service, keyring_entries: dict[tuple[str, str], str], damage: Callable[[bytes], bytes]
) -> None:
    service.secret, service.damage = b"x" * 16, damage
    keyring_entries[SERVICE, "token-set"] = "text"

    assert DirectReader(MemoryKeyring).get_password(SERVICE, "token-set") == "text"


def test_where_the_service_has_answered_nothing_else_is_written_to(service: Service) -> None:
    reader = DirectReader(pytest.fail)
    reader.get_password(SERVICE, "token-set")

    assert type(reader.backend).__module__ == "keyring.backends.SecretService"
