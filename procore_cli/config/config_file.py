"""`config.toml`: read with every type checked, and changed with tomlkit; holds no secret.

The user's comments, order, unknown keys and line ends are kept; a file that is broken, or that tomlkit would
spoil, is left untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from procore_cli.config import private_files
from procore_cli.config.environments import ENVIRONMENTS, MONTHLY, PRODUCTION
from procore_cli.config.urls import without_login
from procore_cli.errors import BrokenConfigError, UnknownEnvironmentError
from procore_cli.models import StoreName

CONFIG_NAME = "config.toml"
# Some editors on Windows write it, and TOML allows it.
BOM = "\ufeff"
APP_KEYS: Mapping[str, type] = {"client_id": str, "redirect_uri": str, "company": int}
STORES: tuple[StoreName, ...] = ("keyring", "file")
# Far longer than any client id or secret.
LONGEST_SECRET = 4096
_COMPANIES = 10**18


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

    def find_client_id(self, environment: str) -> tuple[str | None, str]:
        """The client id of an environment, and the part of the file that it is in."""
        own = self.app(environment).client_id
        # The monthly sandbox takes production's credentials.
        lender = PRODUCTION.name if own is None and environment == MONTHLY.name else environment
        return self.app(lender).client_id, config_source(lender)


def is_client_id(text: str) -> bool:
    """Whether a text can be a client id, at whichever door it comes in; its shape is Procore's alone."""
    return 0 < len(text) <= LONGEST_SECRET and text.isprintable() and " " not in text


def is_client_secret(text: str) -> bool:
    """Whether a text can be a client secret, at whichever door it comes in."""
    return 0 < len(text) <= LONGEST_SECRET and text.isprintable() and text == text.strip()


def is_company(text: str) -> bool:
    """Whether a text is the id of a company."""
    return text.isascii() and text.isdigit() and len(text) < 19 and 0 < int(text) < _COMPANIES


def load_config(data_folder: Path | None) -> Config:
    """Read `config.toml`; a missing one is an empty one. Raises BrokenConfigError, DataFolderError."""
    if data_folder is None or (text := load_text(data_folder)) is None:
        return Config()
    try:
        return read_config(parse(text))
    except (BrokenConfigError, UnknownEnvironmentError) as error:
        where = f"The file is {data_folder / CONFIG_NAME}"
        raise error.reworded(error.message, f"{error.hint} {where}") from None


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
            setting="store",
            source=CONFIG_NAME,
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
        _check_app(apps[name], name)
    return Config(environment, store, apps, tuple(unknown))


def _check_app(app: AppConfig, environment: str) -> None:
    prefix, source = f"environments.{environment}", config_source(environment)
    if app.client_id is not None and not is_client_id(app.client_id):
        why = "holds a space or a control character, or is too long"
        raise _new_bad_value(f"{prefix}.client_id {why}", "client id", source)
    if app.company is not None and not 0 < app.company < _COMPANIES:
        raise _new_bad_value(f"{prefix}.company is not the id of a company", "company", source)


def _new_bad_value(what: str, setting: str = "", source: str = CONFIG_NAME) -> BrokenConfigError:
    return BrokenConfigError(
        f"{CONFIG_NAME}: {what}.", "Correct that line; nothing was changed.", setting=setting, source=source
    )


def config_source(environment: str) -> str:
    """What a value from an environment's part of `config.toml` is said to come from."""
    return f"{CONFIG_NAME} [environments.{environment}]"


def unknown_environment(
    name: str, source: str, known: Iterable[str] = tuple(ENVIRONMENTS)
) -> UnknownEnvironmentError:
    """The error for a name that is none of the `known`, with the nearest that is one."""
    from difflib import get_close_matches

    known, typed = list(known), name.casefold()
    # An abbreviation ("prod") is farther from its word than difflib looks.
    begun = [each for each in known if len(typed) > 1 and each.startswith(typed)]
    near = begun or get_close_matches(typed, known, n=1)
    guess = f"Did you mean {near[0]}? " if near else ""
    return UnknownEnvironmentError(
        f'There is no environment "{without_login(name)}" (from {source}).',
        f"{guess}The environments are {', '.join(known)}.",
        setting="environment",
        source=source,
    )


