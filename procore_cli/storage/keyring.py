"""The system's keyring, with a time limit on every call; here alone keyring is known.

Refuses backends that merely happen to be installed: the platform's own count, or what the user names.
"""

from __future__ import annotations

import importlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from procore_cli import log
from procore_cli.errors import KeyringError
from procore_cli.storage.files import GivenUpError
from procore_cli.storage.keyring_errors import is_dismissed, new_missing_error, new_useless_error, translate
from procore_cli.threads import Caller, Limits, OutOfTimeError, call_within

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend
    from secretstorage import Collection

    Backend: TypeAlias = "KeyringBackend | DirectReader"


T = TypeVar("T")


BUS_VARIABLE = "DBUS_SESSION_BUS_ADDRESS"
_BACKEND_VARIABLE = "PYTHON_KEYRING_BACKEND"


def use_own_bus(runtime_root: Path = Path("/run/user")) -> None:
    """Set `DBUS_SESSION_BUS_ADDRESS` if it is not set and the user's own bus is there."""
    if os.environ.get(BUS_VARIABLE) or not sys.platform.startswith("linux"):
        return
    path = runtime_root / str(os.getuid()) / "bus"
    try:
        status = path.lstat()
    except OSError:
        return
    if stat.S_ISSOCK(status.st_mode) and status.st_uid == os.getuid():
        os.environ[BUS_VARIABLE] = f"unix:path={path}"


_MODULE = "keyring.backends.SecretService"
_SECRET_SERVICE = f"{_MODULE}.Keyring"


class DirectReader:
    """Stands in for keyring's own backend of the Secret Service, and leaves all but a plain read to it."""

    def __init__(self, choose: Callable[[], KeyringBackend]) -> None:
        """`choose` makes the backend that does what is not done here, perhaps another one."""
        self._choose = choose
        self._chosen: KeyringBackend | None = None
        self._has_answered = False

    def get_password(self, service: str, username: str) -> str | None:
        """The text, or None if it is not there. Raises what the backend raises."""
        if self._chosen is None or type(self._chosen).__module__ == _MODULE:
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
            if self._has_answered:
                # It is the one, should it be gone now: another is not to be written to instead.
                from keyring.backends.SecretService import Keyring

                self._chosen = Keyring()  # type: ignore[no-untyped-call]
            else:
                self._chosen = self._choose()
        return self._chosen


def is_keyring_configured() -> bool:
    """Whether the user has told keyring anything: then keyring itself has to read it."""
    if os.environ.get(_BACKEND_VARIABLE) or any("KEYRING_PROPERTY_" in name for name in os.environ):
        return True
    root = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - it never raises
    return os.path.lexists(Path(root, "python_keyring", "keyringrc.cfg"))


def _find_text(service: str, username: str) -> str | None:
    """The text, or None if it is not there. Raises LockedException, and whatever else the bus leads to."""
    with _open_default_collection() as collection:
        # What keyring asks for in its default scheme.
        for item in collection.search_items({"service": service, "username": username}):
            secret: bytes = item.get_secret()
            return secret.decode("utf-8")
        # Some services find nothing in what is locked: keyring has the prompt for that.
        collection.ensure_not_locked()
    return None


@contextmanager
def _open_default_collection() -> Iterator[Collection]:
    """The Secret Service's, on the user's session bus; never made here, nor unlocked.

    Another one is named by KEYRING_PROPERTY_PREFERRED_COLLECTION alone, which is keyring's to read.
    """
    import secretstorage

    with closing(secretstorage.dbus_init()) as connection:
        yield secretstorage.Collection(connection)


_UNIX = (_SECRET_SERVICE, "keyring.backends.kwallet.DBusKeyring", "keyring.backends.libsecret.Keyring")
_PLATFORM_BACKENDS = {
    "darwin": ("keyring.backends.macOS.Keyring",),
    "win32": ("keyring.backends.Windows.WinVaultKeyring",),
}
_BUS_PATIENCE_S = 0.5
# Whether the collection is locked is worth a short wait only.
_LOCK_QUERY = Limits(notice_s=1.0, give_up_s=1.0)


