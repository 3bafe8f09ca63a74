"""Keychain, Credential Manager, KWallet and libsecret for keyring's own backends to run over."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


def install_keychain(monkeypatch: pytest.MonkeyPatch) -> Keychain:
    api: Any = ModuleType("keyring.backends.macOS.api")
    api.Error = type("Error", (Exception,), {})
    for name in ("NotFound", "KeychainDenied", "SecAuthFailure"):
        setattr(api, name, type(name, (api.Error,), {}))
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    backend = _load_afresh(monkeypatch, "keyring.backends.macOS", {"keyring.backends.macOS.api": api})
    monkeypatch.setattr(backend, "api", api, raising=False)
    return Keychain(api)


def install_credentials(monkeypatch: pytest.MonkeyPatch) -> Credentials:
    error = type("error", (Exception,), {})
    credentials = Credentials(error)
    pywin32 = _module(pywintypes=_module(error=error), win32cred=credentials)
    modules = {"win32ctypes": _module(), "win32ctypes.pywin32": pywin32}
    _load_afresh(monkeypatch, "keyring.backends.Windows", modules)
    return credentials


def install_wallet(monkeypatch: pytest.MonkeyPatch) -> Wallet:
    error = type("DBusException", (Exception,), {})
    wallet = Wallet(error)
    dbus = _module(
        DBusException=error, SessionBus=lambda mainloop: wallet, Interface=lambda remote, name: remote
    )
    modules = {"dbus": dbus, "dbus.mainloop": _module(), "dbus.mainloop.glib": _module(DBusGMainLoop=object)}
    _load_afresh(monkeypatch, "keyring.backends.kwallet", modules)
    return wallet


def install_libsecret(monkeypatch: pytest.MonkeyPatch) -> Libsecret:
    libsecret = Libsecret()
    repository = _module(
        GLib=SimpleNamespace(Error=GLibError, quark_try_string=str),
        Gio=SimpleNamespace(IOErrorEnum=SimpleNamespace(FAILED=0)),
        Secret=libsecret,
    )
    gi = _module(require_version=lambda *_: None)
    _load_afresh(monkeypatch, "keyring.backends.libsecret", {"gi": gi, "gi.repository": repository})
    return libsecret


def _module(**names: Any) -> ModuleType:
    module = ModuleType("stand_in")
    vars(module).update(names)
    return module


def _load_afresh(patch: pytest.MonkeyPatch, name: str, modules: dict[str, ModuleType]) -> ModuleType:
    for module, stand_in in modules.items():
        patch.setitem(sys.modules, module, stand_in)
    # Set, then deleted: so it is taken away again even if it was not there.
    patch.setitem(sys.modules, name, ModuleType(name))
    del sys.modules[name]
    package, _, leaf = name.rpartition(".")
    patch.setattr(importlib.import_module(package), leaf, None, raising=False)
    return importlib.import_module(name)


class Keychain:
    """macOS' keychain behind the functions of keyring's `api`: delete, then add; `status` is what it says."""

    def __init__(self, api: Any) -> None:
        self.status = self.prompts = 0
        self.kept: dict[tuple[str, str], str] = {}
        self._api = api
        api.set_generic_password = self.set
        api.find_generic_password = self.find
        api.delete_generic_password = self.delete

    def set(self, _: object, service: str, username: str, password: str) -> None:
        with suppress(self._api.NotFound):
            self.delete(_, service, username)
        self.kept[service, username] = password

    def find(self, _: object, service: str, username: str) -> str:
        self.prompts += 1
        if self.status:
            kinds = {-128: self._api.KeychainDenied, -25293: self._api.SecAuthFailure}
            raise kinds.get(self.status, self._api.Error)(self.status, "Unknown Error")
        if (service, username) not in self.kept:
            raise self._api.NotFound(-25300, "Item not found")
        return self.kept[service, username]

    def delete(self, _: object, service: str, username: str) -> None:
        self.find(_, service, username)
        del self.kept[service, username]


class Credentials(ModuleType):
    """Windows' Credential Manager behind the functions of win32cred; `winerror` is what it says."""

    CRED_TYPE_GENERIC = 1
    CRED_PERSIST_ENTERPRISE = 3

    def __init__(self, error: type[Exception]) -> None:
        super().__init__("win32cred")
        self.winerror = 0
        self.kept: dict[str, dict[str, Any]] = {}
        self._error = error

    def CredRead(self, Type: int, TargetName: str) -> dict[str, Any]:  # noqa: N802, N803
        self._check("CredRead", TargetName)
        return self.kept[TargetName]

    def CredWrite(self, credential: dict[str, Any], _: int) -> None:  # noqa: N802
        blob = credential["CredentialBlob"].encode("utf-16-le")
        self._check("CredWrite", None, 1783 if len(blob) > 2560 else 0)
        self.kept[credential["TargetName"]] = credential | {"CredentialBlob": blob}

    def CredDelete(self, Type: int, TargetName: str) -> None:  # noqa: N802, N803
        self._check("CredDelete", TargetName)
        del self.kept[TargetName]

    def _check(self, function: str, target: str | None, winerror: int = 0) -> None:
        missing = 1168 if target is not None and target not in self.kept else 0
        number = self.winerror or winerror or missing
        if number:
            error = self._error(number, function, "Said in the system's language.")
            error.winerror, error.funcname = number, function  # type: ignore[attr-defined]
            raise error


