"""`config.toml` as it is read: every type checked; holds no secret, and is never changed here.

Reading uses tomllib; config_edit changes the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from procore_cli import folder
from procore_cli.environments import ENVIRONMENTS
from procore_cli.errors import BrokenConfigError, ConfigurationError, UnknownEnvironmentError
from procore_cli.nearest import find_nearest
from procore_cli.urls import is_database_url, without_login

CONFIG_NAME = "config.toml"
# Some editors on Windows write it, and TOML allows it.
BOM = "\ufeff"
APP_KEYS: Mapping[str, type] = {"client_id": str, "redirect_uri": str, "company": int}
STORES = ("keyring", "file")
# Far longer than any client id or secret.
LONGEST_SECRET = 4096
_LARGEST_COMPANY = 10**18 - 1


class AppConfig(NamedTuple):
    """What `[environments.NAME]` says of the app."""

    client_id: str | None = None
    redirect_uri: str | None = None
    company: int | None = None


class Config(NamedTuple):
    """The whole of `config.toml`, checked; `unknown` names the keys that the program does not know."""

    environment: str | None = None
    store: str | None = None
    apps: Mapping[str, AppConfig] = MappingProxyType({})
    unknown: tuple[str, ...] = ()

    def app(self, environment: str) -> AppConfig:
        """What is configured for an environment; empty where nothing is."""
        return self.apps.get(environment, AppConfig())


def is_client_id(text: str) -> bool:
    """Whether a text can be a client id, at whichever door it comes in; its shape is Procore's alone."""
    return 0 < len(text) <= LONGEST_SECRET and text.isprintable() and " " not in text


def is_client_secret(text: str) -> bool:
    """Whether a text can be a client secret, at whichever door it comes in."""
    return 0 < len(text) <= LONGEST_SECRET and text.isprintable() and text == text.strip()


def check_variables(variables: Mapping[str, str], *, is_demo: bool) -> None:
    """Refuse what client id, client secret, store and database cannot be; shows nothing that may be secret.

    The demo has an app of its own. Raises ConfigurationError.
    """
    if not is_demo and not is_client_id(variables.get("PROCORE_CLIENT_ID") or "none"):
        raise ConfigurationError(
            "PROCORE_CLIENT_ID holds a space or a control character, or is too long.",
            "Set it to the client id alone, without spaces or line breaks.",
        )
    if not is_demo and not is_client_secret(variables.get("PROCORE_CLIENT_SECRET") or "none"):
        raise ConfigurationError(
            "PROCORE_CLIENT_SECRET begins or ends with a space, holds a control character, or is too long.",
            "Set it to the client secret alone, without spaces or line breaks at its ends.",
        )
    store = variables.get("PROCORE_LOGIN_STORE", "keyring")
    if store not in STORES:
        raise ConfigurationError(
            f'PROCORE_LOGIN_STORE names the store "{without_login(store)}", which does not exist.',
            'Set it to "keyring" or "file".',
        )
    if is_database_url(variables.get("PROCORE_LOGIN_DB", "")):
        raise ConfigurationError(
            "PROCORE_LOGIN_DB is a URL; it must be the path of an SQLite file.",
            "Set it to a path, such as /home/me/test.db, or unset it.",
        )


def load_config(data_folder: Path, report: Callable[[str], None]) -> Config:
    """Read `config.toml`; a missing one is an empty one. Raises BrokenConfigError, DataFolderError."""
    text = load_text(data_folder, report)
    if text is None:
        return Config()
    try:
        return read_config(parse(text))
    except BrokenConfigError as error:
        where = f"The file is {data_folder / CONFIG_NAME}"
        raise BrokenConfigError(error.message, f"{error.hint} {where}") from None


