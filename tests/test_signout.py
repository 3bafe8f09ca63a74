"""`procore-login signout`: what is revoked at Procore, what is deleted here, and what is said of it."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from procore_cli.storage.database import Database
from tests.cli import Machine, browser
from tests.people import SECOND, THIRD, People
from tests.provider import JOE, Answer, Request, serving


@pytest.fixture
def provider(people: People) -> People:
    """Everybody here signs in where several people have accounts."""
    return people


@pytest.fixture
def machine(machine: Machine, people: People) -> Machine:
    """Joe has signed up here."""
    people.sign_in(machine, JOE)
    return machine


def revoked(people: People) -> list[str]:
    return [request.form["token"] for request in people.requests if request.path == "/oauth/revoke"]


def entries_left(machine: Machine) -> list[str]:
    return sorted(path.name for path in machine.keyring.iterdir())


def states(machine: Machine) -> list[tuple[object, ...]]:
    with Database(machine.data, "production").reading() as rows:
        return rows.run("SELECT procore_id, state FROM procore_login_entries")


def test_both_tokens_are_revoked_and_everything_is_deleted(machine: Machine, people: People) -> None:
    access, refresh = people.issued[-2:]

    result = machine.run_here("signout")

    assert (result.code, result.out) == (0, "")
    assert "joecontractor@procore.com is signed out of production" in result.err
    assert "revoked at Procore and deleted here" in result.err
    assert sorted(revoked(people)) == sorted([access, refresh])
    assert people.count_alive() == 0
    assert entries_left(machine) == []
    assert states(machine) == []


def test_the_row_stays_and_the_next_sign_in_finds_it(machine: Machine, people: People) -> None:
    machine.run_here("signout")

    result = machine.run_here("signin", "--json", "--browser", browser("--just-open"))

    assert result.json["id"] == 1
    assert result.json["signed_up"] is False


def test_afterwards_nobody_is_current(machine: Machine, people: People) -> None:
    machine.run_here("signout")
    before = len(people.requests)

    for command in (["whoami"], ["whoami", "--offline"], ["token"], ["refresh"], ["signout"]):
        result = machine.run_here(*command)

        assert (result.code, result.out) == (4, "")
        assert "procore-login signin --env production" in result.err
        assert "procore-login switch" in result.err
    assert len(people.requests) == before


def test_those_who_are_left_are_named(machine: Machine, people: People) -> None:
    people.sign_in(machine, SECOND)

    result = machine.run_here("signout")
    after = machine.run_here("whoami")

    assert "Still signed in: joecontractor@procore.com." in result.err
    assert after.code == 4
    assert "No account of production is the current one. Signed in: joecontractor@procore.com." in after.err
    assert "procore-login switch WHO" in after.err


def test_another_account_is_signed_out_by_its_name(machine: Machine, people: People) -> None:
    people.sign_in(machine, SECOND)

    result = machine.run_here("signout", "--account", "11111")

    assert result.code == 0, result.err
    assert people.count_alive(JOE) == 0
    assert people.count_alive(SECOND) == 2
    assert machine.run_here("whoami", "--json").json["email"] == "second@example.com"


def test_a_signed_out_account_ends_with_4(machine: Machine, people: People) -> None:
    people.sign_in(machine, SECOND)
    machine.run_here("signout", "--account", "11111")

    for command in (["signout"], ["token"], ["whoami"], ["whoami", "--offline"], ["refresh"]):
        result = machine.run_here(*command, "--account", "joecontractor@procore.com")
        assert (result.code, result.out) == (4, "")
        assert "joecontractor@procore.com is not signed in to production" in result.err


def test_everybody_is_signed_out_by_all(machine: Machine, people: People) -> None:
    people.sign_in(machine, SECOND)
    people.sign_in(machine, THIRD)

    result = machine.run_here("signout", "--all")

    assert (result.code, result.out) == (0, "")
    assert result.err.count("revoked at Procore and deleted here") == 3
    assert [people.count_alive(person) for person in (JOE, SECOND, THIRD)] == [0, 0, 0]
    assert entries_left(machine) == []
    assert machine.run_here("signout", "--all").code == 0


def test_all_ignores_the_account_that_a_variable_names_and_refuses_one_that_an_option_names(
    machine: Machine, people: People
) -> None:
    people.sign_in(machine, SECOND)
    machine.variables["PROCORE_LOGIN_ACCOUNT"] = "nobody@example.com"

    assert machine.run_here("signout", "--all", "--account", "11111").code == 2
    assert entries_left(machine) != []
    assert machine.run_here("signout", "--all").code == 0
    assert entries_left(machine) == []


def test_without_procore_the_tokens_are_deleted_here(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    with serving(People()) as people:
        assert isinstance(people, People)
        machine.point_at(people)
        people.sign_in(machine, JOE)

    result = machine.run_here("signout")

    assert (result.code, result.out) == (5, "")
    assert "deleted here, but not revoked, and may still live at Procore" in result.err
    assert "My Connected Apps" in result.err
    assert entries_left(machine) == []
    assert machine.run_here("whoami").code == 4


def test_a_revocation_that_procore_refuses_is_told(machine: Machine, people: People) -> None:
    for answer, code in (
        (Answer(503, "<h1>Down</h1>"), 5),
        (Answer(302, "", {"Location": "https://example.com/"}), 5),
        (Answer(401, {"error": "invalid_client"}), 3),
    ):
        people.sign_in(machine, JOE)
        people.script["/oauth/revoke"] = lambda _, answer=answer: answer

        result = machine.run_here("signout")

        assert result.code == code
        assert "deleted here, but not revoked" in result.err
        assert "hush" not in result.err
        assert entries_left(machine) == []


def test_all_goes_on_after_a_failure_and_ends_with_its_code(machine: Machine, people: People) -> None:
    people.sign_in(machine, SECOND)
    joes = people.issued[:2]

    def fail_for_joe(request: Request) -> Answer | None:
        return Answer(503, "") if request.form["token"] in joes else None

    people.script["/oauth/revoke"] = fail_for_joe

    result = machine.run_here("signout", "--all")

    assert result.code == 5
    assert "joecontractor@procore.com is signed out of production: the tokens are deleted here" in result.err
    assert "second@example.com is signed out of production: the tokens are revoked" in result.err
    assert people.count_alive(SECOND) == 0
    assert entries_left(machine) == []


def test_tokens_of_another_app_or_host_are_deleted_and_nothing_is_sent(
    machine: Machine, people: People
) -> None:
    before = len(people.requests)
    with serving(People()) as stranger:
        for name in ("PROCORE_LOGIN_URL", "PROCORE_API_URL", "PROCORE_CLIENT_ID"):
            people.sign_in(machine, JOE)
            value = "another-client" if name == "PROCORE_CLIENT_ID" else stranger.url
            other = Machine(machine.home, {**machine.variables, name: value}, machine.port)
            result = other.run_here("signout")

            assert result.code == 3
            assert name in result.err
            assert "deleted here, but not revoked" in result.err
            assert entries_left(machine) == []
    assert stranger.requests == []
    assert len(people.requests) == before


def test_without_a_client_secret_the_tokens_are_deleted_here(machine: Machine, people: People) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = ""

    result = machine.run_here("signout")

    assert result.code == 3
    assert "client secret" in result.err
    assert entries_left(machine) == []


def test_a_locked_keyring_ends_the_account_and_is_cleaned_later(machine: Machine, people: People) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = "locked"
    result = machine.run_here("signout")
    machine.variables["TEST_KEYRING_FAULT"] = ""

    assert result.code == 6
    assert "could not be deleted here yet" in result.err
    assert "not revoked, and may still live at Procore" in result.err
    assert "My Connected Apps" in result.err
    assert machine.run_here("whoami").code == 4
    people.sign_in(machine, JOE)
    assert len(states(machine)) == 1


def test_tokens_that_were_gone_already_are_told_of(machine: Machine, people: People) -> None:
    for path in machine.keyring.iterdir():
        path.unlink()

    result = machine.run_here("signout")

    assert result.code == 0
    assert "gone already" in result.err
    assert machine.run_here("signout").code == 4


def test_a_token_from_elsewhere_is_left_alone(machine: Machine, people: People) -> None:
    machine.variables["PROCORE_ACCESS_TOKEN"] = "from-elsewhere"

    result = machine.run_here("signout")

    assert result.code == 0
    assert "PROCORE_ACCESS_TOKEN is set; this command does not use it." in result.err
    assert people.count_alive(JOE) == 0


def test_a_sign_out_during_a_refresh_stands_and_revokes_what_comes(machine: Machine, people: People) -> None:
    def sign_out_meanwhile(_: Request) -> None:
        people.script.clear()
        # The refresh holds the account's lock until it has its answer, so only the commit comes first.
        running.append(machine.start("signout"))
        wait_until_signed_out(machine)

    running: list[object] = []
    people.script["/oauth/token"] = sign_out_meanwhile

    result = machine.run_here("refresh")

    (signout,) = running
    out, _ = signout.communicate(timeout=30)  # type: ignore[attr-defined]
    assert result.code == 4
    assert (signout.returncode, out) == (0, "")  # type: ignore[attr-defined]
    assert people.count_alive(JOE) == 0
    assert entries_left(machine) == []
    assert states(machine) == []


def wait_until_signed_out(machine: Machine) -> None:
    deadline = time.monotonic() + 20
    while ("live",) in [state[1:] for state in states(machine)]:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_a_lock_that_is_not_to_be_had_is_told_with_what_was_done(machine: Machine, people: People) -> None:
    locks = machine.data / "locks"
    shutil.rmtree(locks)
    locks.write_text("not a folder")
    locks.chmod(0o600)

    result = machine.run_here("signout")

    assert result.code == 6
    assert "joecontractor@procore.com is signed out of production" in result.err
    assert "They are revoked at Procore." in result.err
    assert people.count_alive(JOE) == 0


def test_an_account_that_was_refused_is_signed_out_without_a_request(
    machine: Machine, people: People
) -> None:
    people.refuse_person(JOE)
    assert machine.run_here("refresh").code == 4
    before = len(people.requests)

    token, result = machine.run_here("token"), machine.run_here("signout")

    assert (token.code, token.out) == (4, "")
    assert "no longer accepts the refresh token" in token.err
    assert (result.code, result.out) == (0, "")
    assert "had refused its tokens already" in result.err
    assert len(people.requests) == before
    assert "signed out" in machine.run_here("accounts").out
    assert machine.run_here("signout").code == 4


def test_what_another_store_could_not_delete_is_not_this_sign_outs_failure(
    machine: Machine, people: People
) -> None:
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    machine.variables["TEST_KEYRING_FAULT"] = "missing"
    people.sign_in(machine, JOE, store="file")

    result = machine.run_here("signout")

    assert result.code == 0, result.err
    assert "revoked at Procore and deleted here" in result.err
    assert "keyring store could not be deleted yet" in result.err


def test_an_empty_option_does_not_mean_the_usual_account(machine: Machine, people: People) -> None:
    for option in ("--account", "--env"):
        assert machine.run_here("signout", option, "").code == 2
    assert people.count_alive(JOE) == 2
