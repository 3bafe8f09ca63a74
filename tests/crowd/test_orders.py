"""Commands that change one account, all at once: the end is what one of their orders would have left."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from procore_cli.storage import tokens_text
from procore_cli.storage.entries import Entry
from procore_cli.storage.files import TOKENS_USERNAME, load_text, new_file_name, new_part_service
from procore_cli.storage.opening import Storage
from tests.cli import Machine, browser, free_port
from tests.crowd.crowd import Crowd, Ended, Job, SlowProvider, assert_sent_once, sign_up
from tests.hearing import hearing

pytestmark = pytest.mark.crowd

ROUNDS = 4
SPREAD_S = 1.2
# More than any of these tokens needs.
MOST_PARTS = 9
JOE = "11111"
SECOND = {"id": 22222, "login": "second@example.com", "name": None}
# What a command may end with, as far as the others' doings go.
CODES = {"signin": {0}, "signout": {0, 4}, "switch": {0, 4}}


@pytest.fixture
def joe(machine: Machine, provider: SlowProvider) -> str:
    """Two are signed in; all that follows is about one of them."""
    joe = provider.person
    provider.person = SECOND
    sign_up(machine, provider)
    provider.person = joe
    return JOE


def new_jobs(machine: Machine, joe: str, chance: random.Random) -> list[Job]:
    to_joe = ("--account", joe)
    words = [
        *[("refresh", *to_joe)] * 2,
        *[("token", *to_joe)] * 3,
        *[("whoami", *to_joe)] * 2,
        ("signout", *to_joe),
        ("switch", joe),
        ("switch", "second@example.com"),
    ]
    jobs = [Job(machine, word, chance.uniform(0, SPREAD_S)) for word in words]
    for _ in range(2):
        # Each has a listener of its own; the browser takes a moment, so these begin early.
        desk = replace(machine, port=free_port())
        word = ("signin", *to_joe, "--browser", browser("--just-open"))
        jobs.append(Job(desk, word, chance.uniform(0, SPREAD_S / 3)))
    return jobs


def list_entries(machine: Machine) -> list[Entry]:
    columns = "name, store, environment, procore_id, kind, state, created_at, expires_at, parts"
    with closing(sqlite3.connect(machine.data / "production.db")) as connection:
        found = connection.execute(f"SELECT {columns} FROM procore_login_entries").fetchall()
    return [Entry(*values) for values in found]


def list_secrets(machine: Machine) -> set[Path]:
    """Whatever lies in the stores, drafts too."""
    folder = machine.data / "secrets"
    return {*(folder.iterdir() if folder.exists() else ()), *machine.keyring.iterdir()}


def list_paths(machine: Machine, entry: Entry) -> list[Path]:
    services = [new_part_service("production", entry.name, part) for part in range(1, MOST_PARTS + 1)]
    if entry.store == "file":
        return [machine.data / "secrets" / new_file_name(service, TOKENS_USERNAME) for service in services]
    names = [sha256(f"{service}\n{TOKENS_USERNAME}".encode()).hexdigest() for service in services]
    return [machine.keyring / f"{name}.entry" for name in names]


def read_tokens(storage: Storage, entry: Entry) -> tuple[str, str | None]:
    found = tokens_text.read_tokens_text(
        load_text(storage.stores(entry.store), "production", entry.name) or ""
    )
    assert found is not None
    return found.access_token, found.refresh_token


def assert_codes(jobs: list[Job], ended: list[Ended]) -> None:
    for job, end in zip(jobs, ended, strict=True):
        assert end.code in CODES.get(job.arguments[0], {0, 4}), (job.arguments, end.err)


def assert_all_is_listed(machine: Machine) -> None:
    """Nothing is under way any more; what the commands could not delete yet is dead, and on the list."""
    entries = list_entries(machine)
    assert {entry.state for entry in entries} <= {"live", "dead"}
    lying = list_secrets(machine)
    assert lying <= {path for entry in entries for path in list_paths(machine, entry)}
    for entry in entries:
        if entry.state == "live":
            assert len(lying & set(list_paths(machine, entry))) == entry.parts


def assert_is_one_of_the_orders(
    machine: Machine, provider: SlowProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in machine.environ().items():
        monkeypatch.setenv(name, value)
    listed = list_entries(machine)
    with hearing() as said:
        store = "file" if machine.variables["PROCORE_LOGIN_STORE"] == "file" else "keyring"
        storage = Storage(machine.data, "production", store)
        accounts = storage.accounts.list_accounts()
        tokens = {entry.procore_id: read_tokens(storage, entry) for entry in listed}
    assert said == []
    assert [(line.account.user.procore_id, line.account.user.email) for line in accounts] == [
        (11111, "joecontractor@procore.com"),
        (22222, "second@example.com"),
    ]
    # Nothing is pending or dead, nobody has two, and nothing lies in the store that is not listed.
    assert [entry.state for entry in listed] == ["live"] * len(tokens)
    assert len(list_secrets(machine)) == sum(entry.parts or 0 for entry in listed)
    # Every refresh token that lives is somebody's here, and the other way round.
    assert provider.alive() == {refresh for _, refresh in tokens.values()}
    assert all(provider.is_alive(*pair) for pair in tokens.values())
    # A sign-in makes its account current, a sign-out of the current account leaves nobody.
    current = [line.account.user.procore_id for line in accounts if line.is_current]
    assert set(current) <= tokens.keys()
    assert len(current) <= 1
    assert current or 11111 not in tokens
    assert 22222 in tokens


def test_commands_that_change_one_account_at_once_end_in_one_of_their_orders(
    machine: Machine, joe: str, provider: SlowProvider, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)
    for _ in range(ROUNDS):
        provider.delay_s = chance.choice([0.0, 0.1, 0.3])
        jobs = new_jobs(machine, joe, chance)
        ended = crowd.run(jobs)
        assert_codes(jobs, ended)
        assert_sent_once(provider)
        assert_all_is_listed(machine)
        # Any save cleans up at the other accounts as well.
        saved = machine.run_here("refresh", "--account", "second@example.com")
        assert saved.code == 0, saved.err
        assert_is_one_of_the_orders(machine, provider, monkeypatch)
