"""A run that ends at any statement, before or after it: the next one has an account, or says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from procore_cli.errors import GrantRefusedError, SignInNeededError
from procore_cli.grants import TokenSet
from procore_cli.models import Account
from procore_cli.storage.postgres import claims, connection
from procore_cli.storage.refresh import Refresh
from tests.postgres.conftest import Database
from tests.postgres.scene import Scene
from tests.postgres.test_claims import find_ended_process
from tests.store.store_world import JOE, Killed, sending

pytestmark = pytest.mark.postgres


class Procore:
    """Each refresh token is good once; `spent` is how often one was sent again."""

    def __init__(self, scene: Scene) -> None:
        self.number = 1
        self.spent = 0
        self._scene = scene

    def exchange(self, tokens: TokenSet) -> TokenSet:
        if tokens.refresh_token != f"refresh-{self.number}":
            self.spent += 1
            raise GrantRefusedError("The grant is invalid.")
        self.number += 1
        return self._scene.new_tokens(self.number)

    def refresh(self, account: Account) -> str:
        run = self._scene.run()
        seen = run.load(account)
        if seen is None:
            raise run.new_not_signed_in_error(account)
        refresh = Refresh(run, run, account, sending(self.exchange), lambda _: None, lambda work: work())
        return refresh.run(seen, "asked").tokens.access_token


@pytest.fixture
def scene(either_way: Database, own_world: Path) -> Scene:
    return Scene(*either_way, own_world / "procore-login").prepare()


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> str:
    """Every claim is by a process that is gone by the next look at it."""
    process = find_ended_process()
    monkeypatch.setattr(claims, "find_this_process", lambda: process)
    return process


def end_at(
    step: int, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object], end: Callable[[Any], None]
) -> bool:
    """Do the work and call `end` at its nth step: each statement has one before and one after it."""
    left = [step]
    kind = connection._new_connection_class()
    execute = kind.execute

    def tick(used: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            end(used)

    def execute_ticking(self: Any, *values: Any) -> Any:
        tick(self)
        done = execute(self, *values)
        tick(self)
        return done

    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(kind, "execute", execute_ticking)
        work()
    return left[0] <= 0


def every_step(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], object], end: Callable[[Any], None]
) -> Iterator[int]:
    """Each step at which the work can end; the caller looks at what it left, and mends that."""
    step = 1
    while end_at(step, monkeypatch, work, end):
        yield step
        step += 1
    # Else nothing was ended.
    assert step > 2


def kill(used: Any) -> None:
    """The process ends, and its connections with it."""
    used.close()
    raise Killed


def cut(used: Any) -> None:
    """The connection breaks; whether what was sent has been done, nobody hears."""
    import psycopg

    used.close()
    raise psycopg.OperationalError("the connection is lost")


def find_error(work: Callable[[], object]) -> SignInNeededError | None:
    try:
        work()
    except SignInNeededError as error:
        return error
    return None


def test_a_refresh_that_ends_early_keeps_the_account_or_says_how_to_mend_it(
    scene: Scene, ended: str, monkeypatch: pytest.MonkeyPatch
):
    procore = Procore(scene)
    joe = scene.sign_in(procore.number)
    kills = 0
    for _ in every_step(monkeypatch, lambda: procore.refresh(joe), kill):
        kills += 1
        mended = find_error(lambda: procore.refresh(joe))
        if mended is not None:
            assert "was interrupted; signing in again mends that" in mended.message
            assert mended.hint.endswith(joe.sign_in_command("production"))
            scene.sign_in(procore.number)
        assert scene.load(joe).tokens.access_token == f"access-{procore.number}"
        assert scene.read("claim_id, interrupted_at, state") == (None, None, "live")
    assert procore.spent <= kills


def test_a_sign_in_that_ends_early_leaves_the_former_tokens_or_the_new_ones(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    numbers = iter(range(2, 1000))

    def sign_in() -> None:
        number = next(numbers)
        scene.run().save_signin(scene.new_tokens(number), JOE)

    for _ in every_step(monkeypatch, sign_in, kill):
        known = scene.run().list_known()
        assert scene.sql("SELECT count(*) FROM users") == [(len(known),)]
        if known:
            assert scene.load(known[0].account).generation == known[0].generation
    assert len(scene.run().list_known()) == 1


def test_a_sign_out_that_ends_early_leaves_somebody_signed_in_or_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    joe = scene.sign_in()
    for _ in every_step(monkeypatch, lambda: scene.run().sign_out(joe), kill):
        if scene.run().load(joe) is None:
            scene.sign_in()
        assert scene.load(joe).tokens.access_token == "access-1"


@pytest.mark.parametrize("what", ["refresh", "sign-in", "sign-out"])
def test_a_connection_that_breaks_at_any_statement_is_not_noticed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, what: str
):
    # Nobody has to wait for a claim of its own.
    monkeypatch.setattr(claims, "WAIT_S", 0.2)
    procore = Procore(scene)
    joe = scene.sign_in(procore.number)

    def sign_in() -> None:
        saved = scene.run().save_signin(scene.new_tokens(7), JOE)
        assert saved.former is not None
        assert (saved.former.access_token, saved.is_new) == ("access-1", False)

    def sign_out() -> None:
        left = scene.run().sign_out(joe)
        assert left.tokens is not None
        assert (left.tokens.access_token, left.was_live) == ("access-1", True)

    work = {"refresh": lambda: procore.refresh(joe), "sign-in": sign_in, "sign-out": sign_out}[what]
    for _ in every_step(monkeypatch, work, cut):
        if what != "refresh":
            scene.sign_in(1)
        assert scene.load(joe).tokens.access_token == f"access-{procore.number}"
    assert procore.spent == 0