class Wallet:
    """The bus, KWallet's object on it and its interface in one; says no, fails or forgets as it is told."""

    def __init__(self, error: type[Exception]) -> None:
        self.handle, self.prompts, self.forgets, self.gone = 1, 0, False, False
        self.kept: dict[str, str] = {}
        self.name_has_owner = lambda _: True
        self.list_activatable_names = lambda: ["org.kde.kwalletd5"]
        self.get_object = lambda *_: self
        self.networkWallet = lambda: "kdewallet"
        self.hasFolder = lambda *_: False
        self.hasEntry = lambda _, service, *__: service in self.kept
        self.readPassword = lambda _, service, *__: self.kept[service]
        self._error = error

    def open(self, *_: object) -> int:
        self.prompts += 1
        self.isOpen(self.handle)
        return self.handle

    def isOpen(self, _: int) -> bool:  # noqa: N802
        if self.gone:
            raise self._error("org.freedesktop.DBus.Error.ServiceUnknown")
        return True

    def writePassword(self, _: int, service: str, __: str, password: str, ___: object) -> int:  # noqa: N802
        if not self.forgets:
            self.kept[service] = password
        return -1 if self.forgets else 0

    def removeEntry(self, _: int, service: str, *__: object) -> int:  # noqa: N802
        if not self.forgets:
            del self.kept[service]
        return -1 if self.forgets else 0


class GLibError(Exception):
    """As GLib's own: the text alone is in `args`."""

    def __init__(self, message: str, domain: str = "", code: int = 0) -> None:
        super().__init__(message)
        self.domain, self.code = domain, code

    def matches(self, domain: str, code: int) -> bool:
        return (self.domain, self.code) == (domain, code)


# Its class is named so where it is installed.
GLibError.__name__ = "GError"


class Libsecret:
    """The namespace Secret; `error` is what its next calls raise."""

    COLLECTION_DEFAULT = "default"
    ServiceFlags = SimpleNamespace(OPEN_SESSION=1)
    SearchFlags = SimpleNamespace(UNLOCK=1)
    SchemaFlags = SimpleNamespace(NONE=0)
    SchemaAttributeType = SimpleNamespace(STRING=0)
    Error = SimpleNamespace(IS_LOCKED=2)
    Service = SimpleNamespace(get_sync=lambda *_: None)
    Schema = SimpleNamespace(new=lambda *_: None)

    def __init__(self) -> None:
        self.error: GLibError | None = None
        self.kept: dict[str, str] = {}

    def password_store_sync(self, _: object, attributes: Any, *rest: Any) -> bool:
        self._check()
        self.kept[attributes["service"]] = rest[2]
        return True

    def password_search_sync(self, _: object, attributes: Any, *__: object) -> list[Any]:
        self._check()
        text = self.kept.get(attributes["service"])
        secret = SimpleNamespace(get_text=lambda: text)
        item = SimpleNamespace(retrieve_secret_sync=lambda: secret, get_attributes=lambda: attributes)
        return [] if text is None else [item]

    def password_clear_sync(self, _: object, attributes: Any, __: object) -> bool:
        return self.kept.pop(attributes["service"], None) is not None

    def _check(self) -> None:
        if self.error:
            raise self.error
