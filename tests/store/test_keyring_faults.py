"""What the platforms' own backends raise, by their real code over libraries that are pretended to be here.

Refuses to invent an exception: it has the library's own class, or what the library gives its constructor.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

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


def new_store(monkeypatch: pytest.MonkeyPatch, platform: str) -> Keyring:
    """A store that has chosen its backend by itself, on another platform."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    monkeypatch.setattr(sys, "platform", platform)
    # There may be a real one here.
    monkeypatch.setattr(keyring, "_UNIX", [name for name in keyring._UNIX if name != keyring._SECRET_SERVICE])
    store = Keyring()
    store.find_backend_name()
    return store


def assert_keeps(store: Keyring) -> None:
    """As much as Windows takes is kept, replaced, and deleted twice without complaint."""
    store.save(SERVICE, "token-set", SECRET)
    store.save(SERVICE, "token-set", "x" * PART_CHARS)
    assert store.load(SERVICE, "token-set") == "x" * PART_CHARS
    store.delete(SERVICE, "token-set")
    store.delete(SERVICE, "token-set")
    assert store.load(SERVICE, "token-set") is None


def assert_told(store: Keyring, call: str, message: str, *, closed: bool = True) -> None:
    with pytest.raises(KeyringError) as failure:
        CALLS[call](store)
    assert failure.value.message.startswith(message), failure.value.message
    assert failure.value.exit_code == 6
    assert isinstance(failure.value, ClosedError) is closed
    assert "procore-login configure --store file" in failure.value.hint
    assert SECRET not in failure.value.message + failure.value.hint


def test_macos_takes_the_keychain(monkeypatch: pytest.MonkeyPatch) -> None:
    install_keychain(monkeypatch)
    store = new_store(monkeypatch, "darwin")
    assert store.find_backend_name() == "keyring.backends.macOS.Keyring"
    assert_keeps(store)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [-128, -25308], ids=["denied", "over SSH"])
def test_a_keychain_that_nobody_unlocks_is_locked(
    monkeypatch: pytest.MonkeyPatch, call: str, status: int
) -> None:
    keychain = install_keychain(monkeypatch)
    store = new_store(monkeypatch, "darwin")
    keychain.status = status
    assert_told(store, call, LOCKED)
    # Each call may show a prompt: it is not shown again after a no.
    assert keychain.calls == 1


@pytest.mark.parametrize("status", [-25293, -34018])
def test_a_keychain_that_fails_says_its_number(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    keychain = install_keychain(monkeypatch)
    store = new_store(monkeypatch, "darwin")
    keychain.status = status
    assert_told(store, "write", f"{FAILED} (PasswordSetError {status}).", closed=False)


def test_windows_takes_the_credential_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = install_credentials(monkeypatch)
    store = new_store(monkeypatch, "win32")
    assert store.find_backend_name() == "keyring.backends.Windows.WinVaultKeyring"
    assert_keeps(store)
    assert credentials.kept == {}


def test_windows_size_limit_is_an_error_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    install_credentials(monkeypatch)
    store = new_store(monkeypatch, "win32")
    with pytest.raises(KeyringError, match=r"error 1783"):
        store.save(SERVICE, "token-set", "x" * 1281)


@pytest.mark.parametrize("call", CALLS)
def test_a_network_logon_has_no_credential_manager(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    credentials = install_credentials(monkeypatch)
    store = new_store(monkeypatch, "win32")
    credentials.winerror = 1312
    assert_told(store, call, f"{GONE} (error 1312).")


def test_kde_takes_kwallet_where_there_is_no_secret_service(monkeypatch: pytest.MonkeyPatch) -> None:
    install_wallet(monkeypatch)
    store = new_store(monkeypatch, "linux")
    assert store.find_backend_name() == "keyring.backends.kwallet.DBusKeyring"
    assert_keeps(store)


@pytest.mark.parametrize("call", CALLS)
def test_a_wallet_whose_prompt_is_cancelled_is_locked_and_asks_once(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    wallet = install_wallet(monkeypatch)
    wallet.handle = -1
    assert_told(new_store(monkeypatch, "linux"), call, LOCKED)
    assert wallet.opened == 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_wallet_that_has_gone_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch, call: str, when: str
) -> None:
    wallet = install_wallet(monkeypatch)
    store = new_store(monkeypatch, "linux")
    if when == "meanwhile":
        store.load(SERVICE, "token-set")
    wallet.gone = True
    assert_told(store, call, GONE)


def test_a_wallet_that_ignores_a_write_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = install_wallet(monkeypatch)
    store = new_store(monkeypatch, "linux")
    wallet.forgets = True
    with pytest.raises(KeyringError, match="did not keep"):
        save_text(store, "production", "0123abcd", SECRET)


def test_a_wallet_that_ignores_a_deletion_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = install_wallet(monkeypatch)
    store = new_store(monkeypatch, "linux")
    store.save(SERVICE, "token-set", SECRET)
    wallet.forgets = True
    with pytest.raises(KeyringError, match="did not delete"):
        store.delete(SERVICE, "token-set")


def test_libsecret_is_taken_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    install_libsecret(monkeypatch)
    store = new_store(monkeypatch, "linux")
    assert store.find_backend_name() == "keyring.backends.libsecret.Keyring"
    assert_keeps(store)


@pytest.mark.parametrize(
    ("call", "domain", "code"),
    [
        ("write", "secret-error", 2),
        ("write", "g-io-error-quark", 0),
        ("read", "g-io-error-quark", 0),
        ("delete", "g-io-error-quark", 0),
    ],
)
def test_libsecrets_ways_to_say_locked_are_known(
    monkeypatch: pytest.MonkeyPatch, call: str, domain: str, code: int
) -> None:
    libsecret = install_libsecret(monkeypatch)
    store = new_store(monkeypatch, "linux")
    libsecret.error = GLibError(SECRET, domain, code)
    assert_told(store, call, LOCKED)


def test_what_libsecret_leaks_is_told_by_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    libsecret = install_libsecret(monkeypatch)
    store = new_store(monkeypatch, "linux")
    libsecret.error = GLibError(SECRET, "g-dbus-error-quark", 4)
    assert_told(store, "write", f"{FAILED} (GError).", closed=False)


def new_dbus_error(name: str) -> Exception:
    import jeepney

    call = jeepney.new_method_call(jeepney.DBusAddress("/", "org.example.one"), "X")
    message = jeepney.new_error(call, name, "s", (SECRET,))
    error: Exception = jeepney.DBusErrorResponse(message)
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
    ],
)
def test_what_libraries_raise_is_told_without_its_text(
    new_error: Callable[[], Exception], message: str
) -> None:
    told = translate(new_error(), "write an entry")
    assert told.message.startswith(message)
    assert SECRET not in told.message + told.hint


@pytest.mark.parametrize(
    ("kind", "message"), [("SecretServiceNotAvailableException", GONE), ("LockedException", LOCKED)]
)
def test_secretstorages_own_errors_are_known(kind: str, message: str) -> None:
    error = getattr(importlib.import_module("secretstorage.exceptions"), kind)
    assert translate(error(SECRET), "read an entry").message.startswith(message)
