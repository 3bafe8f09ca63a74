"""Keyring backends on a disk that behave as the real ones' sources do, with faults on demand.

A process names one in PYTHON_KEYRING_BACKEND, TEST_KEYRING_FOLDER is its place; TEST_KEYRING_FAULT is
ACTION:NUMBER:FAULT, say set:2:forget, and hits the nth call (0: every) of get, set or delete, or of any.
A fault that is played is a step, `fault set:2 forget`; the fault `nothing` only tells of the calls.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from keyring.errors import (
    InitError,
    KeyringError,
    KeyringLocked,
    PasswordDeleteError,
    PasswordSetError,
)

from tests.kills.steps import reach
from tests.memory_keyring import FolderKeyring

# Beside a limit of 0.3 s, which the launcher sets.
SHORT_S = 0.1
WINDOWS_LIMIT = 2560
# What the platforms' backends let through, as keyring's sources say: `new_error` makes them.
LEAKS = (
    "KeyringLocked",
    "InitError",
    "PasswordSetError",
    "PasswordDeleteError",
    "KeyringError",
    "error",
    "GError",
    "DBusErrorResponse",
    "DBusException",
    "ConnectionResetError",
    "EOFError",
    "TimeoutError",
    "ItemNotFoundException",
    "PromptDismissedException",
    "LockedException",
    "SecretServiceNotAvailableException",
)


class pywintypes_error(Exception):  # noqa: N801, N818 - the real one is called `error`
    """`pywintypes.error`: three arguments, of which the first is Windows' number."""

    def __init__(self, winerror: int, funcname: str, strerror: str) -> None:
        super().__init__(winerror, funcname, strerror)
        self.winerror, self.funcname, self.strerror = winerror, funcname, strerror


pywintypes_error.__name__ = "error"


class GError(RuntimeError):
    """GLib.Error: its text is all that it gives."""


class DBusException(Exception):  # noqa: N818 - that is its name
    """python-dbus' own."""


def new_error(name: str, text: str) -> Exception:
    """What the backends leak; the text repeats what was to be written, as some do."""
    import secretstorage.exceptions as ss
    from jeepney import DBusErrorResponse

    plain: dict[str, type[Exception]] = {
        "KeyringLocked": KeyringLocked,
        "InitError": InitError,
        "PasswordSetError": PasswordSetError,
        "PasswordDeleteError": PasswordDeleteError,
        "KeyringError": KeyringError,
        "GError": GError,
        "DBusException": DBusException,
        "ConnectionResetError": ConnectionResetError,
        "EOFError": EOFError,
        "TimeoutError": TimeoutError,
        "ItemNotFoundException": ss.ItemNotFoundException,
        "PromptDismissedException": ss.PromptDismissedException,
        "LockedException": ss.LockedException,
        "SecretServiceNotAvailableException": ss.SecretServiceNotAvailableException,
    }
    if name == "error":
        return pywintypes_error(1312, "CredWrite", f"A specified logon session does not exist {text}")
    if name == "DBusErrorResponse":
        return DBusErrorResponse(_new_reply(text))
    return plain[name](f"Can't do it: {text}")


def _new_reply(text: str) -> Any:
    from jeepney import DBusAddress, new_error, new_method_call

    call = new_method_call(DBusAddress("/org/freedesktop/secrets"), "CreateItem")
    call.header.serial = 1
    return new_error(call, "org.freedesktop.DBus.Error.NoReply", "s", (text,))


