"""A PostgreSQL database: its connections, one statement or one short transaction at a time, and its clock.

Here alone psycopg is called. Refuses to wait without a limit, and to leave a transaction open.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from procore_cli.errors import DatabaseError
from procore_cli.storage.postgres import schema
from procore_cli.storage.postgres.parameters import find_identity, load_psycopg, new_parameters
from procore_cli.storage.postgres.sealing import Keys, read_keys
from procore_cli.storage.postgres.troubles import LostError, new_database_error, new_unreachable_error
from procore_cli.threads import once

if TYPE_CHECKING:
    from procore_cli.config.shared_database import SharedDatabase

T = TypeVar("T")
Rows = list[tuple[Any, ...]]
Run = Callable[..., Rows]

# The database's clock, in whole seconds for a column.
NOW = "floor(extract(epoch FROM clock_timestamp()))::bigint"
_CLOCK = "extract(epoch FROM clock_timestamp())::float8"
# For so long it goes on by ours; then the next call asks again.
_CLOCK_GOOD_S = 60
# How long this process waits for an answer; the server gives up sooner.
ANSWER_S = 10.0
_LIMITS = {
    "lock_timeout": "5s",
    "statement_timeout": "8s",
    "idle_in_transaction_session_timeout": "15s",
}
# So that a server forgets clients that were cut off without a word.
_KEEPALIVES = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
# Of one process at a time; each is in use for a millisecond.
MOST_CONNECTIONS = 10
# Of new connections: whether a pooler is between, the tables' version, and the settings of the session.
_GREETING = f"""
    SELECT pg_backend_pid() = %s, {schema.COMMENT}, CASE WHEN pg_backend_pid() = %s THEN concat(
    {", ".join(f"set_config('{name}', '{value}', false)" for name, value in (_LIMITS | _KEEPALIVES).items())}
    ) END, {_CLOCK}"""
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; " + "; ".join(
    f"SET LOCAL {name} = '{value}'" for name, value in _LIMITS.items()
)


def boot_time() -> float:
    """Seconds on a clock of this machine that nobody sets, and that goes on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None) or getattr(time, "CLOCK_MONOTONIC", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class PostgresDatabase:
    """The database that the settings name. Every method raises StorageError, and ConfigurationError.

    Its connections are shared by the process, by all threads, and are anew in a child that was forked.
    """

    def __init__(self, shared: SharedDatabase) -> None:
        self.shared = shared
        self.shown = shared.shown

    @once
    def keys(self) -> Keys:
        """What seals the tokens. Raises ConfigurationError."""
        return read_keys(self.shared)

    @once
    def parameters(self) -> dict[str, str]:
        """What libpq is told. Raises ConfigurationError."""
        return new_parameters(self.shared, os.environ)

    @property
    def identity(self) -> str:
        """What tells it from other databases, whoever connects and how."""
        return find_identity(self.parameters, os.environ)

    def run(self, statement: str, *values: object) -> Rows:
        """The rows of one statement, which is a transaction of its own.

        It may be run again where a connection broke, so it has to bear that.
        """
        return self._repeat(lambda connection: _run_alone(connection, statement, values))

    def transact(self, work: Callable[[Run], T]) -> T:
        """What `work` returns; what it runs is written whole, or not at all.

        Called again where a connection broke: then its first run may have been written, or not.
        """
        return self._repeat(lambda connection: _run_whole(connection, work))

    def run_script(self, statements: str) -> None:
        """Run statements that may take their time, such as making an index."""
        with self._translated(), closing(self._connect(is_limited=False)) as connection:
            schema.check_version(connection.tables, self.shown)
            connection.execute(statements)

    def now(self) -> float:
        """The database's clock (seconds, UTC): as it was last told, and the time since then."""
        while (clock := self._pool.clock) is None:
            self.run("SELECT 1")
        return clock[0] + boot_time() - clock[1]

    def describe(self) -> tuple[str, bool]:
        """Where a new connection leads to, and whether it is encrypted."""
        with self._translated(), closing(self._connect()) as connection:
            info = connection.info
            return f"{info.host or 'localhost'}:{info.port}", bool(connection.pgconn.ssl_in_use)

    @property
    def _pool(self) -> _Pool:
        return _pools.get(self.shared.url) or _pools.setdefault(self.shared.url, _Pool())

    def _repeat(self, work: Callable[[Any], T]) -> T:
        with suppress(LostError):
            return self._try(work, is_first=True)
        return self._try(work, is_first=False)

    def _try(self, work: Callable[[Any], T], *, is_first: bool) -> T:
        pool = self._pool
        with self._translated(), pool.place(self.shown):
            # Where one is broken those that lay beside it are as well, after a restart for one.
            if not is_first:
                pool.forget_idle()
            connection = pool.find_idle()
            if connection is None:
                connection = self._connect()
                pool.add(connection)
            try:
                schema.check(connection.tables, self.shown)
                if pool.clock is None or boot_time() - pool.clock[1] > _CLOCK_GOOD_S:
                    ((clock,),) = connection.execute(f"SELECT {_CLOCK}").fetchall()
                    pool.clock = clock, boot_time()
                result = work(connection)
            except BaseException:
                pool.drop(connection)
                raise
            pool.keep(connection)
            return result

    def _connect(self, *, is_limited: bool = True) -> Any:
        psycopg = load_psycopg()
        try:
            connection = _new_connection_class().connect(
                **self.parameters, autocommit=True, prepare_threshold=None
            )
        except (psycopg.Error, OSError) as error:
            # The latter where no more files may be open.
            raise new_unreachable_error(error, self.shown, self.parameters) from None
        connection.limit_s = ANSWER_S if is_limited else None
        try:
            pid = connection.info.backend_pid if is_limited else 0
            ((is_direct, tables, _, clock),) = connection.execute(_GREETING, (pid, pid)).fetchall()
        except BaseException:
            connection.close()
            raise
        connection.is_direct, connection.tables, connection.clock = is_direct, tables, clock
        # A session of our own keeps plans; a pooler would look for them in another one.
        connection.prepare_threshold = 2 if is_direct else None
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        psycopg = load_psycopg()
        try:
            yield
        except psycopg.Error as error:
            raise new_database_error(error, self.shown) from None


class _Pool:
    """The connections of one process to one database."""

    def __init__(self) -> None:
        self.clock: tuple[float, float] | None = None
        self.opened: set[Any] = set()
        self._idle: list[Any] = []
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)

    @contextmanager
    def place(self, shown: str) -> Iterator[None]:
        """Wait for a place for one more connection."""
        if not self._places.acquire(timeout=ANSWER_S):
            raise DatabaseError(
                f"All {MOST_CONNECTIONS} connections of this process to {shown} are in use.",
                "Look at how busy the database is, then try again.",
            )
        try:
            yield
        finally:
            self._places.release()

    def add(self, connection: Any) -> None:
        """A new one, which has told what time it is."""
        self.opened.add(connection)
        self.clock = connection.clock, boot_time()

    def find_idle(self) -> Any | None:
        """The connection that was used last."""
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def forget_idle(self) -> None:
        """Close whatever is not in use."""
        while (connection := self.find_idle()) is not None:
            self.drop(connection)

    def keep(self, connection: Any) -> None:
        """It is free for the next call."""
        self._idle.append(connection)

    def drop(self, connection: Any) -> None:
        """Close it, in whatever state it is."""
        self.opened.discard(connection)
        connection.close()


