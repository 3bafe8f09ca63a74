"""An entry of the Secret Service read without the package keyring, whose import takes longer than the read.

Refuses to write, to prompt and to guess: whatever is not an open entry in an open collection is keyring's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_MODULE = "keyring.backends.SecretService"
# What keyring's `_query` asks for in its default scheme.
_SERVICE, _USERNAME = "service", "username"


class NotOpenError(Exception):
    """Something is locked: keyring has the prompt for that."""


class DirectReader:
    """Stands in for keyring's own backend of the Secret Service, and leaves all but a plain read to it."""

    def __init__(self, choose: Callable[[], KeyringBackend]) -> None:
        """`choose` makes the backend that does what is not done here, perhaps another one."""
        self._choose = choose
        self._chosen: KeyringBackend | None = None
        self._has_answered = False

    def get_password(self, service: str, username: str) -> str | None:
        """The text, or None if it is not there. Raises what the backend raises."""
        if self._chosen is None or _is_of_secret_service(self._chosen):
            try:
                text = _find_text(service, username)
                self._has_answered = True
                return text
            except TimeoutError:
                raise
            except Exception:  # noqa: BLE001, S110 - whatever it was, keyring knows what to do, or to say
                pass
        return self.backend.get_password(service, username)

    def set_password(self, service: str, username: str, text: str) -> None:
        """As the backend."""
        self.backend.set_password(service, username, text)

    def delete_password(self, service: str, username: str) -> None:
        """As the backend."""
        self.backend.delete_password(service, username)

    @property
    def backend(self) -> KeyringBackend:
        """The backend, chosen when it is first needed. Raises KeyringError."""
        if self._chosen is None:
            # What has answered is the one, should it be gone now: another is not to be written to instead.
            self._chosen = _new_backend() if self._has_answered else self._choose()
        return self._chosen


def is_keyring_configured() -> bool:
    """Whether the user has told keyring anything: then keyring itself has to read it."""
    if os.environ.get("PYTHON_KEYRING_BACKEND") or any("KEYRING_PROPERTY_" in name for name in os.environ):
        return True
    root = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - it never raises
    return os.path.lexists(Path(root, "python_keyring", "keyringrc.cfg"))


def _is_of_secret_service(backend: KeyringBackend) -> bool:
    return type(backend).__module__ == _MODULE


def _new_backend() -> KeyringBackend:
    from keyring.backends.SecretService import Keyring

    backend: KeyringBackend = Keyring()  # type: ignore[no-untyped-call]
    return backend


def _find_text(service: str, username: str) -> str | None:
    from procore_cli.store.secret_service import open_service

    with open_service() as secret_service:
        # The default collection: another one is named by KEYRING_PROPERTY_PREFERRED_COLLECTION alone.
        for path in secret_service.search({_SERVICE: service, _USERNAME: username}):
            return secret_service.read(path).decode("utf-8")
        # Some services find nothing in what is locked; and one item of it raises an error of its own.
        if secret_service.is_locked():
            raise NotOpenError
    return None