class Backend(FolderKeyring):
    """A keyring in a folder, which replaces an entry in one step."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: Counter[str] = Counter()

    def get_password(self, service: str, username: str) -> str | None:
        """Load."""
        self._fail("get", "")
        return self.read(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        """Save."""
        fault = self._fail("set", password)
        if fault == "forget":
            return
        if fault == "late":
            self._land_later(service, username, password)
        self.write(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        """Delete."""
        self._fail("delete", "")
        self.erase(service, username)

    def read(self, service: str, username: str) -> str | None:
        """What is there."""
        return self.find(service, username)

    def write(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.put(service, username, password)

    def erase(self, service: str, username: str) -> None:
        """Take it away."""
        if self.find(service, username) is None:
            raise PasswordDeleteError("Password not found")
        self.remove(service, username)

    def _fail(self, action: str, text: str) -> str:
        wanted, number, fault = (os.environ.get("TEST_KEYRING_FAULT") or "none:0:none").split(":")
        self._calls[action] += 1
        self._calls["any"] += 1
        if wanted not in (action, "any") or int(number) not in (0, self._calls[wanted]):
            return ""
        reach(f"fault {action}:{self._calls[action]} {fault}")
        if fault == "slow":
            time.sleep(SHORT_S)
        elif fault == "hang":
            threading.Event().wait(60)
        elif fault not in ("forget", "late", "nothing"):
            raise new_error(fault, text)
        return fault

    def _land_later(self, service: str, username: str, password: str) -> None:
        # The keyring's own process does it, long after this one has given up.
        folder = os.environ["TEST_KEYRING_FOLDER"]
        os.environ["TEST_KEYRING_FOLDER"] = f"{folder}/landing"
        self.put(service, username, password)
        os.environ["TEST_KEYRING_FOLDER"] = folder
        threading.Event().wait(60)


def land(folder: Path) -> None:
    """What was late arrives."""
    for path in (folder / "landing").glob("*.entry"):
        path.replace(folder / path.name)


class MacKeyring(Backend):
    """macOS' Keychain: an entry is replaced by deleting it and adding it anew."""

    def write(self, service: str, username: str, password: str) -> None:
        """Delete what is there, then add."""
        if self.find(service, username) is not None:
            self.remove(service, username)
        reach("keychain: deleted, not yet added")
        self.put(service, username, password)

    def erase(self, service: str, username: str) -> None:
        """Delete; a missing entry is an error with the same name as any other."""
        if self.find(service, username) is None:
            raise PasswordDeleteError("Can't delete password in keychain: (-25300, 'Item not found')")
        self.remove(service, username)


class WindowsKeyring(Backend):
    """Windows' Credential Manager: 2,560 bytes of UTF-16, and one user name for a service."""

    def read(self, service: str, username: str) -> str | None:
        """What stands under the service if it is the user's, else under user@service."""
        found = self._find_credential(service)
        if found is None or found[0] != username:
            found = self._find_credential(f"{username}@{service}")
        return found and found[1]

    def write(self, service: str, username: str, password: str) -> None:
        """Move away whatever stands under the service, then write."""
        existing = self._find_credential(service)
        if existing is not None:
            self._write_credential(f"{existing[0]}@{service}", *existing)
            reach("credential manager: former entry moved, new one not yet written")
        self._write_credential(service, username, password)

    def erase(self, service: str, username: str) -> None:
        """Delete both."""
        targets = [
            target
            for target in (service, f"{username}@{service}")
            if (self._find_credential(target) or ("",))[0] == username
        ]
        if not targets:
            raise PasswordDeleteError(service)
        for target in targets:
            self.remove(target, "")

    def _find_credential(self, target: str) -> tuple[str, str] | None:
        found = self.find(target, "")
        if found is None:
            return None
        username, _, password = found.partition("\n")
        return username, password

    def _write_credential(self, target: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > WINDOWS_LIMIT:
            raise pywintypes_error(1783, "CredWrite", f"The stub received bad data {password}")
        self.put(target, "", f"{username}\n{password}")


FAKES: dict[str, type[Backend]] = {"plain": Backend, "macos": MacKeyring, "windows": WindowsKeyring}


def find_path_name(kind: str) -> str:
    """What PYTHON_KEYRING_BACKEND is for one of `FAKES`."""
    return f"tests.kills.fake_keyrings.{FAKES[kind].__name__}"
