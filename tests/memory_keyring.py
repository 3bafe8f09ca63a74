"""Keyring backends for tests: one in memory, one below a folder, both with faults on demand.

They refuse nothing: a subprocess names `FolderKeyring` in PYTHON_KEYRING_BACKEND, with TEST_KEYRING_FOLDER
for its place and perhaps TEST_KEYRING_FAULT: missing, locked, fail-at-write, forget-write, tear-write, hang.
"""

import hashlib
import os
import threading
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, NoKeyringError, PasswordDeleteError, PasswordSetError

# What a hanging backend waits for; a test sets it to let the call go on.
RELEASE = threading.Event()


class MemoryKeyring(KeyringBackend):
    """Does what TEST_KEYRING_FAULT says before it does what was asked.

    It keeps its entries in the process; `ENTRIES` is shared by all instances, and a test clears it.
    """

    priority = 1
    ENTRIES: dict[tuple[str, str], str] = {}  # noqa: RUF012 - shared on purpose

    def get_password(self, service: str, username: str) -> str | None:
        _fail()
        return self.find(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        fault = _fail()
        if fault == "fail-at-write":
            raise PasswordSetError(f"cannot write {password}")
        if fault != "forget-write":
            self.put(service, username, password[:40] if fault == "tear-write" else password)

    def delete_password(self, service: str, username: str) -> None:
        if _fail() == "fail-at-delete":
            raise PasswordDeleteError("cannot delete")
        if self.find(service, username) is None:
            raise PasswordDeleteError("not found")
        self.remove(service, username)

    def find(self, service: str, username: str) -> str | None:
        return self.ENTRIES.get((service, username))

    def put(self, service: str, username: str, password: str) -> None:
        self.ENTRIES[service, username] = password

    def remove(self, service: str, username: str) -> None:
        del self.ENTRIES[service, username]


class FolderKeyring(MemoryKeyring):
    """Keeps each entry as a file below TEST_KEYRING_FOLDER: its service, user name and text, in lines."""

    def find(self, service: str, username: str) -> str | None:
        try:
            return _path(service, username).read_text("utf-8").split("\n", 2)[2]
        except FileNotFoundError:
            return None

    def put(self, service: str, username: str, password: str) -> None:
        path = _path(service, username)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        draft.write_text(f"{service}\n{username}\n{password}", "utf-8")
        draft.replace(path)

    def remove(self, service: str, username: str) -> None:
        _path(service, username).unlink()


def _path(service: str, username: str) -> Path:
    name = hashlib.sha256(f"{service}\n{username}".encode()).hexdigest()
    return Path(os.environ["TEST_KEYRING_FOLDER"]) / f"{name}.entry"


def _fail() -> str:
    fault = os.environ.get("TEST_KEYRING_FAULT", "")
    if fault == "missing":
        raise NoKeyringError("no keyring")
    if fault == "locked":
        raise KeyringLocked("Failed to unlock the collection!")
    if fault == "hang":
        RELEASE.wait(120)
    return fault
