"""`config.toml`: read with every type checked, written with the user's comments kept; holds no secret.

Reading uses tomllib (tomli on Python 3.10), writing tomlkit; a file that is broken, or that tomlkit would
spoil, is left untouched.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from procore_cli import folder
from procore_cli.environments import ENVIRONMENTS
from procore_cli.errors import BrokenConfigError, UnknownEnvironmentError
from procore_cli.nearest import find_nearest

CONFIG_NAME = "config.toml"
# Some editors on Windows write it, and TOML allows it.
_BOM = "\ufeff"
_APP_KEYS: Mapping[str, type] = {"client_id": str, "redirect_uri": str, "company": int}


@dataclass(frozen=True)
class AppConfig:
    """What `[environments.NAME]` says of the app."""

    client_id: str | None = None
    redirect_uri: str | None = None
    company: int | None = None


@dataclass(frozen=True)
class Config:
    """The whole of `config.toml`, checked; `unknown` names the keys that the program does not know."""

    environment: str | None = None
    store: str | None = None
    apps: Mapping[str, AppConfig] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def app(self, environment: str) -> AppConfig:
        """What is configured for an environment; empty where nothing is."""
        return self.apps.get(environment, AppConfig())


@dataclass(frozen=True)
class Changes:
    """What `configure` sets; None leaves a value as it is, and `removed` names the keys to take out."""

    client_id: str | None = None
    redirect_uri: str | None = None
    company: int | None = None
    store: str | None = None
    default_environment: str | None = None
    removed: frozenset[str] = frozenset()


def load_config(data_folder: Path, report: Callable[[str], None]) -> Config:
    """Read `config.toml`; a missing one is an empty one. Raises BrokenConfigError, DataFolderError."""
    text = _load_text(data_folder, report)
    if text is None:
        return Config()
    return read_config(_parse(text))


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
        unknown += [f"{prefix}.{key}" for key in table if key not in _APP_KEYS]
        values = {key: _find(table, key, kind, prefix) for key, kind in _APP_KEYS.items()}
        apps[name] = AppConfig(**values)
    return Config(environment, store, apps, tuple(unknown))


def save_config(data_folder: Path, environment: str, changes: Changes) -> None:
    """Set and remove values in `config.toml`, keeping comments, order, unknown keys and line endings.

    Two runs at once: the caller holds the lock. Raises as load_config does.
    """
    text = _load_text(data_folder, lambda _: None) or ""
    read_config(_parse(text))
    changed = _change(text, environment, changes)
    if changed != text:
        folder.save_bytes(data_folder / CONFIG_NAME, changed.encode())


def _change(text: str, environment: str, changes: Changes) -> str:
    """The text with the changes made. Raises BrokenConfigError where tomlkit would spoil it."""
    wanted = _parse(text, exact=True)
    _apply(wanted, environment, changes, dict)
    # Among dotted keys a new table would swallow the lines below it.
    for inline in (False, True):
        with suppress(Exception):  # On rare files tomlkit fails in many ways.
            changed = _change_text(text, environment, changes, inline=inline)
            if _without_empty(_parse(changed, exact=True)) == _without_empty(wanted):
                return changed
    raise BrokenConfigError(
        f"{CONFIG_NAME} is written in a way that this program cannot change; nothing was changed.",
        "Change the value in it with an editor.",
    )


def _change_text(text: str, environment: str, changes: Changes, *, inline: bool) -> str:
    import tomlkit

    bom = _BOM if text.startswith(_BOM) else ""
    changed = text.removeprefix(_BOM)
    # One key at a time: tomlkit loses count where several of a table's dotted keys are taken out.
    removals = [Changes(removed=frozenset({key})) for key in sorted(changes.removed)]
    for step in (replace(changes, removed=frozenset()), *removals):
        # tomlkit's own types do not say that a document is a dict that remembers its text.
        document = cast(dict[str, Any], tomlkit.parse(changed))
        _apply(document, environment, step, _new_inline if inline else dict)
        changed = tomlkit.dumps(document)
    if changes.removed and not re.search(r"\n\s*\n\Z", text):
        # What was taken out at the end was parted by an empty line.
        changed = re.sub(r"(\r?\n)\s*\Z", r"\1", changed).removeprefix("\n")
    return bom + _with_line_ends_of(text, changed)


def _new_inline(values: dict[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.inline_table()
    table.update(values)
    return table


def _apply(
    document: dict[str, Any], environment: str, changes: Changes, new_table: Callable[[dict[str, Any]], Any]
) -> None:
    top = {"store": changes.store, "environment": changes.default_environment}
    for key, value in top.items():
        if value is not None:
            document[key] = value
        elif key in changes.removed:
            document.pop(key, None)
    app = {key: value for key in _APP_KEYS if (value := getattr(changes, key)) is not None}
    tables = document.get("environments")
    if app and tables is None:
        document["environments"] = {environment: app}
    elif app and environment not in cast(dict[str, Any], tables):
        document["environments"][environment] = new_table(app)
    elif app:
        document["environments"][environment].update(app)
    if gone := changes.removed & set(_APP_KEYS):
        _unset_app(document, environment, gone)


def _unset_app(document: dict[str, Any], environment: str, gone: Collection[str]) -> None:
    tables = document.get("environments", {})
    table = tables.get(environment, {})
    for key in [key for key in table if key in gone]:
        del table[key]
    if environment in tables and _is_bare(table):
        del tables[environment]
        if _is_bare(tables):
            del document["environments"]


def _is_bare(table: Any) -> bool:
    """Whether a table holds nothing: no key, and no comment of the user's."""
    return not table and "#" not in (table.as_string() + _comment_of(table) if _is_tomlkits(table) else "")


def _is_tomlkits(table: Any) -> bool:
    return hasattr(table, "as_string")


def _comment_of(table: Any) -> str:
    """What stands behind the table's header."""
    return str(getattr(getattr(table, "trivia", None), "comment", ""))


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    """The document without tables of ours that hold nothing: a comment may keep one."""
    tables = {name: table for name, table in document.get("environments", {}).items() if table != {}}
    rest = {key: value for key, value in document.items() if key != "environments"}
    return rest | ({"environments": tables} if tables else {})


def _with_line_ends_of(former: str, text: str) -> str:
    is_crlf = "\r\n" in former and not re.search(r"(?<!\r)\n", former)
    return re.sub(r"(?<!\r)\n", "\r\n", text) if is_crlf else text


def unknown_environment(name: str, source: str) -> UnknownEnvironmentError:
    """The error for a name that is no environment's, with the nearest that is one."""
    near = find_nearest(name, ENVIRONMENTS)
    guess = f"Did you mean {near}? " if near else ""
    return UnknownEnvironmentError(
        f'There is no environment "{name}" (from {source}).',
        f"{guess}The environments are {', '.join(ENVIRONMENTS)}.",
    )


def _load_text(data_folder: Path, report: Callable[[str], None]) -> str | None:
    path = data_folder / CONFIG_NAME
    raw = folder.find_bytes(path, report)
    try:
        return None if raw is None else raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenConfigError(
            f"{CONFIG_NAME} is not UTF-8 text (byte {error.start}).", f"Correct or remove {path}."
        ) from None


def _parse(text: str, *, exact: bool = False) -> dict[str, Any]:
    """What the text says; `exact` to compare: floats stay text, since a nan would not equal itself."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(text.removeprefix(_BOM), parse_float=str if exact else float)
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
