"""`procore-login doctor` over a database that machines share: what it finds, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import Machine, free_port
from tests.doctor.report import run_doctor
from tests.postgres.conftest import Database
from tests.postgres.machines import new_key_file, new_machine
from tests.postgres.servers import PASSWORD, PostgresServer, running_server
from tests.postgres.test_claims import find_ended_process
from tests.provider import Provider
from tests.signed_in import sign_in

pytestmark = pytest.mark.postgres


@pytest.fixture
def machine(tmp_path: Path, database: Database, provider: Provider) -> Machine:
    """Everything is in order: the tables are there, and Joe is signed in."""
    machine = new_machine(tmp_path / "machine", database.url, provider)
    machine.variables |= {"DISPLAY": ":0", "BROWSER": "true"}
    machine.run_here("database", "init").ended()
    sign_in(machine).ended(prints=True)
    return machine


def test_a_database_that_is_in_order_has_a_line_for_each_thing_and_no_file_is_looked_for(machine, database):
    report = run_doctor(machine)
    assert (report.code, report.named("warning")) == (0, [])
    for name, detail in (
        ("server", f"answers at 127.0.0.1:{database.server.port}"),
        ("TLS", "off (sslmode=prefer): the server is this machine"),
        ("schema", "schema 1; users has id bigint, procore_id bigint, email character varying"),
        ("writing", "no standby; it can be written"),
        ("keys", "(1 account)"),
        ("keyring", "not needed: tokens are in the shared database"),
        ("account 11111", "11111 (j***@procore.com), the current one: access token valid for 1 h"),
        ("interrupted refresh", "none"),
    ):
        assert detail in report[name].detail
    assert report.lines.keys().isdisjoint({"database", "keyring proof", "leftovers"})


def test_pgbouncer_between_is_no_trouble(machine, database, bouncer):
    machine.variables["PROCORE_LOGIN_DB"] = database.server.url(database.name, port=bouncer.port)
    report = run_doctor(machine, "--offline")
    assert (report.code, report.named("warning")) == (0, [])


def test_the_client_secret_alone_needs_a_keyring(machine):
    del machine.variables["PROCORE_CLIENT_SECRET"]
    assert run_doctor(machine, "--offline")["keyring"].detail.endswith("for the client secret alone")


# What is done to the database, the line that tells it, and what that says.
FAULTS = {
    "no tables": ("DROP TABLE procore_login_accounts", "schema", "are not in postgresql://", "database init"),
    "newer tables": (
        "COMMENT ON TABLE procore_login_accounts IS 'procore-login schema 2'",
        "schema",
        "of a newer version",
        "pip install --upgrade",
    ),
    "a users of another program's": (
        "ALTER TABLE users RENAME email TO mail",
        "schema",
        "The table users in postgresql://{place} has no column email",
        "another database",
    ),
    "read only": (
        "ALTER DATABASE {name} SET default_transaction_read_only = on",
        "writing",
        "Nothing can be kept in postgresql://{place}: it was made read only.",
        "target_session_attrs=read-write",
    ),
    "not enough rights": (
        "ALTER TABLE users OWNER TO postgres; GRANT SELECT, INSERT ON users TO app",
        "writing",
        "(users: UPDATE)",
        "GRANT SELECT, INSERT, UPDATE ON users",
    ),
    "no right to a serial id": (
        """ALTER TABLE users OWNER TO postgres; GRANT ALL ON users TO app;
        ALTER TABLE users ALTER id DROP IDENTITY; CREATE SEQUENCE numbers OWNED BY users.id;
        ALTER TABLE users ALTER id SET DEFAULT nextval('numbers')""",
        "writing",
        "(public.numbers: USAGE)",
        "As the owner: GRANT",
    ),
    "a key that is not here": (
        "UPDATE procore_login_accounts SET key_id = 'gone'",
        "keys",
        "Accounts need keys that are not here: gone (1 account).",
        "behind the first",
    ),
}


@pytest.mark.parametrize(("statement", "name", "detail", "fix"), FAULTS.values(), ids=FAULTS)
def test_what_keeps_every_command_from_working_fails_with_6_and_what_to_do(
    machine, database, statement, name, detail, fix
):
    database.server.run(statement.format(name=database.name), database=database.name)
    end_connections(database)
    report = run_doctor(machine, "--offline")
    assert (report.code, report.named("failed")) == (6, [name])
    assert detail.format(place=f"127.0.0.1:{database.server.port}/{database.name}") in report[name].detail
    assert fix in report[name].fix


def end_connections(database: Database) -> None:
    """What is set for a database counts for new connections."""
    database.server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name]
    )


WARNINGS = {
    "a small column": (
        "DROP INDEX procore_login_users_procore_id; ALTER TABLE users ALTER procore_id TYPE integer",
        "schema",
        "is integer: larger ids do not fit",
        "ALTER TABLE users ALTER COLUMN procore_id TYPE bigint",
    ),
    "an abandoned claim": (
        "UPDATE procore_login_accounts SET claim_id = gen_random_uuid(), claimed_at = 1, leased_until = 2",
        "interrupted refresh",
        "a refresh of 11111 (j***@procore.com) at 1970-01-01T00:00:01Z was interrupted",
        "procore-login refresh",
    ),
    "refused tokens": (
        "UPDATE procore_login_accounts SET state = 'refused', sealed = NULL",
        "account 11111",
        "Procore refused its refresh token.",
        "procore-login signin",
    ),
    "a swapped row": (
        "UPDATE procore_login_accounts SET generation = generation + 1",
        "account 11111",
        "were sealed for another row",
        "signing in again mends it",
    ),
}


@pytest.mark.parametrize(("statement", "name", "detail", "fix"), WARNINGS.values(), ids=WARNINGS)
def test_what_a_person_should_know_of_is_a_warning_with_what_to_do(
    machine, database, statement, name, detail, fix
):
    database.server.run(statement, database=database.name)
    report = run_doctor(machine, "--offline")
    assert (report.code, report.named("warning")) == (0, [name])
    assert detail in report[name].detail
    assert fix in report[name].fix


def test_a_claim_that_is_not_past_its_lease_is_no_fault(machine, database):
    database.server.run(
        "UPDATE procore_login_accounts SET claim_id = gen_random_uuid(),"
        " claimed_at = extract(epoch FROM now()), leased_until = extract(epoch FROM now()) + 60",
        database=database.name,
    )
    assert run_doctor(machine, "--offline").named("warning") == []
    # Unless its process was one of this machine, and is gone.
    database.server.run(
        f"UPDATE procore_login_accounts SET claimed_by = '{find_ended_process()}'", database=database.name
    )
    assert run_doctor(machine, "--offline").named("warning") == ["interrupted refresh"]


def test_of_many_accounts_twenty_have_a_line_and_the_rest_is_counted(machine, database):
    database.server.run(
        "INSERT INTO users (procore_id) SELECT n FROM generate_series(1, 30) n;"
        "INSERT INTO procore_login_accounts (environment, procore_id, client_id)"
        " SELECT 'production', n, 'x' FROM generate_series(1, 30) n",
        database=database.name,
    )
    report = run_doctor(machine, "--offline")
    assert sum(name.startswith("account ") for name in report.lines) == 20
    assert report["accounts"].detail == "and 11 more; of all 31, 1 are signed in"


def test_several_keys_are_counted_with_the_accounts_that_need_them(machine, database):
    copied = "environment, client_id, state, sealed, key_id"
    database.server.run(
        f"INSERT INTO procore_login_accounts (procore_id, {copied})"
        f" SELECT n, {copied} FROM procore_login_accounts, generate_series(1, 2) n",
        database=database.name,
    )
    former = Path(machine.variables["PROCORE_LOGIN_KEY_FILE"])
    new_key_file(former, former.read_text())
    detail = run_doctor(machine, "--offline")["keys"].detail
    assert sorted(part.partition(" ")[2] for part in detail.partition(": ")[2].split(", ")) == [
        "(0 accounts)",
        "(3 accounts)",
    ]


def test_keys_that_cannot_be_read_fail_with_3(machine):
    for name, value in (("PROCORE_LOGIN_KEY", "hush"), ("PROCORE_LOGIN_KEY_FILE", "/no/such/file")):
        machine.variables |= {"PROCORE_LOGIN_KEY": "", "PROCORE_LOGIN_KEY_FILE": "", name: value}
        report = run_doctor(machine, "--offline")
        assert (report.code, report.named("failed")) == (3, ["keys"])
        assert name in report["keys"].fix
        assert "hush" not in report["keys"].detail
    machine.variables |= {"PROCORE_LOGIN_KEY": "hush", "PROCORE_LOGIN_KEY_FILE": "/no/such/file"}
    report = run_doctor(machine, "--offline")
    assert (report.code, report.named("failed")) == (3, ["variable PROCORE_LOGIN_KEY"])


def test_a_server_that_is_not_there_is_the_only_failure(machine):
    machine.variables["PROCORE_LOGIN_DB"] = f"postgresql://app:hush@127.0.0.1:{free_port()}/fleet"
    report = run_doctor(machine, "--offline", "--debug")
    assert (report.code, report.named("failed")) == (6, ["server"])
    assert "hush" not in report.err


@pytest.fixture(scope="module")
def guarded() -> PostgresServer:
    """It asks for a password, and takes TLS alone."""
    with running_server(password=True, tls=True) as server:
        yield server


def test_what_is_between_and_whether_it_was_verified_is_told(machine, guarded):
    guarded.run("CREATE DATABASE fleet OWNER app")
    place = f"127.0.0.1:{guarded.port}/fleet"
    url = f"postgresql://app:{PASSWORD}@{place}"
    verified = f"?sslmode=verify-full&sslrootcert={guarded.certificate}"
    for query, detail in (
        ("", "on (sslmode=prefer: its certificate is not checked)"),
        ("?sslmode=require", "on (sslmode=require: its certificate is not checked)"),
        (verified, "on (sslmode=verify-full: its certificate and name are checked)"),
    ):
        machine.variables["PROCORE_LOGIN_DB"] = url + query
        machine.run_here("database", "init").ended()
        report = run_doctor(machine, "--offline", "--debug")
        assert (report.code, report["TLS"].detail) == (0, detail)
        assert PASSWORD not in report.err + str(report.lines)
    machine.variables["PROCORE_LOGIN_DB"] = f"postgresql://app:hush-wrong@{place}"
    report = run_doctor(machine, "--offline", "--debug")
    assert (report.code, report.named("failed")) == (6, ["server"])
    assert "hush" not in report.err + str(report.lines)
