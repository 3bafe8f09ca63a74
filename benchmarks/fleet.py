"""What many processes over one PostgreSQL cost; run by hand: python -m benchmarks.fleet

Starts a server of its own in a temporary folder, with fsync; refuses to touch any other.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.table import Table
from tests.postgres.busy_provider import BusyProvider, new_person
from tests.postgres.fleet import FIRST, LONG_S, Fleet
from tests.postgres.servers import PostgresServer, running_bouncer, running_server
from tests.postgres.workers import new_token_set, opening, working
from tests.provider import serving

ACCOUNTS = (1, 20, 1_000)
# Bytes of a token in an answer; Procore's are as long.
ACCESS_BYTES, REFRESH_BYTES = 285, 20
PEOPLE = (
    """INSERT INTO users (procore_id, email)
    SELECT 1000000 + n, 'person' || n || '@example.com' FROM generate_series(1, %s) n""",
    """INSERT INTO procore_login_accounts (environment, procore_id, client_id, generation, signed_generation,
    state, sealed, key_id, issued_at, expires_at)
    SELECT environment, 1000000 + n, client_id, 1, 1, 'live', sealed, key_id, issued_at, expires_at
    FROM procore_login_accounts, generate_series(1, %s) n WHERE procore_id = %s""",
    "ANALYZE",
)


# What a process does


def claim_and_save(accounts: Sequence[int], seconds: float) -> Counter[str]:
    """Renew these accounts in turn without Procore, for so long."""
    done: Counter[str] = Counter()
    with opening() as context:
        tokens = context.tokens
        found = [context.accounts.find_account(str(each)) for each in accounts]
        held = {account: tokens.load(account) for account in found}
        end = time.monotonic() + seconds
        for account in cycle(found):
            if time.monotonic() > end:
                return done
            claim = tokens.claim(account, held[account], "asked")
            if claim is None:
                # Another process was faster.
                held[account] = tokens.load(account)
                continue
            with claim:
                claim.begin()
                held[account] = claim.save(new_token_set(context, new_answer(), LONG_S))
            done["saved"] += 1
    return done


def load(accounts: Sequence[int], seconds: float) -> Counter[str]:
    """Read the tokens of these accounts in turn, for so long."""
    done: Counter[str] = Counter()
    with opening() as context:
        found = [context.accounts.find_account(str(each)) for each in accounts]
        end = time.monotonic() + seconds
        for account in cycle(found):
            if time.monotonic() > end:
                return done
            assert context.tokens.load(account) is not None  # noqa: S101 - else nothing is measured
            done["read"] += 1
    return done


def time_users(count: int) -> dict[str, list[float]]:
    """Milliseconds of a sign-up and of a load in a process that has a connection, each so often."""
    times: dict[str, list[float]] = {"a sign-up": [], "a sign-in again": [], "a load": []}
    with opening() as context:
        tokens = context.tokens
        context.tokens.now()

        def sign_in(number: int) -> Any:
            from procore_cli.models import Me

            fresh = new_token_set(context, new_answer(), LONG_S)
            return lambda: tokens.save_signin(fresh, Me(**new_person(number)), makes_current=False)

        numbers = range(50_000_000, 50_000_000 + count)
        saved = [_time(times["a sign-up"], sign_in(number)).account for number in numbers]
        for number in numbers:
            _time(times["a sign-in again"], sign_in(number))
        for account in saved:
            _time(times["a load"], lambda account=account: tokens.load(account))
    return times


def new_answer() -> dict[str, Any]:
    """A token answer as large as Procore's."""
    return {
        "access_token": secrets.token_hex(ACCESS_BYTES),
        "refresh_token": secrets.token_hex(REFRESH_BYTES),
        "expires_in": LONG_S,
    }


