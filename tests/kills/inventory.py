"""What lies in the stores and in the database, looked at from outside: no line of the product is used."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PART = re.compile(r"procore-login (\d+)/(\d+) ([0-9a-f]{8}) (.*)", re.DOTALL)


class Folder:
    """Files below a folder, drafts and hidden ones too, unless those alone count that are in their place."""

    def __init__(self, path: Path, pattern: str) -> None:
        self._path = path
        self._pattern = pattern

    def read(self, *, drafts: bool = True) -> list[str]:
        paths = [path for path in self._path.glob(self._pattern) if drafts or path.name[0] != "."]
        return [path.read_text("utf-8") for path in paths]

    def keep(self) -> None:
        """What holds the folder keeps and restores it."""

    restore = keep


class GnomeKeyring(Folder):
    """The items of one environment in the real one's default collection."""

    def __init__(self, environment: str) -> None:
        self._prefix = f"procore-login/{environment}/"
        self._kept: list[tuple[str, dict[str, str], bytes]] = []

    def read(self, *, drafts: bool = True) -> list[str]:
        with self._items() as (_, items):
            return [item.get_secret().decode() for item in items]

    def keep(self) -> None:
        with self._items() as (_, items):
            self._kept = [(i.get_label(), i.get_attributes(), i.get_secret()) for i in items]

    def restore(self) -> None:
        with self._items() as (collection, items):
            for item in items:
                item.delete()
            for kept in self._kept:
                collection.create_item(*kept)

    @contextmanager
    def _items(self) -> Iterator[tuple[Any, list[Any]]]:
        import secretstorage

        with closing(secretstorage.dbus_init()) as connection:
            collection = secretstorage.get_default_collection(connection)
            yield collection, [item for item in collection.get_all_items() if self._is_ours(item)]

    def _is_ours(self, item: Any) -> bool:
        return str(item.get_attributes().get("service", "")).startswith(self._prefix)


def join_whole(texts: list[str]) -> list[str]:
    pieces: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    for match in filter(None, map(_PART.search, texts)):
        pieces[match[3], int(match[2])][int(match[1])] = match[4]
    return ["".join(p[i] for i in sorted(p)) for (_, count), p in pieces.items() if len(p) == count]


@dataclass(frozen=True)
class Line:
    name: str
    kind: str
    state: str
    parts: int | None


@dataclass(frozen=True)
class Book:
    users: list[tuple[int, str]]
    current: int | None
    lines: list[Line]

    def count(self, *states: str) -> int:
        return sum(line.state in states for line in self.lines)


def read_book(path: Path, environment: str) -> Book:
    """Read it as another program would; a file that is not there yet has nothing in it."""
    if not path.exists():
        return Book([], None, [])
    with closing(sqlite3.connect(path)) as connection:

        def rows(sql: str, *values: Any) -> list[Any]:
            try:
                return connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError:
                return []

        users = rows("SELECT procore_id, email FROM users ORDER BY id")
        current = rows(
            "SELECT procore_id FROM procore_login_session JOIN users ON users.id = user_id"
            " WHERE environment = ?",
            environment,
        )
        lines = rows(
            "SELECT name, kind, state, parts FROM procore_login_entries WHERE environment = ?", environment
        )
    return Book(users, current[0][0] if current else None, [Line(*line) for line in lines])
