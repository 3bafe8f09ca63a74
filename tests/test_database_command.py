"""`procore-login database init` without a server: what it needs, and what it prints."""

import sys
from unittest import mock

import pytest

from tests.cli import Machine


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path / "machine")


@pytest.mark.parametrize("value", ["", "/home/me/test.db", "mysql://joe:hush@db.example/x"])
def test_where_no_shared_database_is_named_it_ends_with_3_and_says_what_to_set(machine, value):
    machine.variables["PROCORE_LOGIN_DB"] = value
    machine.run_here("database", "init").ended(
        3, "names no database that machines share", "export PROCORE_LOGIN_DB=postgresql://USER@HOST/NAME"
    )
    assert not machine.data.exists()


@pytest.mark.parametrize("url", ["", "postgresql://app:hush@127.0.0.1:1/fleet"])
def test_the_sql_is_printed_whatever_is_set_or_installed_and_nobody_is_asked(machine, url):
    machine.variables["PROCORE_LOGIN_DB"] = url
    with (
        mock.patch.dict(sys.modules, {"psycopg": None, "cryptography": None}),
        mock.patch("socket.socket", side_effect=AssertionError),
    ):
        printed = machine.run_here("database", "init", "--sql").ended().out
    assert "CREATE TABLE IF NOT EXISTS users (" in printed
    assert printed.strip().endswith("COMMIT;")
    assert not machine.data.exists()


def test_what_is_not_installed_is_named_with_the_line_that_installs_it(machine):
    machine.variables["PROCORE_LOGIN_DB"] = "postgresql://app:hush@127.0.0.1:1/fleet"
    with mock.patch.dict(sys.modules, {"psycopg": None}):
        for words in (["database", "init"], ["whoami"], ["accounts"], ["token"]):
            machine.run_here(*words).ended(3, "pip install '.[postgres]'")
        told = machine.run_here("doctor", "--offline").ended(3, prints=True)
    assert "pip install '.[postgres]'" in told.out
