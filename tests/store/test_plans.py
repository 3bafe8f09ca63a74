"""How SQLite finds what the commands of every day ask for; refuses a look at every person or entry."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from procore_cli import Accounts
from tests.cli import Machine
from tests.python_api.caller import REDIRECT_URI, browse, get, live_on
from tests.signed_in import sign_in

pytestmark = pytest.mark.usefixtures("signed_in")

SIGN_IN = ("signin",)
COMMANDS = [
    ("whoami", "--offline"),
    ("whoami", "--offline", "--account", "joecontractor@procore.com"),
    ("whoami", "--offline", "--account", "11111"),
    ("token",),
    ("refresh",),
    ("switch", "11111"),
    SIGN_IN,
    ("signout",),
    (),
]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What SQLite has been asked since then."""
    asked: list[str] = []
    connect = sqlite3.connect

    def connect_traced(*given: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*given, **named)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_traced)
    yield asked
    monkeypatch.undo()


def find_scans(database: Path, statements: list[str]) -> list[str]:
    """The statements that look at every row of `users` or of the entries."""
    with closing(sqlite3.connect(database)) as connection:
        return [
            statement
            for statement in dict.fromkeys(statements)
            if statement.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")
            for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            if step.startswith(("SCAN users", "SCAN procore_login_entries"))
            # A list of those that are signed in, or unsettled, has no more rows than that.
            and "procore_login_entries_unsettled" not in step
        ]


def test_a_command_looks_at_no_row_but_its_own(machine: Machine, statements: list[str]) -> None:
    assert machine.run_here("accounts").code == 0
    # One that looks at every row is found.
    assert find_scans(machine.data / "production.db", statements) != []
    found = {}
    for command in COMMANDS:
        statements.clear()
        ended = sign_in(machine) if command == SIGN_IN else machine.run_here(*command)
        assert (ended.code, bool(statements)) == (0, True), (command, ended.err)
        found[command] = find_scans(machine.data / "production.db", statements)
    assert {command: scans for command, scans in found.items() if scans} == {}


def test_a_web_app_looks_at_no_row_but_its_users(
    machine: Machine, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    live_on(machine, monkeypatch)
    accounts = Accounts()
    begin = accounts.begin(REDIRECT_URI)
    user = accounts.finish(browse(begin.url), begin.kept)
    assert get(f"{machine.variables['PROCORE_API_URL']}/rest/v1.0/me", accounts.auth(user.id)).ok
    for _ in range(2):
        accounts.sign_out(user.id)
    assert statements != []
    assert find_scans(machine.data / "production.db", statements) == []
