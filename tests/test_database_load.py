"""Whole commands on a database that many use at once, that cannot be written, or that is the tutorial's."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from procore_cli.storage.database import Database
from tests.cli import Machine, Result, browser
from tests.provider import JOE, Answer, Provider, Request, serving
from tests.store.databases import new_tutorial_file
from tests.store.store_world import run_sql

pytestmark = pytest.mark.crowd

PEOPLE = 25
SIGN_UP = ("signup", "--json", "--browser", browser("--just-open"))


class Crowd(Provider):
    """A Procore at which everybody comes back to an address of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, dict[str, Any]] = {}
        self.owners: dict[str, dict[str, Any]] = {}

    def _token(self, request: Request) -> Answer:
        answer = super()._token(request)
        if answer.status == 200:
            self.owners[answer.body["access_token"]] = self.people[request.form["redirect_uri"]]
        return answer

    def _me(self, request: Request) -> Answer:
        answer = super()._me(request)
        return Answer(200, self.owners[request.bearer or ""]) if answer.status == 200 else answer


def new_machine(root: Path, provider: Crowd, number: int, own_home: bool) -> Machine:
    """One person's; all share a data folder, or a database alone."""
    machine = Machine(root / f"machine-{number}")
    machine.point_at(provider)
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    if own_home:
        machine.variables["PROCORE_LOGIN_DB"] = str(root / "test.db")
    else:
        machine.variables["PROCORE_LOGIN_HOME"] = str(root / "shared")
    person = {"id": number, "login": f"person-{number}@example.com", "name": f"Person {number}"}
    provider.people[machine.redirect_uri] = person
    return machine


@pytest.fixture
def crowded() -> Iterator[Crowd]:
    with serving(Crowd()) as provider:
        yield provider


@contextmanager
def reading_all_the_time(commands: list[Callable[[], Result]]) -> Iterator[list[Result]]:
    """Each command is run again and again; yields what they ended with, complete at the end."""
    results: list[Result] = []
    is_over = threading.Event()

    def read(command: Callable[[], Result]) -> None:
        results.append(command())
        while not is_over.is_set():
            results.append(command())

    with ThreadPoolExecutor(len(commands)) as pool:
        running = [pool.submit(read, command) for command in commands]
        yield results
        is_over.set()
    for ended in running:
        ended.result()


@pytest.mark.parametrize("own_home", [False, True])
def test_people_who_sign_up_at_once_are_all_signed_in(tmp_path: Path, crowded: Crowd, own_home: bool) -> None:
    database = tmp_path / ("test.db" if own_home else "shared/production.db")
    everybody = range(10_000, 10_001 + PEOPLE)
    first, *others = [new_machine(tmp_path, crowded, number, own_home) for number in everybody]
    assert first.run_here(*SIGN_UP).code == 0
    # Who is current is common to all; whose tokens lie in another folder is signed out in this one.
    who = ("--account", "10000") if own_home else ()
    commands = [
        lambda: first.run("whoami", "--offline", "--json", *who),
        lambda: first.run("token", "--account", "10000"),
        lambda: others[0].run("accounts", "--json", "--env", "production"),
    ]
    with reading_all_the_time(commands) as read, ThreadPoolExecutor(PEOPLE) as pool:
        signed_up = list(pool.map(lambda machine: machine.run(*SIGN_UP, timeout_s=280), others))

    assert [result.err for result in (*read, *signed_up) if result.code != 0] == []
    rows = run_sql(database, "SELECT id, procore_id, email FROM users ORDER BY procore_id")
    assert [row[1:] for row in rows] == [(number, f"person-{number}@example.com") for number in everybody]
    assert len({row[0] for row in rows}) == PEOPLE + 1
    assert [result.json["id"] for result in signed_up] == [row[0] for row in rows[1:]]
    for number, machine in zip(everybody, (first, *others), strict=True):
        asked = machine if own_home else first
        token = asked.run_here("token", "--account", str(number)).out.strip()
        assert crowded.owners[token]["id"] == number
    entries = run_sql(database, "SELECT procore_id, state FROM procore_login_entries ORDER BY procore_id")
    assert entries == [(number, "live") for number in everybody]
    assert len(list(tmp_path.glob("**/secrets/*"))) == PEOPLE + 1


@pytest.fixture
def machine(tmp_path: Path, provider: Provider) -> Machine:
    """Somebody has signed up here, into the file store."""
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    assert machine.run_here(*SIGN_UP).code == 0
    return machine


READERS = [("whoami", "--offline"), ("token",), ("accounts",)]


def test_a_file_that_another_program_keeps_exits_6(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "timeout_s", 0.1)
    path = machine.data / "production.db"
    before = len(provider.requests)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for command in (*READERS, ("refresh",), SIGN_UP, ("signout",)):
            result = machine.run_here(*command)
            assert (result.code, result.out) == (6, ""), command
            assert f"Error: production: The database {path} is in use by another program." in result.err
            assert "Hint: " in result.err
    assert len(provider.requests) == before
    assert machine.run_here("token").out.strip() in provider.issued


INSERT = "INSERT INTO users (id, procore_id, email) VALUES (?, ?, ?)"
DUPLICATES = [
    (4, JOE["id"], "former@example.com"),
    (7, JOE["id"], JOE["login"]),
    (8, 22222, "second@example.com"),
    (9, JOE["id"], JOE["login"]),
]


def test_a_tutorials_file_with_duplicates_is_used_without_harm(tmp_path: Path, provider: Provider) -> None:
    path = new_tutorial_file(tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(INSERT, DUPLICATES)
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    machine.variables["PROCORE_LOGIN_DB"] = str(path)
    signed_up = machine.run_here(*SIGN_UP)
    assert (signed_up.json["id"], signed_up.json["signed_up"]) == (4, False)
    assert machine.run_here("whoami", "--offline", "--json").json["id"] == 4
    assert machine.run_here("token", "--account", JOE["login"]).code == 0
    expected = [(4, JOE["id"], JOE["login"]), *DUPLICATES[1:]]
    assert run_sql(path, "SELECT * FROM users ORDER BY id") == expected
    assert path.stat().st_mode & 0o777 == 0o644
