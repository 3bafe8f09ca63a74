"""The process ends at every single step with one of two data folders, and both go on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from procore_cli.config import private_files
from procore_cli.errors import RefreshRefusedError
from procore_cli.models import TokenSet
from procore_cli.storage.database import Database
from procore_cli.storage.rows import Rows
from tests.store.databases import Home
from tests.store.store_world import Killed, KillSwitch, Procore, new_tokens

DAY_S = 24 * 60 * 60
MOST_STEPS = 60


class Fuse:
    """Ends the process before or after the nth thing that changes a disk, once it is lit."""

    def __init__(self) -> None:
        self.tick: Callable[[], None] = lambda: None

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> None:
            self.tick()
            real(*arguments, **named)
            self.tick()

        return run

    def around_transaction(
        self, real: Callable[[Database], AbstractContextManager[Rows]]
    ) -> Callable[[Database], AbstractContextManager[Rows]]:
        @contextmanager
        def run(database: Database) -> Iterator[Rows]:
            self.tick()
            with real(database) as rows:
                yield rows
            self.tick()

        return run


@pytest.fixture
def fuse(monkeypatch: pytest.MonkeyPatch) -> Fuse:
    fuse = Fuse()
    for name in ("save_bytes", "delete_file"):
        monkeypatch.setattr(private_files, name, fuse.around(getattr(private_files, name)))
    monkeypatch.setattr(Database, "writing", fuse.around_transaction(Database.writing))
    return fuse


def each_death(
    root: Path, fuse: Fuse, work: Callable[[Home, Home, Procore], object]
) -> Iterator[tuple[Home, Home, Procore]]:
    """The folder that signed in and the other one, after `work` ended at each of its steps."""
    for step in range(1, MOST_STEPS):
        place, procore = root / str(step), Procore()
        place.mkdir()
        one, other = Home(place / "one", place / "test.db"), Home(place / "other", place / "test.db")
        one.sign_in(1)
        fuse.tick = KillSwitch(step)
        try:
            work(one, other, procore)
        except Killed:
            fuse.tick = lambda: None
            yield one, other, procore
            assert_tidy(one, other)
        else:
            assert step > 4, "nothing was killed"
            return
    raise AssertionError("it never ends")


def assert_tidy(one: Home, other: Home) -> None:
    """A day later nothing is left in either folder but what is live, whichever is asked first."""
    for home in (other, one):
        home.vault.clean_free()
    for home in (one, other):
        home.now += DAY_S
        home.vault.clean_free()
    assert [state for state, _ in one.listed()] == ["live"]
    assert len(one.files() + other.files()) == 1


def find_tokens(home: Home) -> TokenSet | None:
    """The account's tokens with this data folder; None where it is signed out."""
    loaded = home.vault.load(home.account())
    return None if loaded is None else loaded.tokens


def test_a_sign_in_that_ends_early_leaves_the_former_tokens_or_the_new_ones(
    tmp_path: Path, fuse: Fuse
) -> None:
    found = set()
    for one, other, _ in each_death(tmp_path, fuse, lambda _, other, __: other.sign_in(2)):
        found.add((find_tokens(one), find_tokens(other)))
    # With one folder, or with the other: never with both, never with none.
    assert found == {(new_tokens(1), None), (None, new_tokens(2))}


def test_a_refresh_that_ends_early_keeps_the_account_or_says_how_to_mend_it(
    tmp_path: Path, fuse: Fuse
) -> None:
    outcomes = set()
    for one, other, procore in each_death(
        tmp_path, fuse, lambda one, _, procore: one.refresh(procore.exchange)
    ):
        # What the other folder's runs do meanwhile costs nothing.
        assert find_tokens(other) is None
        other.vault.clean_free()
        calls = procore.calls
        outcomes.add(try_refresh(one, procore))
        if procore.number == 0:
            # The one gap that nobody can close: sent, and not yet written.
            assert calls == 1
            one.sign_in(9)
    assert outcomes == {"refreshed", "refused"}


def try_refresh(home: Home, procore: Procore) -> str:
    try:
        refreshed = home.refresh(procore.exchange)
    except RefreshRefusedError as error:
        return "refused" if "was interrupted" in error.message else error.message
    assert refreshed.tokens.refresh_token == f"refresh-{procore.number}"
    return "refreshed"