def _time(times: list[float], work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = work()
    times.append((time.perf_counter() - began) * 1000)
    return result


# What is measured


class Bench:
    """A server, and what is asked of it; `processes` at once for `seconds` each time."""

    def __init__(self, server: PostgresServer, home: Path, processes: int, seconds: float) -> None:
        self.server = server
        self.home = home
        self.processes = processes
        self.seconds = seconds

    @contextmanager
    def new_fleet(self, accounts: int, port: int | None = None) -> Iterator[tuple[Fleet, list[int]]]:
        """A database of its own with so many accounts; `port` of whatever is before the server."""
        name = self.server.new_database()
        with serving(BusyProvider()) as provider:
            fleet = Fleet(self.server.url(name, port=port), provider, self.home)
            _check(fleet.do("prepare_database"))
            yield fleet, fleet.sign_in(accounts)
        self.server.drop_database(name)

    def run(self, fleet: Fleet, work: str, accounts: Sequence[int]) -> Counter[str]:
        """What came of it, in all processes together; where there are more accounts, each has its own."""
        shares = [accounts[turn % len(accounts) :: self.processes] for turn in range(self.processes)]
        jobs = [fleet.new_job(work, share, self.seconds) for share in shares]
        with working(*jobs) as workers:
            ended = [_check(worker.find_outcome(self.seconds + 120)) for worker in workers]
        return sum(ended, Counter())

    def measure_refreshes(self) -> Table:
        """`procore-login refresh` over and over, at a provider that takes 100 ms."""
        rows = []
        for count in ACCOUNTS:
            with self.new_fleet(count) as (fleet, accounts):
                ends = self.run(fleet, "refresh_in_turn", accounts)
                provider = fleet.provider
                others = sum(ends.values()) - ends["0"]
                rate = provider.rotated / self.seconds
                rows.append(
                    (
                        *(f"{count:,}", f"{sum(ends.values()):,}", f"{provider.rotated:,}", f"{rate:.0f}"),
                        *(str(number) for number in (provider.most_at_once, provider.spent_again, others)),
                    )
                )
        head = ("accounts", "runs", "requests", "a second", "most at once of one", "sent again", "failed")
        return Table(f"`refresh` in {self.processes} processes, a strict provider at 100 ms", head, rows)

    def measure_store(self) -> Table:
        """Claims and saves, and reads, a second, without Procore."""
        rows = []
        with running_bouncer(self.server, connections=20) as bouncer:
            for way, port in (("direct", None), ("pgbouncer, 20 connections", bouncer.port)):
                for count in ACCOUNTS:
                    with self.new_fleet(count, port) as (fleet, accounts):
                        saved = self.run(fleet, "benchmarks.fleet:claim_and_save", accounts)["saved"]
                        read = self.run(fleet, "benchmarks.fleet:load", accounts)["read"]
                    rates = [f"{done / self.seconds:,.0f}" for done in (saved, read)]
                    rows.append((way, f"{count:,}", *rates))
        head = ("way", "accounts", "claim and save, a second", "read, a second")
        return Table(f"{self.processes} processes without Procore (goals: 1,500 and 10,000)", head, rows)

    def measure_users(self, users: int, rounds: int) -> Table:
        """A web app's users: how long one takes among so many."""
        with self.new_fleet(1) as (fleet, _):
            database = fleet.url.rpartition("/")[2]
            for statement, values in zip(PEOPLE, ((users,), (users, FIRST), ()), strict=True):
                self.server.run(statement, values, database=database)
            times = _check(fleet.do("benchmarks.fleet:time_users", rounds))
        rows = [
            (name, f"{min(each):.2f}", f"{median(each):.2f}", f"{quantiles(each, n=100)[-1]:.2f}")
            for name, each in times.items()
        ]
        head = ("milliseconds", "least", "median", "99 of 100")
        return Table(f"{users:,} users, {rounds} times (goals: 5 and 1)", head, rows)


def _check(outcome: Any) -> Any:
    if outcome.code:
        raise SystemExit(outcome.said)
    return outcome.value


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=60, help="how many at once (60)")
    parser.add_argument("--seconds", type=float, default=10, help="how long each is measured (10)")
    parser.add_argument("--users", type=int, default=100_000, help="how many a web app has (100000)")
    parser.add_argument("--rounds", type=int, default=500, help="how often a user is timed (500)")
    parser.add_argument("--no-fsync", action="store_true", help="what a commit costs without a disk")
    asked = parser.parse_args()
    with running_server(fsync=not asked.no_fsync) as server, tempfile.TemporaryDirectory() as home:
        bench = Bench(server, Path(home), asked.processes, asked.seconds)
        for table in (
            bench.measure_refreshes(),
            bench.measure_store(),
            bench.measure_users(asked.users, asked.rounds),
        ):
            sys.stdout.write(f"{table.draw()}\n\n")
            sys.stdout.flush()


if __name__ == "__main__":
    # The processes are forked from where the modules are found.
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    main()
