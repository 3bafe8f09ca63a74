"""Commands over a database that machines share, as people and scripts run them; `doctor` is next door."""

from __future__ import annotations

import pwd
from pathlib import Path
from unittest import mock

import pytest

from procore_cli.flows import service_account
from tests.children import hand_over
from tests.cli import Machine, browser, command
from tests.people import SECOND, THIRD, People
from tests.postgres.conftest import Database
from tests.postgres.machines import new_machine
from tests.provider import JOE, Provider
from tests.signed_in import last_token, refreshes, sign_in
from tests.test_folder import Homeless
from tests.test_service_account import SERVICES, asked, sign_in_service

pytestmark = pytest.mark.postgres


@pytest.fixture
def machine(tmp_path: Path, database: Database, provider: Provider) -> Machine:
    return new_machine(tmp_path / "machine", database.url, provider)


@pytest.fixture
def ready(machine: Machine) -> Machine:
    """As `machine`, with the tables in the database."""
    machine.run_here("database", "init").ended(0, "The tables are in postgresql://127.0.0.1:")
    return machine


def another(machine: Machine) -> Machine:
    """Another machine with the same variables, where nobody is current."""
    return Machine(machine.home.parent / "another", dict(machine.variables))


def sign_in_people(machine: Machine, people: People, *persons: dict[str, object]) -> None:
    machine.point_at(people)
    for person in persons:
        people.person = person
        sign_in(machine).ended(prints=True)


def test_the_tables_are_made_once_however_often_and_by_however_many_they_are_asked_for(machine, database):
    machine.run_here("whoami", "--offline").ended(
        6, "are not in postgresql://", "procore-login database init"
    )
    several = [machine.start("database", "init") for _ in range(4)]
    assert [process.communicate(timeout=60) and process.returncode for process in several] == [0] * 4
    machine.run_here("database", "init").ended()
    machine.run_here("whoami", "--offline").ended(4)
    columns = database.server.run(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'users' ORDER BY 1",
        database=database.name,
    )
    assert columns == [("email",), ("id",), ("procore_id",)]


def test_the_sql_that_is_printed_makes_the_same_tables_and_an_existing_users_stays_as_it_is(
    machine, database
):
    url = machine.variables.pop("PROCORE_LOGIN_DB")
    del machine.variables["PROCORE_LOGIN_KEY_FILE"]
    script = machine.run_here("database", "init", "--sql").ended().out
    run = database.server.run
    run("CREATE TABLE users (id serial PRIMARY KEY, procore_id bigint, email text)", database=database.name)
    run("INSERT INTO users (procore_id, email) VALUES (7, 'a@example.com')", database=database.name)
    run(f"ALTER TABLE users OWNER TO app; SET ROLE app; {script}", database=database.name)
    machine.variables["PROCORE_LOGIN_DB"] = url
    machine.run_here("whoami", "--offline").ended(4)
    assert run("SELECT * FROM users", database=database.name) == [(1, 7, "a@example.com")]


def test_one_signs_in_and_every_other_machine_has_the_account_without_a_data_folder(
    ready, provider, tmp_path, monkeypatch
):
    ready.variables["PROCORE_LOGIN_STORE"] = "file"
    result = sign_in(ready).ended(prints=True)
    assert (result.json["id"], result.json["signed_up"]) == (1, True)
    # Nothing is in a file or a keyring but who is current, and there is nothing to warn of.
    assert "kept in files" not in result.err
    assert list(ready.keyring.iterdir()) == []
    assert [path.name.startswith("current-") for path in ready.data.iterdir() if path.is_file()] == [True]
    # A container's random user has no home.
    monkeypatch.setattr(pwd, "getpwuid", mock.Mock(side_effect=KeyError("getpwuid(): uid not found")))
    other = Homeless(tmp_path / "another", ready.variables)
    provider.expire()
    for words in (["token"], ["whoami"], ["api", "me"], ["accounts"], ["whoami", "--offline"], ["refresh"]):
        other.run_here(*words).ended()
    other.run_here("doctor", "--offline").ended()
    assert refreshes(provider) == 2
    assert [path for path in other.home.rglob("*") if path.is_file()] == []


def test_without_a_current_account_the_only_one_signed_in_is_meant_and_of_several_none(ready, people):
    sign_in_people(ready, people, JOE)
    other = another(ready)
    assert other.run_here("whoami", "--offline", "--json").ended().json["procore_id"] == JOE["id"]
    sign_in_people(ready, people, SECOND)
    told = other.run_here("token").ended(4, "No account of production is the current one. Signed in: ")
    assert (JOE["login"] in told.err, SECOND["login"] in told.err) == (True, True)
    assert "Name one with --account or PROCORE_LOGIN_ACCOUNT." in told.err
    # Who is current is each data folder's own.
    assert ready.run_here("whoami", "--offline", "--json").json["procore_id"] == SECOND["id"]
    other.run_here("switch", str(JOE["id"])).ended(prints=True)
    assert ready.run_here("whoami", "--offline", "--json").json["procore_id"] == SECOND["id"]
    assert other.run_here("whoami", "--offline", "--json").json["procore_id"] == JOE["id"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ("issued_at = NULL", 0),
        ("issued_at = 9223372036854775807, expires_at = 9223372036854775807", 0),
        ("issued_at = -9223372036854775808, expires_at = -9223372036854775808", 0),
        ("name = E'\\x1b[31m`rm`\\u202e', failures = 9223372036854775807", 0),
        ("state = 'refused', failure = repeat('[', 100000)", 4),
        ("state = 'refused', failure = '[\"SignInNeededError\", {}, \"`rm`\", 1, 2]'", 4),
    ],
)
def test_what_somebody_has_written_into_a_row_breaks_no_command(ready, database, changes, code):
    sign_in(ready).ended(prints=True)
    database.server.run(f"UPDATE procore_login_accounts SET {changes}", database=database.name)
    ready.run_here("accounts").ended(prints=True)
    ready.run_here("doctor", "--offline").ended(prints=True)
    for words in (["whoami", "--offline"], ["token"], ["whoami"]):
        told = ready.run_here(*words).ended(code, prints=True)
        assert "\x1b" not in told.out + told.err
        assert "`rm`" not in told.err
    ready.run_here("signout").ended(prints=True)


