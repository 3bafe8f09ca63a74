"""The servers of the tests: what the other tests rely on holds."""

from __future__ import annotations

import psycopg
import pytest

from tests.postgres.conftest import Database
from tests.postgres.servers import PASSWORD, PostgresServer, running_server

pytestmark = pytest.mark.postgres


def test_a_database_is_its_roles_own_and_reached_directly_and_through_the_bouncer(either_way: Database):
    with psycopg.connect(either_way.url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute("CREATE TABLE one (number int)")
        connection.execute("INSERT INTO one VALUES (%s)", (7,))
    assert either_way.server.run("SELECT number FROM one", database=either_way.name) == [(7,)]


def test_a_password_and_tls_are_asked_for_where_a_test_wants_them():
    with running_server(password=True, tls=True) as server:
        url = server.url(role=f"app:{PASSWORD}")
        trusted = f"?sslmode=verify-full&sslrootcert={server.certificate}"
        with psycopg.connect(url + trusted) as connection:
            row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
            assert row == (True,)
        for refused in (url + "?sslmode=disable", server.url() + trusted):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(refused)


def test_what_was_committed_outlives_a_restart_and_a_crash():
    with running_server(fsync=True) as server:
        name = server.new_database()
        server.run("CREATE TABLE one (number int)", database=name)
        for mode in ("fast", "immediate"):
            server.run("INSERT INTO one VALUES (1)", database=name)
            server.restart(mode)
        assert server.run("SELECT count(*) FROM one", database=name) == [(2,)]


def test_a_frozen_server_answers_nobody_until_it_goes_on(postgres: PostgresServer):
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        postgres.freeze()
        try:
            with pytest.raises(psycopg.errors.ConnectionTimeout):
                psycopg.connect(postgres.url(), connect_timeout=2)
        finally:
            postgres.thaw()
        assert connection.execute("SELECT 1").fetchone() == (1,)
