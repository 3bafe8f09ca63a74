"""Whatever a keyring leaks, in our own words and with the choices that there are; no secret is repeated."""

from __future__ import annotations

import sys

from procore_cli.errors import KeyringError
from procore_cli.storage.files import ClosedError, NoKeyringError

_FIRST_CHOICE = {
    "darwin": "Unlock the login keychain",
    "win32": "Sign in to Windows in a way that has the Credential Manager (not over a network logon)",
}
# By name, since the libraries that they are from are not everywhere.
_DISMISSED = {"KeyringLocked", "PromptDismissedException", "LockedException"}
_UNREACHABLE = {"InitError", "SecretServiceNotAvailableException", "DBusException"}
# What the systems' own numbers and names say: macOS' "user cancelled" and "interaction not allowed".
_DISMISSED_CODES = {-128, -25308, "org.freedesktop.Secret.Error.IsLocked"}
_UNREACHABLE_CODES = {1312}  # Windows' "no such logon session"


def translate(error: Exception, action: str) -> KeyringError:
    """The error of ours for one of theirs; `action` is what was tried, as "read an entry"."""
    if is_dismissed(error):
        return ClosedError(
            "The keyring is locked, and the prompt to unlock it was dismissed or could not be shown.",
            _list_choices("Unlock the keyring, then try again"),
        )
    name = type(error).__name__
    # Numbers and D-Bus names alone: a text might repeat what was to be written.
    codes = _list_codes(error)
    shown = " ".join([name, *map(str, codes)])
    is_gone = isinstance(error, (ConnectionError, FileNotFoundError))
    if is_gone or name in _UNREACHABLE or not _UNREACHABLE_CODES.isdisjoint(codes):
        return ClosedError(f"The keyring cannot be reached ({shown}).", _list_choices())
    return KeyringError(f"The keyring failed to {action} ({shown}).", _list_choices())


def is_dismissed(error: BaseException) -> bool:
    """Whether a prompt was dismissed, or the system would not show one."""
    # A prompt that was to create the keyring is behind an InitError.
    names = {type(error).__name__, type(error.__cause__).__name__}
    is_cancelled = "Cancelled by user" in error.args  # KWallet's way to say it
    return is_cancelled or not (
        _DISMISSED.isdisjoint(names) and _DISMISSED_CODES.isdisjoint(_list_codes(error))
    )


def _list_codes(error: BaseException) -> list[int | str]:
    """The system's own numbers, which macOS' backend leaves in the cause, and D-Bus' own name of an error."""
    found = [*error.args, *getattr(error.__cause__, "args", ())]
    codes: list[int | str] = [code for code in found if isinstance(code, int)]
    dbus_name = getattr(error, "name", None)
    is_dbus = type(error).__name__ == "DBusErrorResponse" and isinstance(dbus_name, str)
    return [*codes, str(dbus_name)] if is_dbus else codes


def new_missing_error() -> KeyringError:
    """Neither the platform nor the user's configuration has a keyring."""
    return NoKeyringError("There is no keyring here that can be used.", _list_choices())


def new_useless_error(backend_name: str, remedy: str) -> KeyringError:
    """The backend that the user named refuses every call."""
    return NoKeyringError(
        f"There is no keyring here that can be used: keyring is configured to use {backend_name}.",
        _list_choices(remedy),
    )


def _list_choices(first: str | None = None) -> str:
    first = first or _FIRST_CHOICE.get(
        sys.platform, "Install and unlock a Secret Service (gnome-keyring or KWallet) in your session"
    )
    return (
        f"{first}; or keep the tokens in files that only you can read: "
        "`procore-login configure --store file` (cron reads it too); or set PROCORE_ACCESS_TOKEN (CI)."
    )
