"""Connections that break, are shared, are forked; a server that refuses; and what is said of each."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from procore_cli.config.shared_database import SharedDatabase
from procore_cli.errors import ConfigurationError, DatabaseError, ProcoreLoginError
from procore_cli.models import Me
from procore_cli.storage.postgres import connection, schema
from procore_cli.storage.postgres.connection import PostgresDatabase
from procore_cli.storage.postgres.parameters import find_identity, new_parameters
from tests.cli import ROOT, free_port
from tests.hearing import hearing
from tests.postgres.conftest import Database
from tests.postgres.scene import Scene, new_key
from tests.postgres.servers import PASSWORD, ROLE, PostgresServer, running_server
from tests.store.store_world import JOE

pytestmark = pytest.mark.postgres


@pytest.fixture
def scene(either_way: Database, own_world: Path) -> Scene:
    return Scene(*either_way, own_world / "procore-login").prepare()


@pytest.fixture(scope="module")
def guarded() -> Iterator[PostgresServer]:
    """A server that asks for TLS and a password."""
    with running_server(password=True, tls=True) as server:
        yield server


def shared(url: str) -> SharedDatabase:
    return SharedDatabase(url, new_key(1), None)


def end_sessions(scene: Scene) -> None:
    scene.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = %s AND pid <> pg_backend_pid()",
        scene.name,
    )


def test_a_connection_that_the_server_has_ended_is_replaced(scene: Scene):
    joe = scene.sign_in()
    for work in (
        lambda: scene.load(joe),
        lambda: scene.run().claim(joe, scene.load(joe), "asked"),
        lambda: scene.run().save_signin(scene.new_tokens(2), JOE),
        lambda: scene.run().sign_out(joe),
    ):
        end_sessions(scene)
        work()
    assert scene.run().load(joe) is None


def test_connections_are_shared_by_the_threads_of_a_process(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "MOST_CONNECTIONS", 3)
    connection._pools.pop(scene.url, None)
    joe = scene.sign_in()
    start, found = threading.Barrier(20), []

    def load() -> None:
        start.wait()
        found.extend(scene.load(joe).generation for _ in range(20))

    threads = [threading.Thread(target=load) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 400
    assert len(connection._pools[scene.url].opened) <= 3


def test_a_forked_child_has_connections_of_its_own(scene: Scene):
    joe = scene.sign_in()
    parents = next(iter(connection._pools[scene.url].opened))
    child = os.fork()
    if child == 0:
        is_good = False
        try:
            # What time it is it knows, and asks nobody.
            is_good = scene.run().now() > 0 and not connection._pools[scene.url].opened
            is_good &= scene.load(joe).generation == 1
            is_good &= parents not in connection._pools[scene.url].opened
        finally:
            # As much as an interpreter does at its end.
            connection._close_all()
            os._exit(0 if is_good else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert scene.load(joe).generation == 1
    assert connection._pools[scene.url].opened == {parents}


def test_a_process_ends_without_a_word(scene: Scene):
    program = (
        "import sys, os\n"
        "from procore_cli.storage.postgres.connection import PostgresDatabase\n"
        "from procore_cli.config.shared_database import SharedDatabase\n"
        "database = PostgresDatabase(SharedDatabase(sys.argv[1], None, None))\n"
        "database.run('SELECT 1')\n"
        "if os.fork() == 0: sys.exit()\n"
        "os.wait()\n"
        "database.run('SELECT 1')\n"
    )
    words = [sys.executable, "-X", "dev", "-c", program, scene.url]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_only_a_session_of_its_own_is_told_limits_and_keepalives(scene: Scene):
    database = PostgresDatabase(scene.shared)
    is_direct = scene.url == scene.server.url(scene.name)
    names = ["statement_timeout", "lock_timeout", "tcp_keepalives_idle"]
    read = f"SELECT {', '.join(f'current_setting({name!r})' for name in names)}"
    # The bouncer is at the server's socket, where there is nothing to keep alive.
    usual = ("8s", "5s", "30") if is_direct else ("0", "0", "0")
    for _ in range(2):
        assert database.run(read) == [usual]
        assert database.transact(lambda run: run(read)) == [("8s", "5s", usual[2])]


def test_a_row_that_somebody_else_keeps_locked_is_not_waited_for_without_a_limit(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    import psycopg

    monkeypatch.setattr(connection, "_BEGIN", connection._BEGIN.replace("'5s'", "'100ms'"))
    monkeypatch.setattr(connection, "_GREETING", connection._GREETING.replace("'5s'", "'100ms'"))
    connection._pools.pop(scene.url, None)
    joe = scene.sign_in()
    with psycopg.connect(scene.server.socket_url(scene.name, role="postgres")) as other:
        other.execute("UPDATE procore_login_accounts SET name = name")
        for work in (lambda: scene.claim(joe), lambda: scene.sign_in(2), lambda: scene.run().sign_out(joe)):
            with pytest.raises(DatabaseError, match="is locked by another program"):
                work()
        other.rollback()
    assert scene.load(joe).tokens.access_token == "access-1"


def test_a_server_that_does_not_answer_is_given_up(
    database: Database, own_world: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "ANSWER_S", 0.3)
    with running_server() as server:
        name = server.new_database()
        url = f"{server.url(name)}?connect_timeout=2"
        scene = Scene(server, name, url, own_world / "procore-login").prepare()
        joe = scene.sign_in()
        server.freeze()
        try:
            with pytest.raises(DatabaseError, match=r"There is no connection to|no answer within"):
                scene.load(joe)
        finally:
            server.thaw()
        assert scene.load(joe).generation == 1


def test_the_clock_is_the_databases_whatever_the_machine_says(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("time.time", lambda: 0.0)
    connection._pools.pop(scene.url, None)
    ((now,),) = scene.sql("SELECT extract(epoch FROM clock_timestamp())::float8")
    assert abs(scene.run().now() - now) < 5
    moment = connection.boot_time() + 1000
    monkeypatch.setattr(connection, "boot_time", lambda: moment)
    assert 990 < scene.run().now() - now < 1010
    scene.sign_in()
    assert abs(scene.run().now() - now) < 5


UNNUMBERED = """
    ALTER TABLE users ALTER id DROP IDENTITY; ALTER TABLE users DROP CONSTRAINT users_pkey;
    ALTER TABLE users ALTER id DROP NOT NULL"""
TRIGGER = """
    CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER no BEFORE UPDATE ON procore_login_accounts FOR EACH ROW EXECUTE FUNCTION no()"""
POLICY = f"""
    ALTER TABLE procore_login_accounts OWNER TO postgres; GRANT ALL ON procore_login_accounts TO {ROLE};
    ALTER TABLE procore_login_accounts ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON procore_login_accounts FOR INSERT WITH CHECK (true)"""
# The errors: what is done to the database, what is tried, what is said.
ROOM = "ALTER TABLE users ALTER COLUMN procore_id TYPE bigint;"
FAULTS: dict[str, tuple[str, str, str]] = {
    "no tables": (
        "DROP TABLE procore_login_accounts",
        "The tables of procore-login are not in",
        "database init",
    ),
    "no users": ("DROP TABLE users", "The tables of procore-login are not in", "procore-login database init"),
    "no version": (
        "COMMENT ON TABLE procore_login_accounts IS NULL",
        "are not in",
        "procore-login database init",
    ),
    "newer": (
        "COMMENT ON TABLE procore_login_accounts IS 'procore-login schema 2'",
        "newer version",
        "--upgrade",
    ),
    "a small column": ("ALTER TABLE users ALTER COLUMN procore_id TYPE integer", "is too small", ROOM),
    "no rights": (
        f"REVOKE UPDATE ON procore_login_accounts FROM {ROLE}",
        "does not allow it to this user: permission denied for table procore_login_accounts",
        "GRANT SELECT, INSERT",
    ),
    "read only": (
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        "can only be read",
        "the primary",
    ),
    "no column": ("ALTER TABLE procore_login_accounts DROP sealed", "are not in", "database init"),
    "an e-mail of before": (
        "ALTER TABLE users ADD UNIQUE (email); INSERT INTO users (email) VALUES ('big@example.com')",
        "does not take the row: duplicate key",
        "give it the procore_id",
    ),
    "an id without a default": (
        UNNUMBERED,
        "The table users in the shared database did not take a row",
        "column id has a default",
    ),
    "a trigger": (
        TRIGGER,
        "The table procore_login_accounts in the shared database did not take a row",
        "triggers and policies",
    ),
    "a policy": (
        POLICY,
        "does not allow it to this user: new row violates row-level security policy",
        "GRANT SELECT, INSERT",
    ),
    "another column": (
        "ALTER TABLE users ADD other integer NOT NULL",
        "does not take the row: null value in",
        "give the others a default",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_database_is_told_with_what_to_do(
    database: Database, own_world: Path, fault: str
):
    scene = Scene(*database, own_world / "procore-login").prepare()
    statement, message, hint = FAULTS[fault]
    scene.sql(statement.replace("{}", scene.name))
    end_sessions(scene)
    connection._pools.pop(scene.url, None)
    with pytest.raises(DatabaseError) as failure:
        scene.sign_in(1, Me(2**40, "big@example.com", None))
    assert message in failure.value.message
    assert hint in failure.value.hint
    assert failure.value.exit_code == 6


def test_an_existing_table_with_small_numbers_is_used_as_it_is(database: Database, own_world: Path):
    scene = Scene(*database, own_world / "procore-login")
    table = "users (id serial PRIMARY KEY, procore_id integer, email text, extra int)"
    scene.sql(f"SET ROLE {ROLE}; CREATE TABLE {table}")
    scene.sql("INSERT INTO users (procore_id, email) VALUES (11111, 'joecontractor@procore.com')")
    scene.prepare()
    saved = scene.run().save_signin(scene.new_tokens(1), JOE)
    assert (saved.account.user.id, saved.is_new) == (1, False)
    assert scene.run().save_signin(scene.new_tokens(1), Me(22222, "b@example.com", None)).account.user.id == 2


# What is there before, and what is said of it.
OTHERS = {
    "uuid": ("id uuid, procore_id bigint, email text", "id is uuid"),
    "text": ("id bigint, procore_id text, email text", "procore_id is text"),
    "nothing": ("id bigint, number int", "procore_id is missing, email is missing"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_table_users_that_cannot_be_used_is_refused_before_anybody_signs_in(
    database: Database, own_world: Path, other: str
):
    scene = Scene(*database, own_world / "procore-login")
    columns, words = OTHERS[other]
    scene.sql(f"SET ROLE {ROLE}; CREATE TABLE users ({columns})")
    with pytest.raises(DatabaseError, match=rf"the table users is another program's \({words}\)"):
        scene.prepare()
    assert scene.sql("SELECT to_regclass('procore_login_accounts')") == [(None,)]


USERS = {
    "a table": """CREATE SEQUENCE numbers;
        CREATE TABLE users (id numeric(20) DEFAULT nextval('numbers'), procore_id numeric(20), email text)""",
    "a view": """CREATE TABLE people (id serial PRIMARY KEY, procore_id bigint, email text);
        CREATE VIEW users AS SELECT * FROM people""",
    "too long for an index": """CREATE TABLE users (id serial PRIMARY KEY, procore_id bigint, email text);
        INSERT INTO users (email)
        SELECT string_agg(sha512(n::text::bytea)::text, '') FROM generate_series(1, 900) n""",
}


@pytest.mark.parametrize("users", USERS)
def test_a_table_users_of_somebody_else_is_used_without_an_index(
    database: Database, own_world: Path, users: str
):
    scene = Scene(*database, own_world / "procore-login")
    scene.sql(
        f"{USERS[users]}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE};"
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {ROLE}"
    )
    account = scene.prepare().sign_in()
    assert (scene.run().find_named("joecontractor@procore.com"), type(account.user.id)) == (account, int)


def test_who_may_make_no_tables_is_told_how_they_are_made(database: Database, own_world: Path):
    scene = Scene(*database, own_world / "procore-login")
    scene.sql(f"ALTER DATABASE {scene.name} OWNER TO postgres; REVOKE ALL ON SCHEMA public FROM {ROLE}")
    with pytest.raises(DatabaseError, match="permission denied for schema public") as failure:
        scene.prepare()
    assert "`procore-login database init --sql`" in failure.value.hint


def test_a_column_that_is_altered_meanwhile_fails_nobody(scene: Scene):
    joe = scene.sign_in()
    for kind in ("integer", "bigint"):
        for _ in range(4):
            assert scene.run().find_named(str(joe.user.procore_id)).user.procore_id == joe.user.procore_id
        scene.sql(f"ALTER TABLE users ALTER procore_id TYPE {kind}")
    assert scene.run().list_people(1) == [joe.user]


def test_a_connection_to_what_is_a_standby_by_now_is_not_kept(scene: Scene):
    joe = scene.sign_in()
    for connection_ in connection._pools[scene.url].opened:
        connection_.execute("SET default_transaction_read_only = on")
    assert scene.claim(joe, "asked") is not None


def test_a_name_that_the_databases_encoding_has_no_letters_for_is_told(
    postgres: PostgresServer, own_world: Path
):
    name = postgres.new_latin_database()
    scene = Scene(postgres, name, postgres.url(name), own_world / "procore-login").prepare()
    scene.sign_in(1, Me(1, "caf\u00e9@example.com", "Ren\u00e9e"))
    assert scene.run().list_people(1)[0].email == "caf\u00e9@example.com"
    with pytest.raises(DatabaseError, match="has another encoding than UTF8") as failure:
        scene.sign_in(2, Me(2, "b@example.com", "\u0141ucja"))
    assert "ENCODING 'UTF8'" in failure.value.hint


def test_no_more_files_to_open_is_an_error_of_the_database(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    import psycopg

    def connect(**_: object) -> None:
        raise OSError(24, "Too many open files")

    connection._pools.pop(scene.url, None)
    monkeypatch.setattr(psycopg.Connection, "connect", connect)
    with pytest.raises(DatabaseError, match=r"There is no connection to .*: Too many open files\."):
        scene.run().list_known()


def test_two_who_make_the_tables_at_once_make_them_once(database: Database, own_world: Path):
    scene = Scene(*database, own_world / "procore-login")
    failed: list[ProcoreLoginError] = []

    def prepare() -> None:
        try:
            scene.prepare()
        except ProcoreLoginError as error:
            failed.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert scene.run().list_known() == []
    scene.sql("COMMENT ON TABLE procore_login_accounts IS 'procore-login schema 2'")
    with pytest.raises(DatabaseError, match="of a newer version of procore-login") as failure:
        schema.init(PostgresDatabase(scene.shared))
    assert "`pip install --upgrade procore-login`" in failure.value.hint


def tell(url: str) -> str:
    """What is said where the database at a URL is asked for something."""
    with pytest.raises(ProcoreLoginError) as failure:
        PostgresDatabase(shared(url)).run("SELECT 1")
    return f"{failure.value.exit_code} {failure.value} {failure.value.hint}"


def test_no_message_has_a_password(guarded: PostgresServer, postgres: PostgresServer):
    nobody, other, port = free_port(), free_port(), guarded.port
    said = {
        "wrong password": tell(f"postgresql://{ROLE}:s3cret@127.0.0.1:{port}/postgres"),
        "no password": tell(f"postgresql://{ROLE}@127.0.0.1:{port}/postgres?passfile=/s3cret"),
        "no TLS": tell(f"postgresql://{ROLE}:s3cret@127.0.0.1:{port}/postgres?sslmode=disable"),
        "refused TLS": tell(f"postgresql://{ROLE}:s3cret@127.0.0.1:{postgres.port}/postgres?sslmode=require"),
        "nobody there": tell(f"postgresql://{ROLE}:s3cret@127.0.0.1:{nobody}/postgres"),
        "nobody at two": tell(f"postgresql://{ROLE}:s3cret@127.0.0.1:{nobody},127.0.0.1:{other}/postgres"),
        "no such host": tell(f"postgresql://{ROLE}:s3cret@nowhere.invalid/postgres"),
        "no such database": tell(f"postgresql://{ROLE}:s3cret@127.0.0.1:{postgres.port}/nothing"),
        "no such parameter": tell(f"postgresql://{ROLE}:s3cret@127.0.0.1/postgres?s3cret=1"),
        "no such certificate": tell(
            f"postgresql://{ROLE}:s3cret@127.0.0.1:{port}/postgres?sslmode=verify-full"
        ),
    }
    said["no such role"] = tell(f"postgresql://s3cret@127.0.0.1:{postgres.port}/postgres")
    said["no UTF-8"] = tell("postgresql://app:s3cret%FF@127.0.0.1/postgres")
    for case, text in said.items():
        assert "s3cret" not in text, case
        assert text.startswith(
            "3 PostgreSQL does not"
            if case in ("no such parameter", "no UTF-8")
            else "6 There is no connection"
        )
    assert "password authentication failed for user of the URL" in said["wrong password"]
    assert "role of the URL does not exist" in said["no such role"]
    assert "no password supplied" in said["no password"]
    assert "does not support SSL" in said["refused TLS"]
    assert f"127.0.0.1:{nobody}" in said["nobody there"]
    assert said["nobody there"].count("refused") == 1
    assert said["nobody at two"].count("refused") == 2


def test_a_password_and_tls_work(guarded: PostgresServer):
    url = f"postgresql://{ROLE}:{PASSWORD}@127.0.0.1:{guarded.port}/{guarded.new_database()}"
    database = PostgresDatabase(shared(url))
    schema.init(database)
    assert database.run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [(True,)]
    assert database.describe() == (f"127.0.0.1:{guarded.port}", True)


# What the URL says after its scheme, what the variables say, and the mode that comes of it.
@pytest.mark.parametrize(
    ("rest", "variables", "mode"),
    [
        ("app@db.example.com/fleet", {}, "require"),
        ("app@db.example.com/fleet?sslmode=verify-full", {}, "verify-full"),
        ("app@db.example.com/fleet", {"PGSSLMODE": "disable"}, None),
        ("localhost/fleet", {}, None),
        ("127.0.0.1/fleet", {}, None),
        ("[::1]:5432/fleet", {}, None),
        ("localhost,db.example.com/fleet", {}, "require"),
        ("/fleet", {}, None),
        ("/fleet", {"PGHOST": "db.example.com"}, "require"),
        ("/fleet", {"PGHOST": "/run/postgresql"}, None),
        ("/fleet?host=%2Frun%2Fpostgresql", {}, None),
        ("%2Frun%2Fpostgresql/fleet", {}, None),
        ("localhost/fleet?hostaddr=10.0.0.7", {}, "require"),
    ],
)
def test_whoever_is_on_a_network_is_spoken_to_over_tls(
    rest: str, variables: dict[str, str], mode: str | None
):
    assert new_parameters(shared(f"postgresql://{rest}"), variables).get("sslmode") == mode


def test_what_the_url_says_of_a_connection_goes_before_what_is_usual():
    found = new_parameters(shared("postgres://db/fleet?connect_timeout=3&keepalives_idle=7"), {})
    assert (found["connect_timeout"], found["keepalives_idle"], found["keepalives_count"]) == ("3", "7", "3")


@pytest.mark.parametrize(
    ("rest", "variables"),
    [("/?service=fleet", {}), ("", {"PGSERVICE": "fleet"}), ("localhost/fleet", {"PGSERVICE": "fleet"})],
)
def test_a_service_of_libpq_is_used_where_it_is_said_whether_it_is_tls(rest: str, variables: dict[str, str]):
    with pytest.raises(ConfigurationError, match="says nothing of TLS") as failure:
        new_parameters(shared(f"postgresql://{rest}"), variables)
    assert "?sslmode=verify-full" in failure.value.hint
    mode = "&sslmode=require" if "?" in rest else "?sslmode=require"
    assert new_parameters(shared(f"postgresql://{rest}{mode}"), variables)["sslmode"] == "require"
    assert "sslmode" not in new_parameters(
        shared(f"postgresql://{rest}"), variables | {"PGSSLMODE": "disable"}
    )


def test_databases_of_two_services_are_two():
    one, two = (
        find_identity(new_parameters(shared(f"postgresql:///?service={name}&sslmode=require"), {}), {})
        for name in ("one", "two")
    )
    assert one != two


def test_a_url_that_libpq_does_not_understand_is_a_mistake_in_the_settings():
    with pytest.raises(ConfigurationError) as failure:
        new_parameters(shared("postgresql://app:hush@db/fleet?nothing=hush"), {})
    assert "hush" not in f"{failure.value} {failure.value.hint}"


def test_which_account_is_current_is_no_reason_to_lose_a_sign_in(scene: Scene):
    scene.home.mkdir(mode=0o700)
    scene.sign_in()
    (path,) = scene.home.iterdir()
    path.unlink()
    path.mkdir()
    with hearing() as said:
        assert scene.run().find_current() is None
        account = scene.sign_in(2)
    assert [line.partition(":")[0] for line in said] == [
        *["Nobody is current"] * 2,
        "Which account is current could not be written down",
    ]
    assert scene.load(account).tokens.access_token == "access-2"


def test_nobody_is_current_without_a_data_folder(scene: Scene):
    homeless = Scene(scene.server, scene.name, scene.url, None)  # type: ignore[arg-type]
    account = homeless.sign_in()
    assert homeless.run().find_current() is None
    assert homeless.load(account).tokens.access_token == "access-1"
    assert homeless.run().sign_out(account).was_live
