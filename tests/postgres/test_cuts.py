"""The cutting proxy: what it is told to lose is lost, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.postgres.conftest import Database
from tests.postgres.cuts import CuttingProxy, cutting

pytestmark = pytest.mark.postgres
INSERT = "INSERT INTO one VALUES (1)"


@pytest.fixture
def proxy(database: Database) -> Iterator[CuttingProxy]:
    database.server.run("CREATE TABLE one (number int)", database=database.name)
    database.server.run("GRANT ALL ON one TO PUBLIC", database=database.name)
    with cutting(database.server.port) as proxy:
        yield proxy


def connect(database: Database, proxy: CuttingProxy, **options: int) -> psycopg.Connection:
    return psycopg.connect(
        database.server.url(database.name, port=proxy.port), autocommit=True, connect_timeout=2, **options
    )


def count(database: Database) -> int:
    [(found,)] = database.server.run("SELECT count(*) FROM one", database=database.name)
    return found


@pytest.mark.parametrize(("lost", "arrived"), [("request", 0), ("answer", 1)])
def test_a_reset_loses_the_request_or_its_answer_alone(database, proxy, lost, arrived):
    proxy.cut_at("INSERT", lost)
    with connect(database, proxy) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError):
            connection.execute(INSERT)
    assert count(database) == arrived
    with connect(database, proxy) as connection:
        connection.execute(INSERT)
    assert (count(database), proxy.cuts_made) == (arrived + 1, 1)


def test_nobody_hears_of_a_silent_cut_but_by_a_limit_of_time(database, proxy):
    connection = connect(database, proxy, tcp_user_timeout=300)
    proxy.cut_all("silence")
    with pytest.raises(psycopg.OperationalError, match="timed out"):
        connection.execute(INSERT)
    connection.close()
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        connect(database, proxy)
    proxy.hear_again()
    connect(database, proxy).close()
    assert count(database) == 0