def load_text(data_folder: Path) -> str | None:
    """The text of `config.toml`, None if it is missing. Raises BrokenConfigError, DataFolderError."""
    path = data_folder / CONFIG_NAME
    raw = private_files.find_bytes(path)
    try:
        return None if raw is None else raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenConfigError(
            f"{CONFIG_NAME} is not UTF-8 text (byte {error.start}).",
            f"Correct or remove {path}.",
            source=CONFIG_NAME,
        ) from None


def parse(text: str) -> dict[str, Any]:
    """What the text says. Raises BrokenConfigError, with line and column."""
    import tomllib

    try:
        return tomllib.loads(text.removeprefix(BOM))
    except tomllib.TOMLDecodeError as error:
        what, place = _split_place(str(error))
        raise BrokenConfigError(
            f"{CONFIG_NAME}{place} cannot be read: {what}.",
            "Correct that line; nothing was changed.",
            source=CONFIG_NAME,
        ) from None
    except Exception as error:  # noqa: BLE001 - however it fails, the file is what is broken
        why = f"no parser takes it ({type(error).__name__})"
        if isinstance(error, RecursionError):
            why = "it is nested too deep"
        elif isinstance(error, ValueError):
            why = "a number in it has too many digits"
        raise BrokenConfigError(
            f"{CONFIG_NAME} cannot be read: {why}.",
            "Correct it with an editor; nothing was changed.",
            source=CONFIG_NAME,
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
    return _new_bad_value(f"{key} must be {wanted}")


# Values by their path in the file; None takes one out.
Edits = Mapping[tuple[str, ...], str | int | None]


def new_text(data_folder: Path, edits: Edits) -> str | None:
    """The text of `config.toml` with the edits, None where nothing differs. Raises as load_config does.

    Comments, order, unknown keys and line ends stay. Two runs at once: the caller holds the lock.
    """
    text = load_text(data_folder) or ""
    wanted = parse(text)
    read_config(wanted)
    for path, value in edits.items():
        _apply(wanted, path, value)
    with suppress(Exception):  # On rare files tomlkit fails in many ways.
        changed = _edit(text, edits)
        # A table that holds nothing but a comment stays in the file.
        if _without_empty(parse(changed)) == _without_empty(wanted):
            return None if changed == text else changed
    raise BrokenConfigError(
        f"{CONFIG_NAME} is written in a way that this program cannot change; nothing was changed.",
        "Change the value in it with an editor.",
        source=CONFIG_NAME,
    )


def save_text(data_folder: Path, text: str | None) -> None:
    """Write what `new_text` made. Raises DataFolderError."""
    if text is not None:
        private_files.save_bytes(data_folder / CONFIG_NAME, text.encode())


def _edit(text: str, edits: Edits) -> str:
    import tomlkit

    changed = text.removeprefix(BOM)
    # One key at a time: tomlkit loses count where several of a table's dotted keys are taken out.
    for path, value in edits.items():
        # tomlkit's own types do not say that a document is a dict that remembers its text.
        document = cast(dict[str, Any], tomlkit.parse(changed))
        _apply(document, path, value)
        changed = tomlkit.dumps(document)
    if None in edits.values() and not re.search(r"\n\s*\n\Z", text):
        # What was taken out at the end was parted by an empty line.
        changed = re.sub(r"(\r?\n)\s*\Z", r"\1", changed).removeprefix("\n")
    if "\r\n" in text and not re.search(r"(?<!\r)\n", text):
        changed = re.sub(r"(?<!\r)\n", "\r\n", changed)
    return (BOM if text.startswith(BOM) else "") + changed


def _apply(table: dict[str, Any], path: tuple[str, ...], value: str | int | None) -> None:
    """Make an edit in a document, plain or tomlkit's; a table goes with the last that it holds."""
    name, *rest = path
    if value is None and name not in table:
        return
    if rest:
        table.setdefault(name, {})
        _apply(table[name], tuple(rest), value)
        if _is_bare(table[name]):
            del table[name]
    elif value is None:
        del table[name]
    else:
        table[name] = value


def _is_bare(table: Any) -> bool:
    """Whether a table holds nothing: no key, and no comment of the user's, behind its header or below."""
    if table or not hasattr(table, "as_string"):
        return not table
    return "#" not in f"{table.as_string()}{table.trivia.comment if hasattr(table, 'trivia') else ''}"


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    """The document without tables of ours that hold nothing."""
    tables = {name: table for name, table in document.get("environments", {}).items() if table != {}}
    rest = {key: value for key, value in document.items() if key != "environments"}
    return rest | ({"environments": tables} if tables else {})
