"""The right to spend a refresh token: who gets it, until when, and what becomes of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from procore_cli.errors import AnswerLostError, BusyError, NotSignedInError, StorageError
from procore_cli.storage.postgres import claims, processes
from tests.postgres.conftest import Database
from tests.postgres.scene import Scene
from tests.store.store_world import JOE

pytestmark = pytest.mark.postgres
NOBODY = "another-machine 1 1"


@pytest.fixture
def scene(either_way: Database, own_world: Path) -> Scene:
    return Scene(*either_way, own_world / "procore-login").prepare()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits gives up soon."""
    monkeypatch.setattr(claims, "WAIT_S", 0.2)
    monkeypatch.setattr(claims, "SAVE_WITHIN_S", 0.2)


def leave_claim(scene: Scene, *, lease_s: int, by: str = NOBODY) -> None:
    """What a run of another machine left in the row."""
    now = "floor(extract(epoch FROM clock_timestamp()))::bigint"
    scene.set(
        f"claim_id = gen_random_uuid(), claimed_at = {now} - 30, leased_until = {now} + %s, claimed_by = %s",
        *(lease_s, by),
    )


def test_a_claim_says_who_has_it_and_until_when(scene: Scene):
    joe = scene.sign_in()
    with scene.claim(joe) as _:
        claimed_at, leased_until, by = scene.read("claimed_at, leased_until, claimed_by")
        assert leased_until - claimed_at == claims.LEASE_S
        assert by == processes.find_this_process()
        assert not processes.is_gone(by)
    assert scene.read("claim_id, claimed_at, leased_until, claimed_by") == (None,) * 4


def test_a_claim_that_is_open_is_waited_for_unless_nothing_presses(scene: Scene):
    joe = scene.sign_in()
    leave_claim(scene, lease_s=60)
    assert scene.claim(joe, "early") is None
    for reason in ("due", "refused", "asked"):
        with pytest.raises(BusyError, match=r"Another process has been renewing the tokens of joecontractor"):
            scene.claim(joe, reason)


# Left of the token's life, why it is wanted, whether a claim that was abandoned is taken over.
@pytest.mark.parametrize(
    ("left_s", "reason", "is_taken"),
    [
        (30, "due", True),
        (30, "early", True),
        (600, "due", False),
        (600, "early", False),
        (600, "refused", True),
        (600, "asked", True),
    ],
)
@pytest.mark.parametrize("ended", ["lease", "process"])
def test_a_claim_that_was_abandoned_is_taken_over_where_nothing_is_lost(
    scene: Scene, left_s: int, reason: str, is_taken: bool, ended: str
):
    joe = scene.sign_in(left_s=left_s)
    if ended == "lease":
        leave_claim(scene, lease_s=-1)
    else:
        leave_claim(scene, lease_s=60, by=find_ended_process())
    (left_at,) = scene.read("claimed_at")
    assert scene.load(joe).may_be_revoked
    claim = scene.claim(joe, reason)
    assert (claim is not None) == is_taken
    assert scene.read("interrupted_at") == ((left_at,) if is_taken else (None,))


def find_ended_process() -> str:
    program = "from procore_cli.storage.postgres.processes import find_this_process as f; print(f())"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    "recorded", ["", NOBODY, "{machine} x 1", "{machine} 1", "{machine} 99999999999999999999 1", "{machine}"]
)
def test_nobody_is_gone_who_may_be_there(recorded: str):
    machine = (processes.find_this_process() or "").partition(" ")[0]
    assert not processes.is_gone(recorded.replace("{machine}", machine))


def test_numbers_of_another_process_namespace_are_not_recorded(monkeypatch: pytest.MonkeyPatch):
    # As after `unshare --pid`, which leaves the /proc of before.
    monkeypatch.setattr(os, "getpid", lambda: 1_000_000_000)
    assert processes.find_this_process() is None
    assert processes._find_machine() == ""


