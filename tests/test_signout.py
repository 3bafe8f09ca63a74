"""`procore-login signout`: what is revoked at Procore, what is deleted here, and what is said of it."""

import shutil
import subprocess
import threading
import time
from typing import Any

import pytest

from tests.cli import Machine, browser
from tests.people import SECOND, THIRD, People
from tests.provider import CLIENT_SECRET, JOE, Answer, Request, serving


@pytest.fixture
def provider(people: People) -> People:
    """Everybody here signs in where several people have accounts."""
    return people


@pytest.fixture
def machine(machine: Machine, people: People) -> Machine:
    """Joe has signed up here."""
    people.sign_in(machine, JOE)
    return machine


def states(machine: Machine) -> list[tuple[Any, ...]]:
    return machine.sql("SELECT procore_id, state FROM procore_login_entries")


def test_both_tokens_are_revoked_and_everything_but_the_row_is_deleted(machine, people):
    issued = people.issued[-2:]
    machine.variables["PROCORE_ACCESS_TOKEN"] = "from-elsewhere"
    result = machine.run_here("signout").ended(
        0,
        "joecontractor@procore.com is signed out of production",
        "revoked at Procore and deleted here",
        "PROCORE_ACCESS_TOKEN is set; this command does not use it.",
    )
    assert result.out == ""
    revoked = [request.form["token"] for request in people.requests if request.path == "/oauth/revoke"]
    assert sorted(revoked) == sorted(issued)
    assert people.count_alive() == 0
    assert machine.kept() == states(machine) == []
    # The next sign-in finds the row.
    result = machine.run_here("signin", "--json", "--browser", browser("--just-open"))
    assert (result.json["id"], result.json["signed_up"]) == (1, False)


def test_afterwards_nobody_is_current_and_those_who_are_left_are_named(machine, people):
    people.sign_in(machine, SECOND)
    result = machine.run_here("signout")
    assert "Still signed in: joecontractor@procore.com." in result.err
    before = len(people.requests)
    said = (
        "No account of production is the current one. Signed in: joecontractor@procore.com.",
        "procore-login switch joecontractor@procore.com",
    )
    for command in (["whoami"], ["whoami", "--offline"], ["token"], ["refresh"]):
        machine.run_here(*command).ended(4, *said)
    machine.run_here("signout").ended(0, said[0], "To sign out all of them: procore-login signout --all")
    assert machine.run_here("signout", "--account", "11111").code == 0
    before += 2
    for command in (["whoami"], ["whoami", "--offline"], ["token"], ["refresh"]):
        machine.run_here(*command).ended(4, "procore-login signin", "switch chooses")
    signed_out = machine.run_here("signout").ended(0, "Nobody is signed in to production.")
    assert "Hint:" not in signed_out.err
    assert len(people.requests) == before


def test_whose_tokens_lie_in_another_data_folder_is_not_signed_out(machine, people, tmp_path):
    machine.variables |= {"PROCORE_LOGIN_DB": str(tmp_path / "shared.db"), "PROCORE_LOGIN_STORE": "file"}
    people.sign_in(machine, JOE, store="file")
    other = Machine(tmp_path / "other", machine.variables)
    other.run_here("signout").ended(4, f"the tokens lie in the data folder {machine.data}")
    machine.run_here("signout").ended(0, "revoked at Procore and deleted here")


def test_another_account_is_signed_out_by_its_name_and_ends_with_4(machine, people):
    people.sign_in(machine, SECOND)
    machine.run_here("signout", "--account", "11111").ended()
    assert (people.count_alive(JOE), people.count_alive(SECOND)) == (0, 2)
    assert machine.run_here("whoami", "--json").json["email"] == "second@example.com"
    for command in (["signout"], ["token"], ["whoami"], ["whoami", "--offline"], ["refresh"]):
        machine.run_here(*command, "--account", "joecontractor@procore.com").ended(
            4, "joecontractor@procore.com is not signed in to production"
        )


def test_everybody_is_signed_out_by_all_whatever_account_a_variable_names(machine, people):
    fourth = {**THIRD, "id": 44444}
    for person in (SECOND, THIRD, fourth):
        people.sign_in(machine, person)
    people.refuse_person(fourth)
    machine.run_here("refresh").ended(4)
    machine.variables["PROCORE_LOGIN_ACCOUNT"] = "nobody@example.com"
    machine.run_here("signout", "--all", "--account", "11111").ended(2)
    assert len(machine.kept()) == 3
    result = machine.run_here("signout", "--all").ended(0, "had refused its tokens already")
    assert result.out == ""
    assert result.err.count("revoked at Procore and deleted here") == 3
    assert [people.count_alive(person) for person in (JOE, SECOND, THIRD)] == [0, 0, 0]
    assert machine.kept() == []
    assert machine.run_here("signout", "--all").code == 0