def test_of_many_at_most_ten_candidates_are_named(ready, database):
    database.server.run(
        "INSERT INTO users (procore_id, email)"
        " SELECT n, 'p' || n || '@example.com' FROM generate_series(1, 300) n;"
        "INSERT INTO procore_login_accounts (environment, procore_id, client_id, state, sealed)"
        " SELECT 'production', n, 'x', CASE WHEN n < 150 THEN 'out' ELSE 'live' END, ''"
        " FROM generate_series(1, 300) n",
        database=database.name,
    )
    told = ready.run_here("token").ended(4, ", ...").err
    assert told.count("@example.com") == 11
    assert "p150@example.com" in told
    alone = ready.run_here().ended().out
    assert alone.count("@example.com") == 10
    assert "and more: procore-login accounts" in alone


def test_a_sign_out_that_is_typed_twice_signs_nobody_else_out(ready, people):
    sign_in_people(ready, people, JOE, SECOND)
    ready.run_here("signout").ended(0, "second@example.com is signed out")
    again = ready.run_here("signout").ended(0, "procore-login signout --account WHO")
    assert "signed out of" not in again.err
    assert ready.run_here("whoami", "--offline", "--json").ended().json["procore_id"] == JOE["id"]


def test_the_command_of_exec_renews_its_token_where_it_can_open_the_database(ready, provider):
    sign_in(ready)
    given, _ = hand_over(ready)
    assert {"PROCORE_LOGIN_DB", "PROCORE_LOGIN_KEY_FILE", "PROCORE_LOGIN_EXEC"} <= given.keys()
    key = Path(ready.variables.pop("PROCORE_LOGIN_KEY_FILE")).read_text()
    ready.variables["PROCORE_LOGIN_KEY"] = key
    given, result = hand_over(ready)
    assert {"PROCORE_LOGIN_KEY", "PROCORE_LOGIN_EXEC"}.isdisjoint(given)
    assert given["PROCORE_ACCESS_TOKEN"] == last_token(provider)
    assert "the key in PROCORE_LOGIN_KEY" in result.err
    inner = ready.run("exec", "--", *command(), "token").ended()
    assert inner.out.strip() == last_token(provider)


def test_each_environment_has_its_own_accounts_in_one_database(ready, people):
    sign_in_people(ready, people, JOE)
    people.person = THIRD
    sign_in(ready, env="sandbox").ended(prints=True)
    listed = ready.run_here("accounts", "--json").ended().json["accounts"]
    assert [(each["environment"], each["email"], each["current"]) for each in listed] == [
        ("production", JOE["login"], True),
        ("sandbox", THIRD["login"], True),
    ]
    ready.run_here("token", "--account", THIRD["login"]).ended(4, "is not signed in to production")


def test_a_database_that_is_down_is_told_once_by_every_command_and_its_password_never(ready):
    ready.variables["PROCORE_LOGIN_DB"] = "postgresql://app:hush-pass@127.0.0.1:1/fleet?application_name=hush"
    for words in (
        [],
        ["accounts"],
        ["whoami", "--debug"],
        ["whoami", "--offline"],
        ["token"],
        ["signout"],
        ["signin", "--browser", browser("--just-open")],
        ["doctor", "--offline", "--debug"],
        ["database", "init"],
    ):
        told = ready.run_here(*words).ended(6, prints=True)
        assert (told.out + told.err).count("no connection to postgresql://127.0.0.1:1/fleet") <= 2, words
        assert "hush" not in told.out
    shown = ready.run_here("configure", "--show").ended()
    assert "hush" not in shown.out


def test_a_service_account_that_is_signed_in_once_serves_every_machine(ready, provider, monkeypatch):
    monkeypatch.setattr(service_account, "_loaded", {})
    provider.services = dict(SERVICES)
    other = another(ready)
    other.variables["PROCORE_LOGIN_ACCOUNT"] = "service-account"
    # With nothing stored it is for one process alone.
    other.run_here("token").ended(0, "for this process alone")
    assert asked(provider) == 1
    sign_in_service(ready).ended(prints=True)
    for words in (["whoami", "--json"], ["token"], ["whoami", "--offline", "--json"]):
        told = other.run_here(*words).ended()
        assert "for this process alone" not in told.err
    assert told.json["kind"] == "service"
    assert asked(provider) == 2