def test_a_process_that_nobody_has_waited_for_and_one_with_its_number_are_gone():
    machine, number, start = (processes.find_this_process() or "").split()
    assert processes.is_gone(f"{machine} {number} {int(start) - 1}")
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    status = processes._read_status(child)
    assert status is not None
    assert processes.is_gone(f"{machine} {child} {status[1]}")
    os.waitpid(child, 0)


def test_of_a_service_account_nothing_is_lost_by_an_abandoned_claim(scene: Scene):
    service = scene.sign_in(1, JOE, 77)
    leave_claim(scene, lease_s=-1)
    assert not scene.load(service).may_be_revoked
    with scene.claim(service, "due") as _:
        assert scene.read("interrupted_at") == (None,)


def test_a_token_without_an_end_is_replaced_once_it_is_refused(scene: Scene):
    joe = scene.sign_in()
    claim = scene.claim(joe, "asked")
    with claim:
        claim.begin()
        claim.save(replace(scene.new_tokens(2), expires_at=None, lifetime_s=None))
    held = scene.load(joe)
    assert (held.renew_at, held.is_due(held.issued_at + 10**6, 60)) == (None, False)
    leave_claim(scene, lease_s=-1)
    assert scene.claim(joe, "due") is None
    assert scene.claim(joe, "refused") is not None


def test_renewal_is_due_ten_minutes_before_the_end_or_at_half_of_the_life(scene: Scene):
    held = scene.load(scene.sign_in())
    assert held.tokens.expires_at is not None
    assert held.renew_at == held.tokens.expires_at - 600
    short = replace(scene.new_tokens(2, 300), lifetime_s=300)
    brief = scene.load(scene.run().save_signin(short, JOE).account)
    assert brief.renew_at == short.expires_at - 150  # type: ignore[operator]
    lasting = replace(scene.new_tokens(3), refresh_token=None)
    assert scene.load(scene.run().save_signin(lasting, JOE).account).renew_at is None