class Keyring:
    """A `SecretStore` in the platform's keyring, or in the one that keyring's own configuration names."""

    def __init__(self, limits: Limits | None = None) -> None:
        """The backend is chosen at the first call. Once a call, it is said that the program waits."""
        self._limits = limits or Limits()
        self._backend: Backend | None = None
        self._caller = Caller()

    def save(self, service: str, username: str, text: str) -> None:
        """Keep `text`. Raises KeyringError, or GivenUpError if it may still land."""
        self._call("write an entry", lambda backend: backend.set_password(service, username, text))

    def load(self, service: str, username: str) -> str | None:
        """The text that was kept, or None. Raises KeyringError."""
        return self._call("read an entry", lambda backend: _load(backend, service, username))

    def delete(self, service: str, username: str) -> None:
        """Remove the text; one that is missing is fine. Raises KeyringError."""
        self._call("delete an entry", lambda backend: _delete(backend, service, username))

    def reserve(self, service: str, username: str, size: int) -> None:
        """A keyring has no room to be made."""

    def give_back(self) -> None:
        """As `reserve`."""

    def find_backend_name(self) -> str:
        """Which backend is in use, as `module.Class`. Raises KeyringError."""
        return self._call("open", _find_name)

    def _call(self, action: str, work: Callable[[Backend], T]) -> T:
        try:
            outcome = self._caller.call_within(
                self._limits, lambda: self._attempt(action, work), self._say_waiting
            )
        except OutOfTimeError:
            raise GivenUpError(
                f"The keyring did not {action} within {self._limits.give_up_s:g} seconds; given up.",
                "Unlock it or restart it, then try again.",
            ) from None
        # Raised here, not where it was caught: the foreign exception may hold the secret.
        if isinstance(outcome, KeyringError):
            raise outcome
        return outcome

    def _attempt(self, action: str, work: Callable[[Backend], T]) -> T | KeyringError:
        try:
            return self._work_once_connected(work)
        except KeyringError as error:
            return error
        except Exception as error:  # noqa: BLE001 - backends leak whatever their libraries raise
            # Nothing but what the user named raises this.
            if type(error).__name__ == "NoKeyringError" and self._backend is not None:
                return new_useless_error(_find_name(self._backend), _name_remedy())
            return translate(error, action)

    def _work_once_connected(self, work: Callable[[Backend], T]) -> T:
        # jeepney gives a busy bus one second to let us in, and nothing has been asked of it by then.
        while True:
            started = time.monotonic()
            try:
                if self._backend is None:
                    self._backend = _choose_backend()
                return work(self._backend)
            except TimeoutError:
                # One that comes at once is something else. The caller leaves after its own time limit.
                if time.monotonic() - started < _BUS_PATIENCE_S:
                    raise

    def _say_waiting(self) -> None:
        locked = self._backend is not None and _is_secret_service(self._backend) and is_locked()
        prompt = " to be unlocked: look for its prompt" if locked else ""
        log.say(f"Waiting for the keyring{prompt} ...")


def _load(backend: Backend, service: str, username: str) -> str | None:
    try:
        return backend.get_password(service, username)
    except Exception as error:
        # Another process deleted it between the search and the read.
        if _is_missing(error):
            return None
        raise


def _delete(backend: Backend, service: str, username: str) -> None:
    try:
        backend.delete_password(service, username)
    except Exception as error:
        # "Cannot be deleted" and "is not there" are the same exceptions. No prompt is shown twice.
        is_unclear = _is_missing(error) or type(error).__name__ == "PasswordDeleteError"
        if not is_unclear or is_dismissed(error) or _load(backend, service, username) is not None:
            raise
    else:
        # KWallet's and libsecret's backends ignore a failed deletion.
        if _load(backend, service, username) is not None:
            raise KeyringError("The keyring did not delete an entry.", "Unlock it, then try again.")


def _is_missing(error: Exception) -> bool:
    return type(error).__name__ == "ItemNotFoundException"


def _find_name(backend: Backend) -> str:
    backend = backend.backend if isinstance(backend, DirectReader) else backend
    return f"{type(backend).__module__}.{type(backend).__name__}"


def _is_secret_service(backend: Backend) -> bool:
    return isinstance(backend, DirectReader) or _find_name(backend) == _SECRET_SERVICE


def is_locked() -> bool:
    """Whether the Secret Service's default collection is locked; asks without a prompt."""
    try:
        return call_within(_LOCK_QUERY, _ask_whether_locked, lambda: None)
    except Exception:  # noqa: BLE001 - it only chooses words
        return False


def find_lock_state(backend_name: str) -> bool | None:
    """Whether a backend (as `find_backend_name` names it) is locked; None where that cannot be told."""
    return is_locked() if backend_name == _SECRET_SERVICE else None


def _ask_whether_locked() -> bool:
    with _open_default_collection() as collection:
        return collection.is_locked()


def _choose_backend() -> Backend:
    use_own_bus()
    if _list_platform_names()[0] == _SECRET_SERVICE and not is_keyring_configured():
        return DirectReader(_load_backend)
    return _load_backend()


def _load_backend() -> KeyringBackend:
    backend = _load_named_backend() or _find_platform_backend()
    if backend is None:
        raise new_missing_error()
    return backend


def _load_named_backend() -> KeyringBackend | None:
    """What the user chose in keyring's own configuration, accepted whatever it is."""
    from keyring import core

    named = os.environ.get(_BACKEND_VARIABLE)
    try:
        return core.load_env() if named else core.load_config()
    except Exception as error:  # noqa: BLE001 - importing what is named can raise anything
        if not is_keyring_configured():
            # Without a home folder keyring does not find out that there is no keyringrc.cfg.
            return None
        setting = f"{_BACKEND_VARIABLE} ({named})" if named else "keyring's keyringrc.cfg"
        raise KeyringError(
            f"The keyring that {setting} names cannot be used ({type(error).__name__}).", f"{_name_remedy()}."
        ) from None


def _name_remedy() -> str:
    is_named = bool(os.environ.get(_BACKEND_VARIABLE))
    return f"Correct or remove {_BACKEND_VARIABLE if is_named else 'default-keyring in keyringrc.cfg'}"


def _list_platform_names() -> tuple[str, ...]:
    return _PLATFORM_BACKENDS.get(sys.platform, _UNIX)


def _find_platform_backend() -> KeyringBackend | None:
    for name in _list_platform_names():
        module, _, class_name = name.rpartition(".")
        try:
            backend_class: type[KeyringBackend] = getattr(importlib.import_module(module), class_name)
            # Once, not twice as keyring's own load_keyring would have it: on Linux this asks the bus.
            if backend_class.priority > 0:
                return backend_class()
        except TimeoutError:
            raise
        except Exception:  # noqa: BLE001, S112 - it is not there, for one of many reasons
            continue
    return None
