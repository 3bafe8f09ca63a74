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
from procore_cli.errors import BrokenConfigError, UnknownEnvironmentError
from procore_cli.nearest import find_nearest

CONFIG_NAME = "config.toml"
# Some editors on Windows write it, and TOML allows it.
BOM = "\ufeff"
APP_KEYS: Mapping[str, type] = {"client_id": str, "redirect_uri": str, "company": int}


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
    if store not in (None, "keyring", "file"):
        raise BrokenConfigError(
            f'{CONFIG_NAME}: store is "{store}".', 'Set store to "keyring" or "file", or remove the line.'
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
        apps[name] = AppConfig(**values)
    return Config(environment, store, apps, tuple(unknown))


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
