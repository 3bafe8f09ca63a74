"""A server for all the tests, and a database for each, reached directly or through pgbouncer."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.postgres.busy_provider import BusyProvider
from tests.postgres.fleet import Fleet
from tests.postgres.servers import Bouncer, PostgresServer, running_bouncer, running_server
from tests.provider import serving


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """All other tests run without the extra `postgres`; who asks for these hears that it is missing."""
    asked = config.getoption("markexpr")
    is_for_us = "postgres" in asked and not asked.startswith("not (")
    return True if not is_for_us and find_spec("psycopg") is None else None


class Database(NamedTuple):
    """A database of a test's own: empty, its role may do anything in it."""

    server: PostgresServer
    name: str
    url: str


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Without fsync: what a crash of the machine would lose is no matter here."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def bouncer(postgres: PostgresServer) -> Iterator[Bouncer]:
    with running_bouncer(postgres) as bouncer:
        yield bouncer


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    name = postgres.new_database()
    yield Database(postgres, name, postgres.url(name))
    postgres.drop_database(name)


@pytest.fixture(params=["direct", "bouncer"])
def either_way(request: pytest.FixtureRequest, database: Database) -> Database:
    """The same database, once directly and once through pgbouncer in transaction mode."""
    if request.param == "direct":
        return database
    bouncer: Bouncer = request.getfixturevalue("bouncer")
    return database._replace(url=database.server.url(database.name, port=bouncer.port))


@pytest.fixture
def fleet(database: Database, tmp_path: Path) -> Iterator[Fleet]:
    """The database is made ready, and a refresh takes the provider a tenth of a second."""
    with serving(BusyProvider()) as provider:
        fleet = Fleet(database.url, provider, tmp_path)
        ready = fleet.do("prepare_database")
        assert ready.code == 0, ready.said
        yield fleet