def read_config(document: Mapping[str, Any]) -> Config:
    """Check a parsed `config.toml`. Raises BrokenConfigError, and UnknownEnvironmentError (exit 2)."""
    unknown = [key for key in document if key not in ("environment", "store", "environments")]
    environment = _find(document, "environment", str)
    if environment is not None and environment not in ENVIRONMENTS:
        raise unknown_environment(environment, f"{CONFIG_NAME}'s environment")
    store = _find(document, "store", str)
    if store not in (None, *STORES):
        raise BrokenConfigError(
            f'{CONFIG_NAME}: store is "{without_login(store or "")}".',
            'Set store to "keyring" or "file", or remove the line.',
        )
    apps: dict[str, AppConfig] = {}
    for name, table in (_find(document, "environments", dict) or {}).items():
        prefix = f"environments.{name}"
        if name not in ENVIRONMENTS:
            unknown.append(prefix)
            continue
        if not isinstance(table, dict):
            raise _wrong_type(prefix, dict)
        unknown += [f"{prefix}.{key}" for key in table if key not in APP_KEYS]
        values = {key: _find(table, key, kind, prefix) for key, kind in APP_KEYS.items()}
        apps[name] = _check_app(AppConfig(**values), prefix)
    return Config(environment, store, apps, tuple(unknown))


def _check_app(app: AppConfig, prefix: str) -> AppConfig:
    if app.client_id is not None and not is_client_id(app.client_id):
        raise BrokenConfigError(
            f"{CONFIG_NAME}: {prefix}.client_id holds a space or a control character, or is too long.",
            "Correct that line; nothing was changed.",
        )
    if app.company is not None and not 0 < app.company <= _LARGEST_COMPANY:
        raise BrokenConfigError(
            f"{CONFIG_NAME}: {prefix}.company is not the id of a company.",
            "Correct that line; nothing was changed.",
        )
    return app


def unknown_environment(
    name: str, source: str, known: Iterable[str] = tuple(ENVIRONMENTS)
) -> UnknownEnvironmentError:
    """The error for a name that is none of the `known`, with the nearest that is one."""
    known = list(known)
    near = find_nearest(name, known)
    guess = f"Did you mean {near}? " if near else ""
    return UnknownEnvironmentError(
        f'There is no environment "{name}" (from {source}).',
        f"{guess}The environments are {', '.join(known)}.",
    )


def load_text(data_folder: Path, report: Callable[[str], None]) -> str | None:
    """The text of `config.toml`, None if it is missing. Raises BrokenConfigError, DataFolderError."""
    path = data_folder / CONFIG_NAME
    raw = folder.find_bytes(path, report)
    try:
        return None if raw is None else raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenConfigError(
            f"{CONFIG_NAME} is not UTF-8 text (byte {error.start}).", f"Correct or remove {path}."
        ) from None


def parse(text: str, *, exact: bool = False) -> dict[str, Any]:
    """What the text says; `exact` to compare: floats stay text, since a nan would not equal itself.

    Raises BrokenConfigError, with line and column.
    """
    import tomllib

    try:
        return tomllib.loads(text.removeprefix(BOM), parse_float=str if exact else float)
    except tomllib.TOMLDecodeError as error:
        what, place = _split_place(str(error))
        raise BrokenConfigError(
            f"{CONFIG_NAME}{place} cannot be read: {what}.", "Correct that line; nothing was changed."
        ) from None
    except Exception as error:  # noqa: BLE001 - however it fails, the file is what is broken
        why = f"no parser takes it ({type(error).__name__})"
        if isinstance(error, RecursionError):
            why = "it is nested too deep"
        elif isinstance(error, ValueError):
            why = "a number in it has too many digits"
        raise BrokenConfigError(
            f"{CONFIG_NAME} cannot be read: {why}.", "Correct it with an editor; nothing was changed."
        ) from None


def _split_place(message: str) -> tuple[str, str]:
    """tomllib's message as (what, ", line L, column C")."""
    found = re.search(r"^(.*?) \(at (line \d+, column \d+)\)$", message, re.DOTALL)
    if found:
        return found[1], f", {found[2]}"
    return message.removesuffix(" (at end of document)"), ", at its end"


def _find(table: Mapping[str, Any], key: str, kind: type, prefix: str = "") -> Any:
    value = table.get(key)
    if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
        return value or None
    raise _wrong_type(f"{prefix}.{key}".lstrip("."), kind)


def _wrong_type(key: str, kind: type) -> BrokenConfigError:
    wanted = {str: "a text in quotes", int: "a whole number", dict: "a table"}[kind]
    return BrokenConfigError(
        f"{CONFIG_NAME}: {key} must be {wanted}.", "Correct that line; nothing was changed."
    )