# By URL.
_pools: dict[str, _Pool] = {}
_parents: list[_Pool] = []


def _begin_anew() -> None:
    """In a child: the parent's connections go on, and are its own."""
    for url, pool in list(_pools.items()):
        for connection in list(pool.opened):
            # Else the server would not see the parent's end while the child lives.
            with suppress(Exception):
                os.close(connection.pgconn.socket)
        # Kept, for libpq would end the sessions.
        _parents.append(pool)
        _pools[url] = _Pool()
        # What time it is the child need not ask.
        _pools[url].clock = pool.clock


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@atexit.register
def _close_all() -> None:
    for pool in list(_pools.values()):
        pool.forget_idle()


def _run_alone(connection: Any, statement: str, values: Sequence[object]) -> Rows:
    if connection.is_direct or statement.lstrip().startswith("SELECT"):
        return _execute(connection, statement, values)
    # Behind a pooler a session cannot be told its limits, a transaction can.
    return _run_whole(connection, lambda run: run(statement, *values))


def _run_whole(connection: Any, work: Callable[[Run], T]) -> T:
    connection.execute(_BEGIN)
    # Where it fails the connection is dropped, and the transaction with it.
    result = work(lambda statement, *values: _execute(connection, statement, values))
    connection.execute("COMMIT")
    return result


def _execute(connection: Any, statement: str, values: Sequence[object]) -> Rows:
    cursor = connection.execute(statement, values)
    return cursor.fetchall() if cursor.description else []


@cache
def _new_connection_class() -> Any:
    import psycopg

    class Limited(psycopg.Connection[Any]):
        """A connection that waits for each answer for so long, and no longer."""

        limit_s: float | None = None
        is_direct = False
        tables: str | None = None
        clock: float | None = None

        def wait(self, gen: Any, *values: Any, **named: Any) -> Any:
            if self.limit_s is None:
                return super().wait(gen, *values, **named)
            return super().wait(_within(gen, self.limit_s, psycopg.OperationalError), *values, **named)

        def __del__(self, *_: Any) -> None:
            """What is open at the end of a process, or was its parent's, needs no warning."""

    return Limited


def _within(steps: Any, limit_s: float, late: type[Exception]) -> Generator[Any, Any, Any]:
    """The steps of an exchange with the server, which are ended once they take too long."""
    end = time.monotonic() + limit_s
    try:
        ready = yield next(steps)
        while time.monotonic() < end:
            ready = yield steps.send(ready)
    except StopIteration as stop:
        return stop.value
    raise late(f"no answer within {limit_s:.0f} s")
