"""What `Accounts` costs with many users, without Procore; run by hand: python benchmarks/web_accounts.py

Refuses the network: the answers of Procore cost nothing here. Everybody is signed in, with tokens in files.
"""

from __future__ import annotations

import argparse
import logging
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import requests

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.table import Table
from procore_cli import Accounts
from procore_cli.client.api import Api
from procore_cli.client.oauth import OAuth
from procore_cli.grants import TokenSet
from procore_cli.models import Binding, Me

Work = Callable[[], object]
REDIRECT_URI = "https://app.example.com/callback"
PEOPLE = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
    INSERT INTO {table} SELECT {columns} FROM numbers"""
TABLES = {
    "users (procore_id, email)": "1000000 + n, 'person' || n || '@example.com'",
    "procore_login_accounts (environment, procore_id)": "'production', 1000000 + n",
    "procore_login_entries (name, store, environment, procore_id, kind, state, created_at, parts, place)": (
        "printf('%032x', n), 'file', 'production', 1000000 + n, 'signin', 'live', 1, 1, :place"
    ),
}


class Person:
    """Whoever is at Procore just now."""

    def __init__(self) -> None:
        self.number = 0

    def exchange(self, *_: object) -> TokenSet:
        """Tokens as large as Procore's."""
        binding = Binding("client", "https://login.procore.com", "https://api.procore.com")
        text = os.urandom(300).hex()
        return TokenSet(text, text[:40], int(time.time()) + 5400, binding, 5400)

    def me(self, *_: object) -> Me:
        """The answer of `/me`."""
        return Me(self.number, f"user{self.number}@example.com", "A User")


def measure(count: int, rounds: int, place: Path) -> Table:
    """Times in a data folder below `place` with so many users, least and median of `rounds`."""
    person, accounts = Person(), Accounts("production")
    with (
        mock.patch.dict(os.environ, _new_variables(place)),
        mock.patch.multiple(OAuth, exchange=person.exchange, revoke=lambda *_: None),
        mock.patch.object(Api, "me", person.me),
    ):

        def finish() -> Work:
            begin = accounts.begin(REDIRECT_URI)
            state = parse_qs(urlsplit(begin.url).query)["state"][0]
            return lambda: accounts.finish(f"{REDIRECT_URI}?code=x&state={state}", begin.kept)

        def sign_up() -> Work:
            person.number += 1
            return finish()

        def call() -> Work:
            request = requests.Request("GET", "https://api.procore.com/rest/v1.0/me").prepare()
            return lambda: accounts.auth(1)(request)

        sign_up()()
        add_people(place, count)
        rows = [
            ("`begin`", *_time(rounds, lambda: lambda: accounts.begin(REDIRECT_URI))),
            ("`finish`, a new user", *_time(rounds, sign_up)),
            ("`finish`, a former one", *_time(rounds, finish)),
            ("the first call of `auth(id)`", *_time(rounds, call)),
        ]
    return Table(f"{count:,} users, {rounds} times", ("milliseconds", "least", "median"), rows)


def add_people(place: Path, count: int) -> None:
    """So many more people who are signed in, each with a file."""
    values = {"count": count, "place": str(place.resolve())}
    with closing(sqlite3.connect(place / "production.db")) as connection, connection:
        for table, columns in TABLES.items():
            connection.execute(PEOPLE.format(table=table, columns=columns), values)
    for number in range(count):
        (place / "secrets" / f"production-{number:032x}").touch(mode=0o600)


def _new_variables(place: Path) -> dict[str, str]:
    app = {"PROCORE_CLIENT_ID": "client", "PROCORE_CLIENT_SECRET": "secret"}
    return {"PROCORE_LOGIN_HOME": str(place), "PROCORE_LOGIN_STORE": "file", **app}


def _time(rounds: int, prepare: Callable[[], Work]) -> tuple[str, str]:
    times = []
    for _ in range(rounds):
        work = prepare()
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return f"{min(times):.2f}", f"{median(times):.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000, help="how many there are (100000)")
    parser.add_argument("--rounds", type=int, default=200, help="how often each is done (200)")
    parser.add_argument("--folder", help="where the data folder is made: another disk, or memory")
    asked = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        home = Path(place, "data")
        home.mkdir(mode=0o700)
        sys.stdout.write(f"{measure(asked.users, asked.rounds, home).draw()}\n")


if __name__ == "__main__":
    main()