def test_without_procore_the_tokens_are_deleted_here(tmp_path):
    machine = Machine(tmp_path / "machine")
    with serving(People()) as people:
        assert isinstance(people, People)
        machine.point_at(people)
        people.sign_in(machine, JOE)
    machine.run_here("signout").ended(
        5, "deleted here, but not revoked, and may still live at Procore", "My Connected Apps"
    )
    assert machine.kept() == []
    assert machine.run_here("whoami").code == 4


def test_a_revocation_that_fails_is_told(machine, people):
    for answer, secret, code in (
        (Answer(503, "<h1>Down</h1>"), CLIENT_SECRET, 5),
        (Answer(302, "", {"Location": "https://example.com/"}), CLIENT_SECRET, 5),
        (Answer(401, {"error": "invalid_client"}), CLIENT_SECRET, 3),
        (Answer(200), "", 3),
    ):
        people.sign_in(machine, JOE)
        people.script["/oauth/revoke"] = lambda _, answer=answer: answer
        machine.variables["PROCORE_CLIENT_SECRET"] = secret
        result = machine.run_here("signout")
        assert (result.code, result.out, machine.kept()) == (code, "", [])
        assert "deleted here, but not revoked" in result.err
        assert secret or "client secret" in result.err
        assert "hush" not in result.err


def test_all_goes_on_after_a_failure_and_ends_with_its_code(machine, people):
    people.sign_in(machine, SECOND)
    joes = people.issued[:2]
    people.script["/oauth/revoke"] = lambda sent: Answer(503) if sent.form["token"] in joes else None
    machine.run_here("signout", "--all").ended(
        5,
        "joecontractor@procore.com is signed out of production: the tokens are deleted here",
        "second@example.com is signed out of production: the tokens are revoked",
    )
    assert (people.count_alive(SECOND), machine.kept()) == (0, [])


def test_tokens_of_another_app_or_host_are_deleted_and_nothing_is_sent(machine, people):
    with serving(People()) as stranger:
        for name in ("PROCORE_LOGIN_URL", "PROCORE_API_URL", "PROCORE_CLIENT_ID"):
            people.sign_in(machine, JOE)
            value = "another-client" if name == "PROCORE_CLIENT_ID" else stranger.url
            other = Machine(machine.home, {**machine.variables, name: value}, machine.port)
            other.run_here("signout").ended(3, name, "deleted here, but not revoked")
            assert machine.kept() == []
    assert stranger.requests == people.requests == []


def test_a_locked_keyring_ends_the_account_and_is_cleaned_later(machine, people):
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


def test_tokens_that_were_gone_already_are_told_of(machine):
    for path in machine.keyring.iterdir():
        path.unlink()
    machine.run_here("signout").ended(0, "gone already")
    machine.run_here("signout").ended(0, "Nobody is signed in")


def test_a_sign_out_during_a_refresh_stands_and_revokes_what_comes(machine, people):
    def sign_out_meanwhile(_: Request) -> None:
        people.script.clear()
        # The refresh holds the account's lock until it has its answer, so only the commit comes first.
        running.append(machine.start("signout"))
        wait_until_signed_out(machine)

    running: list[subprocess.Popen[str]] = []
    people.script["/oauth/token"] = sign_out_meanwhile
    result = machine.run_here("refresh")
    (signout,) = running
    out, _ = signout.communicate(timeout=30)
    assert result.code == 4
    assert (signout.returncode, out) == (0, "")
    assert people.count_alive(JOE) == 0
    assert machine.kept() == []
    assert states(machine) == []


def wait_until_signed_out(machine: Machine) -> None:
    deadline = time.monotonic() + 20
    while ("live",) in [state[1:] for state in states(machine)]:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_a_lock_that_is_not_to_be_had_is_told_with_what_was_done(machine, people):
    shutil.rmtree(machine.data / "locks")
    machine.write("locks", "not a folder")
    machine.run_here("signout").ended(
        6, "joecontractor@procore.com is signed out of production", "They are revoked at Procore."
    )
    assert people.count_alive(JOE) == 0


def test_a_refused_token_is_never_sent_again_and_the_account_is_signed_out_without_a_request(machine, people):
    people.refuse_person(JOE)
    for command in (["refresh"], ["refresh"], ["token"], ["whoami", "--offline"]):
        machine.run_here(*command).ended(4, "no longer accepts the refresh token")
    assert machine.kept() == []
    result = machine.run_here("signout").ended(0, "had refused its tokens already")
    assert result.out == ""
    assert len(people.requests) == 1
    assert "signed out" in machine.run_here("accounts").out
    machine.run_here("signout").ended(0, "Nobody is signed in")


def test_what_another_store_could_not_delete_is_not_this_sign_outs_failure(machine, people):
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    machine.variables["TEST_KEYRING_FAULT"] = "missing"
    people.sign_in(machine, JOE, store="file")
    machine.run_here("signout").ended(
        0, "revoked at Procore and deleted here", "keyring store could not be deleted yet"
    )


def test_an_empty_option_does_not_mean_the_usual_account(machine, people):
    for option in ("--account", "--env"):
        assert machine.run_here("signout", option, "").code == 2
    assert people.count_alive(JOE) == 2