def test_nothing_is_sent_ten_seconds_after_a_claim_began(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    joe = scene.sign_in()
    claim = scene.claim(joe)
    moment = claims.boot_time() + claims.SEND_WITHIN_S + 0.1
    monkeypatch.setattr(claims, "boot_time", lambda: moment)
    with pytest.raises(BusyError, match="nothing was sent"), claim:
        claim.begin()
    assert scene.read("claim_id, failures") == (None, 0)


@pytest.mark.parametrize("is_begun", [False, True])
def test_a_claim_that_nobody_ended_is_doubtful_once_it_was_begun(scene: Scene, is_begun: bool):
    joe = scene.sign_in()
    claim = scene.claim(joe)
    with claim:
        if is_begun:
            claim.begin()
    assert scene.load(joe).may_be_revoked is is_begun


def test_a_save_counts_whoever_has_the_claim_by_then(scene: Scene):
    joe = scene.sign_in(left_s=30)
    first = scene.claim(joe)
    scene.set("leased_until = 0")
    second = scene.claim(joe)
    held = first.save(scene.new_tokens(2))
    assert scene.load(joe).tokens.access_token == "access-2"
    assert second.release("refused", AnswerLostError("No.")) == held
    assert scene.load(joe).tokens.access_token == "access-2"


def test_a_late_save_revives_an_account_whose_token_was_refused_meanwhile(scene: Scene):
    joe = scene.sign_in(left_s=30)
    first = scene.claim(joe)
    scene.set("leased_until = 0")
    assert scene.claim(joe).release("refused", AnswerLostError("No.")) is None
    assert scene.run().load(joe) is None
    assert scene.read("state, sealed") == ("refused", None)
    first.save(scene.new_tokens(2))
    assert scene.load(joe).tokens.access_token == "access-2"
    assert scene.read("state, failure") == ("live", None)


def test_a_save_that_has_landed_is_no_error(scene: Scene):
    joe = scene.sign_in()
    claim = scene.claim(joe)
    claim.save(scene.new_tokens(2))
    assert claim.save(scene.new_tokens(2)).tokens.access_token == "access-2"
    assert scene.load(joe).generation == 2


def test_a_save_after_another_sign_in_leaves_that_in_force(scene: Scene):
    joe = scene.sign_in()
    claim = scene.claim(joe)
    scene.sign_in(3)
    with pytest.raises(NotSignedInError, match="has signed in to production again"):
        claim.save(scene.new_tokens(2))
    assert scene.load(joe).tokens.access_token == "access-3"


def test_a_save_whose_row_is_gone_or_older_is_told(scene: Scene):
    joe = scene.sign_in()
    claim = scene.claim(joe)
    scene.set("generation = 0, signed_generation = 0")
    with pytest.raises(StorageError, match="the new ones are lost") as failure:
        claim.save(scene.new_tokens(2))
    assert failure.value.hint.endswith(joe.sign_in_command("production"))
    scene.sql("DELETE FROM procore_login_accounts")
    with pytest.raises(NotSignedInError):
        claim.save(scene.new_tokens(2))
    # Of an emptied table the numbers begin anew, the rows' do not.
    scene.sign_in(3)
    with pytest.raises(NotSignedInError, match="has signed in to production again"):
        claim.save(scene.new_tokens(2))
    assert scene.load(joe).tokens.access_token == "access-3"


# Nothing has changed in the last case: then it is the waiter's turn.
@pytest.mark.parametrize(
    ("outcome", "is_claimed"), [("saved", False), ("failed", False), ("signed out", False), ("left", True)]
)
def test_who_waits_takes_what_comes_or_the_claim(scene: Scene, outcome: str, is_claimed: bool):
    joe = scene.sign_in()
    seen, claim = scene.load(joe), scene.claim(joe)
    found: list[Any] = []
    waiter = threading.Thread(target=lambda: found.append(scene.run().claim(joe, seen, "due")))
    waiter.start()
    if outcome == "saved":
        claim.save(scene.new_tokens(2))
    elif outcome == "signed out":
        scene.run().sign_out(joe)
    else:
        claim.release("not sent", AnswerLostError("No.") if outcome == "failed" else None)
    waiter.join()
    assert (found[0] is not None) == is_claimed


def test_a_reader_that_waits_sees_the_end_of_a_refresh_but_no_longer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    joe = scene.sign_in()
    claim = scene.claim(joe)
    found: list[Any] = []
    # As long as it takes: the claim is saved meanwhile.
    monkeypatch.setattr(claims, "WAIT_S", 60)
    reader = threading.Thread(target=lambda: found.append(scene.run().load(joe, waits=True)))
    reader.start()
    assert scene.load(joe).tokens.access_token == "access-1"
    claim.save(scene.new_tokens(2))
    reader.join()
    assert found[0].tokens.access_token == "access-2"
    leave_claim(scene, lease_s=-1)
    held = scene.run().load(joe, waits=True)
    assert held is not None
    assert held.may_be_revoked


def test_a_failure_that_comes_while_a_reader_waits_is_for_it_too(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    joe = scene.sign_in()
    claim = scene.claim(joe)
    monkeypatch.setattr(claims, "WAIT_S", 60)
    found: list[Any] = []
    store = scene.run()
    is_looking = threading.Event()
    find_row = store._find_row

    def find(account: Any) -> Any:
        row = find_row(account)
        is_looking.set()
        return row

    monkeypatch.setattr(store, "_find_row", find)
    reader = threading.Thread(target=lambda: found.append(store.load(joe, waits=True)))
    reader.start()
    is_looking.wait()
    claim.release("not sent", AnswerLostError("No."))
    reader.join()
    assert found[0].failures == 0
    assert scene.load(joe).failures == 1


def test_what_cannot_be_written_down_is_no_error_of_a_release(scene: Scene):
    joe = scene.sign_in()
    claim = scene.claim(joe)
    scene.sql("ALTER TABLE procore_login_accounts RENAME TO away")
    assert claim.release("unknown", AnswerLostError("No.")) is None
