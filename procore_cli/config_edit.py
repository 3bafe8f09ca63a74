"""`config.toml` changed with tomlkit: the user's comments, order, unknown keys and line ends are kept.

A file that is broken, or that tomlkit would spoil, is left untouched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from procore_cli import folder
from procore_cli.config import APP_KEYS, BOM, CONFIG_NAME, load_text, parse, read_config
from procore_cli.errors import BrokenConfigError


@dataclass(frozen=True)
class Changes:
    """What `configure` sets; None leaves a value as it is, and `removed` names the keys to take out."""

    client_id: str | None = None
    redirect_uri: str | None = None
    company: int | None = None
    store: str | None = None
    default_environment: str | None = None
    removed: frozenset[str] = frozenset()


def save_config(data_folder: Path, environment: str, changes: Changes) -> None:
    """Set and remove values in `config.toml`, keeping comments, order, unknown keys and line endings.

    Two runs at once: the caller holds the lock. Raises as load_config does.
    """
    save_change(data_folder, new_change(data_folder, environment, changes))


def new_change(data_folder: Path, environment: str, changes: Changes) -> str | None:
    """The text of `config.toml` with the changes, None where nothing differs. Raises as load_config does."""
    text = load_text(data_folder, lambda _: None) or ""
    read_config(parse(text))
    changed = _change(text, environment, changes)
    return None if changed == text else changed


def save_change(data_folder: Path, change: str | None) -> None:
    """Write what `new_change` made. Raises DataFolderError."""
    if change is not None:
        folder.save_bytes(data_folder / CONFIG_NAME, change.encode())


def _change(text: str, environment: str, changes: Changes) -> str:
    """The text with the changes made. Raises BrokenConfigError where tomlkit would spoil it."""
    wanted = parse(text, exact=True)
    _apply(wanted, environment, changes, dict)
    # Among dotted keys a new table would swallow the lines below it.
    for inline in (False, True):
        with suppress(Exception):  # On rare files tomlkit fails in many ways.
            changed = _change_text(text, environment, changes, inline=inline)
            if _without_empty(parse(changed, exact=True)) == _without_empty(wanted):
                return changed
    raise BrokenConfigError(
        f"{CONFIG_NAME} is written in a way that this program cannot change; nothing was changed.",
        "Change the value in it with an editor.",
    )


def _change_text(text: str, environment: str, changes: Changes, *, inline: bool) -> str:
    import tomlkit

    bom = BOM if text.startswith(BOM) else ""
    changed = text.removeprefix(BOM)
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
    app = {key: value for key in APP_KEYS if (value := getattr(changes, key)) is not None}
    tables = document.get("environments")
    if app and tables is None:
        document["environments"] = {environment: app}
    elif app and environment not in cast(dict[str, Any], tables):
        document["environments"][environment] = new_table(app)
    elif app:
        document["environments"][environment].update(app)
    if gone := changes.removed & set(APP_KEYS):
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
