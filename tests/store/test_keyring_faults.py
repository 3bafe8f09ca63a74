"""What the platforms' own backends raise, by their real code over libraries that are pretended to be here."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import pytest

from procore_cli.errors import KeyringError
from procore_cli.storage import keyring
from procore_cli.storage.files import PART_CHARS, ClosedError, save_text
from procore_cli.storage.keyring import Keyring, translate
from tests.store.platform_keyrings import (
    GLibError,
    install_credentials,
    install_keychain,
    install_libsecret,
    install_wallet,
)

SERVICE = "procore-login/production/0123abcd/1"
SECRET = "the-secret-text"
LOCKED = "The keyring is locked"
GONE = "The keyring cannot be reached"
FAILED = "The keyring failed to write an entry"
CALLS: dict[str, Callable[[Keyring], object]] = {
    "write": lambda store: store.save(SERVICE, "token-set", SECRET),
    "read": lambda store: store.load(SERVICE, "token-set"),
    "delete": lambda store: store.delete(SERVICE, "token-set"),
}


INSTALL: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], Any]]] = {
    "macOS.Keyring": ("darwin", install_keychain),
    "Windows.WinVaultKeyring": ("win32", install_credentials),
    "kwallet.DBusKeyring": ("linux", install_wallet),
    "libsecret.Keyring": ("linux", install_libsecret),
}


def new_store(monkeypatch: pytest.MonkeyPatch, backend: str) -> tuple[Keyring, Any]:
    """A store that has chosen its backend by itself, on another platform; and the library below that."""
    platform, install = INSTALL[backend]
    library = install(monkeypatch)
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    monkeypatch.setattr(sys, "platform", platform)
    # There may be a real one here.
    monkeypatch.setattr(keyring, "_UNIX", [name for name in keyring._UNIX if name != keyring._SECRET_SERVICE])
    store = Keyring()
    assert store.find_backend_name() == f"keyring.backends.{backend}"
    return store, library


@pytest.mark.parametrize("backend", INSTALL)
def test_each_platforms_own_is_taken_and_keeps_as_much_as_windows_takes(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    store, library = new_store(monkeypatch, backend)
    store.save(SERVICE, "token-set", SECRET)
    store.save(SERVICE, "token-set", "x" * PART_CHARS)
    assert store.load(SERVICE, "token-set") == "x" * PART_CHARS
    store.delete(SERVICE, "token-set")
    store.delete(SERVICE, "token-set")
    assert store.load(SERVICE, "token-set") is None
    assert library.kept == {}


# What the library says, for which calls, and what is told of that.
FAULTS = [
    ("macOS.Keyring", {"status": -128}, CALLS, LOCKED),
    ("macOS.Keyring", {"status": -25308}, CALLS, LOCKED),
    ("macOS.Keyring", {"status": -25293}, ["write"], f"{FAILED} (PasswordSetError -25293)."),
    ("macOS.Keyring", {"status": -34018}, ["write"], f"{FAILED} (PasswordSetError -34018)."),
    ("Windows.WinVaultKeyring", {"winerror": 1312}, CALLS, f"{GONE} (error 1312)."),
    ("kwallet.DBusKeyring", {"handle": -1}, CALLS, LOCKED),
    ("kwallet.DBusKeyring", {"gone": True}, CALLS, GONE),
    ("libsecret.Keyring", {"error": GLibError(SECRET, "secret-error", 2)}, ["write"], LOCKED),
    ("libsecret.Keyring", {"error": GLibError(SECRET, "g-io-error-quark", 0)}, CALLS, LOCKED),
    (
        "libsecret.Keyring",
        {"error": GLibError(SECRET, "g-dbus-error-quark", 4)},
        ["write"],
        f"{FAILED} (GError).",
    ),
]


@pytest.mark.parametrize(
    ("backend", "says", "call", "message"),
    [(backend, says, call, message) for backend, says, calls, message in FAULTS for call in calls],
)
def test_what_a_platforms_library_says_is_told(
    monkeypatch: pytest.MonkeyPatch, backend: str, says: dict[str, object], call: str, message: str
) -> None:
    store, library = new_store(monkeypatch, backend)
    vars(library).update(says)
    with pytest.raises(KeyringError) as failure:
        CALLS[call](store)
    assert failure.value.message.startswith(message), failure.value.message
    assert failure.value.exit_code == 6
    assert isinstance(failure.value, ClosedError) is not message.startswith(FAILED)
    assert "procore-login configure --store file" in failure.value.hint
    assert SECRET not in failure.value.message + failure.value.hint
    # Each call may show a prompt: it is not shown again after a no.
    assert message != LOCKED or getattr(library, "prompts", 1) == 1


@pytest.mark.parametrize("call", CALLS)
def test_a_wallet_that_goes_meanwhile_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    store, wallet = new_store(monkeypatch, "kwallet.DBusKeyring")
    store.load(SERVICE, "token-set")
    wallet.gone = True
    with pytest.raises(ClosedError, match=GONE):
        CALLS[call](store)


def test_windows_size_limit_is_an_error_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = new_store(monkeypatch, "Windows.WinVaultKeyring")
    with pytest.raises(KeyringError, match=r"error 1783"):
        store.save(SERVICE, "token-set", "x" * 1281)


def test_a_wallet_that_ignores_a_write_or_a_deletion_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    store, wallet = new_store(monkeypatch, "kwallet.DBusKeyring")
    store.save(SERVICE, "token-set", SECRET)
    wallet.forgets = True
    with pytest.raises(KeyringError, match="did not delete"):
        store.delete(SERVICE, "token-set")
    with pytest.raises(KeyringError, match="did not keep"):
        save_text(store, "production", "0123abcd", SECRET)


def new_dbus_error(name: str) -> Exception:
    import jeepney

    call = jeepney.new_method_call(jeepney.DBusAddress("/", "org.example.one"), "X")
    message = jeepney.new_error(call, name, "s", (SECRET,))
    error: Exception = jeepney.DBusErrorResponse(message)
    return error


def secretstorages(kind: str) -> Exception:
    error: Exception = getattr(importlib.import_module("secretstorage.exceptions"), kind)(SECRET)
    return error


def new_prompt_failure() -> Exception:
    """The prompt to make a first collection was dismissed, as keyring's Secret Service backend tells it."""
    from keyring.errors import InitError
    from secretstorage.exceptions import PromptDismissedException

    try:
        raise InitError(f"Failed to create the collection: {SECRET}.") from PromptDismissedException(SECRET)
    except InitError as error:
        return error


@pytest.mark.parametrize(
    ("new_error", "message"),
    [
        (lambda: ConnectionResetError(104, SECRET), f"{GONE} (ConnectionResetError 104)."),
        (lambda: BrokenPipeError(32, SECRET), f"{GONE} (BrokenPipeError 32)."),
        (lambda: FileNotFoundError(2, SECRET), f"{GONE} (FileNotFoundError 2)."),
        (lambda: GLibError(SECRET), f"{FAILED} (GError)."),
        (lambda: new_dbus_error("org.freedesktop.Secret.Error.IsLocked"), LOCKED),
        (
            lambda: new_dbus_error("org.freedesktop.DBus.Error.Failed"),
            f"{FAILED} (DBusErrorResponse org.freedesktop.DBus.Error.Failed).",
        ),
        (new_prompt_failure, LOCKED),
        (lambda: secretstorages("SecretServiceNotAvailableException"), GONE),
        (lambda: secretstorages("LockedException"), LOCKED),
    ],
)
def test_what_libraries_raise_is_told_without_its_text(
    new_error: Callable[[], Exception], message: str
) -> None:
    told = translate(new_error(), "write an entry")
    assert told.message.startswith(message)
    assert SECRET not in told.message + told.hint
