"""A read of the Secret Service that does without keyring: when it may, and who goes on where it cannot."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from procore_cli.storage.keyring import DirectReader, is_keyring_configured
from tests.memory_keyring import MemoryKeyring

if TYPE_CHECKING:
    from tests.store.secret_service_peer import Service

SERVICE = "procore-login/production/0123abcd/1"


@pytest.mark.parametrize(
    ("variables", "folder", "is_configured"),
    [
        ({}, "", False),
        ({"PYTHON_KEYRING_BACKEND": "anything"}, "", True),
        ({"KEYRING_PROPERTY_PREFERRED_COLLECTION": "anything"}, "", True),
        ({}, ".config", True),
        ({"XDG_CONFIG_HOME": "elsewhere"}, "elsewhere", True),
    ],
)
def test_whatever_keyring_was_told_is_for_keyring(
    monkeypatch: pytest.MonkeyPatch,
    own_world: Path,
    variables: dict[str, str],
    folder: str,
    is_configured: bool,
) -> None:
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    monkeypatch.chdir(own_world)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(own_world / value))
    if folder:
        path = own_world / folder / "python_keyring" / "keyringrc.cfg"
        path.parent.mkdir(parents=True)
        path.write_text("[backend]\n")
    assert is_keyring_configured() is is_configured


def test_where_there_is_no_bus_the_backend_is_asked(keyring_entries: dict[tuple[str, str], str]) -> None:
    keyring_entries[SERVICE, "token-set"] = "text"
    assert DirectReader(MemoryKeyring).get_password(SERVICE, "token-set") == "text"


@pytest.mark.usefixtures("keyring_entries")
def test_a_bus_that_is_busy_is_for_the_caller_who_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import secretstorage

    def be_busy() -> None:
        raise TimeoutError

    monkeypatch.setattr(secretstorage, "open_dbus_connection", be_busy)
    reader = DirectReader(MemoryKeyring)
    with pytest.raises(TimeoutError):
        reader.get_password(SERVICE, "token-set")
    # Where another backend was written to, the bus is not asked.
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
    # What is nowhere is none, without asking keyring.
    assert DirectReader(OwnBackend).get_password(SERVICE, "token-set") is None
    reader = DirectReader(OwnBackend)
    reader.set_password(SERVICE, "token-set", "text")
    service.secret = b"text"
    assert reader.get_password(SERVICE, "token-set") == "text"


def test_a_text_of_any_length_is_read_encrypted_on_the_bus(service: Service) -> None:
    for text in ("", "x" * 15, "x" * 16, "é" * 3000):
        service.secret = text.encode()
        assert DirectReader(pytest.fail).get_password(SERVICE, "token-set") == text
    assert "OpenSession" in {method for method, _ in service.asked}


REFUSALS = product(
    ("Get", "SearchItems", "OpenSession", "GetSecret"), ("Failed", "UnknownObject", "ServiceUnknown")
)


@pytest.mark.parametrize(
    "trouble",
    [
        {"is_locked": True},
        {"damage": lambda text: text[:-1]},
        {"damage": lambda _: b""},
        *({"refusal": method, "error": f"org.freedesktop.DBus.Error.{name}"} for method, name in REFUSALS),
    ],
)
def test_whatever_the_service_refuses_or_garbles_keyring_is_asked(
    service: Service, keyring_entries: dict[tuple[str, str], str], trouble: dict[str, object]
) -> None:
    service.secret = b"x" * 16
    vars(service).update(trouble)
    keyring_entries[SERVICE, "token-set"] = "text"
    assert DirectReader(MemoryKeyring).get_password(SERVICE, "token-set") == "text"


def test_where_the_service_has_answered_nothing_else_is_written_to(service: Service) -> None:
    reader = DirectReader(pytest.fail)
    reader.get_password(SERVICE, "token-set")
    assert type(reader.backend).__module__ == "keyring.backends.SecretService"
