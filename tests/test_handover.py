"""`procore-login exec`: what the command finds in its environment, and what our commands make of it there."""

import hashlib
import io
import os
import subprocess
import sys
from unittest import mock

import pytest

from procore_cli.context import Context
from procore_cli.flows import access
from procore_cli.models import Account, User
from tests.children import TELL, hand_over, python
from tests.cli import Machine, command
from tests.moments import LIFETIME_S, pass_time
from tests.people import SECOND, THIRD
from tests.provider import JOE
from tests.signed_in import assert_ended, last_token, refreshes, sign_in

pytestmark = pytest.mark.usefixtures("signed_in")


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def test_the_command_finds_the_token_and_what_belongs_to_it_but_no_client_secret(machine, provider):
    # No shell reads the words, and no option of ours is among them.
    words = ["$HOME", "*", "a b", "; echo", "--", "-e", "--env", ""]
    result = machine.run("exec", *python(TELL), *words)
    found, token = result.json["env"], last_token(provider)
    assert_ended(result)
    ours = {name: value for name, value in found.items() if name.startswith("PROCORE_")}
    kept = {name: value for name, value in machine.environ().items() if name.startswith("PROCORE_")}
    del kept["PROCORE_CLIENT_SECRET"]
    assert ours == kept | {
        "PROCORE_ACCESS_TOKEN": token,
        "PROCORE_API_URL": provider.url,
        "PROCORE_ENV": "production",
        "PROCORE_LOGIN_ACCOUNT": str(JOE["id"]),
        "PROCORE_LOGIN_EXEC": digest(token),
    }
    assert result.json["argv"] == ["-c", *words]


NEW = (b"PROCORE_ACCESS_TOKEN", b"PROCORE_ENV", b"PROCORE_LOGIN_ACCOUNT", b"PROCORE_LOGIN_EXEC")


def test_all_other_variables_are_the_callers_byte_for_byte(machine):
    given = {os.fsencode(name): os.fsencode(value) for name, value in machine.environ().items()}
    # In the C locale Python sets a variable of its own.
    for name in (b"LANG", b"LC_ALL", b"LC_CTYPE"):
        given.pop(name, None)
    given |= {b"EMPTY": b"", b"\xff name": b"\xfe\n\xc3\xa9", b"PROCORE_COMPANY_ID": b""}
    for ctype in ({}, {b"LC_CTYPE": b"POSIX"}, {b"LC_CTYPE": b"C.UTF-8"}):
        words = [*command(), "exec", "--", "env", "-0"]
        done = subprocess.run(words, env=given | ctype, capture_output=True, check=True, timeout=60)
        found = dict(entry.split(b"=", 1) for entry in done.stdout.split(b"\0") if entry)
        expected = given | ctype
        del expected[b"PROCORE_CLIENT_SECRET"]
        new = {name: found.pop(name, None) for name in NEW}
        assert found == {**expected, b"PROCORE_API_URL": found[b"PROCORE_API_URL"]}
        assert None not in new.values()


def test_what_this_program_sets_for_itself_is_not_handed_on(machine, monkeypatch):
    find_account = access.find_account

    def find_and_set(asked: Context) -> Account:
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/found"
        return find_account(asked)

    monkeypatch.setattr(access, "find_account", find_and_set)
    given, _ = hand_over(machine)
    assert given["PROCORE_LOGIN_ACCOUNT"] == str(JOE["id"])
    assert "DBUS_SESSION_BUS_ADDRESS" not in machine.environ().keys() | given.keys()


def test_the_company_is_the_one_in_force_unless_another_is_named(machine):
    for variable, options, company in (
        ("", [], ""),
        ("", ["--company", "7"], "7"),
        ("5", [], "5"),
        ("5", ["--company", "7"], "7"),
    ):
        machine.variables["PROCORE_COMPANY_ID"] = variable
        assert hand_over(machine, *options)[0]["PROCORE_COMPANY_ID"] == company
    machine.variables["PROCORE_COMPANY_ID"] = ""
    machine.run_here("configure", "--company", "123", "--redirect-uri", machine.redirect_uri)
    assert hand_over(machine)[0]["PROCORE_COMPANY_ID"] == "123"


@pytest.mark.parametrize(("left_s", "refreshed"), [(950, 0), (850, 1)])
def test_the_token_is_valid_for_a_quarter_of_an_hour_unless_another_time_is_asked_for(
    machine, provider, monkeypatch, left_s, refreshed
):
    pass_time(monkeypatch, LIFETIME_S - left_s)
    short, _ = hand_over(machine, "--min-ttl", "60")
    usual, _ = hand_over(machine)
    assert refreshes(provider) == refreshed
    assert usual["PROCORE_ACCESS_TOKEN"] == last_token(provider)
    assert (short["PROCORE_ACCESS_TOKEN"] == usual["PROCORE_ACCESS_TOKEN"]) is (refreshed == 0)


def test_our_commands_in_the_child_use_the_store_so_that_they_outlive_the_frozen_token(
    machine, provider, monkeypatch
):
    given, _ = hand_over(machine)
    machine.variables |= given
    pass_time(monkeypatch, LIFETIME_S)
    result = machine.run_here("token")
    assert result.out == f"{last_token(provider)}\n" != f"{given['PROCORE_ACCESS_TOKEN']}\n"
    assert "PROCORE_ACCESS_TOKEN" not in result.err
    # An exec in it hands a token of the store over, too.
    inner, token = hand_over(machine)[0], last_token(provider)
    assert (inner["PROCORE_ACCESS_TOKEN"], inner["PROCORE_LOGIN_EXEC"]) == (token, digest(token))
    assert refreshes(provider) == 1


def test_the_child_refreshes_with_a_secret_in_the_keyring_alone_and_says_what_is_missing(
    machine, provider, monkeypatch
):
    secret, given = machine.variables["PROCORE_CLIENT_SECRET"], hand_over(machine)[0]
    usual, machine.variables = machine.variables, given
    with monkeypatch.context() as later:
        pass_time(later, LIFETIME_S)
        result = machine.run_here("token")
    result.ended(3, "no client secret", "exec hands none on", "procore-login configure")
    machine.variables = usual
    monkeypatch.setattr(sys, "stdin", io.StringIO(secret))
    assert machine.run_here("configure", "--client-secret-stdin").code == 0
    machine.variables = given
    pass_time(monkeypatch, LIFETIME_S)
    assert machine.run_here("token").out == f"{last_token(provider)}\n"
    assert refreshes(provider) == 1


def test_the_child_acts_for_the_account_it_was_started_for_whoever_is_current_later(machine, people):
    machine.point_at(people)
    for person in (SECOND, THIRD, JOE):
        people.sign_in(machine, person)
    given, _ = hand_over(machine, "--account", SECOND["login"])
    machine.variables |= given
    assert given["PROCORE_LOGIN_ACCOUNT"] == str(SECOND["id"])
    assert machine.run_here("whoami", "--json").json["procore_id"] == SECOND["id"]
    assert hand_over(machine)[0]["PROCORE_LOGIN_ACCOUNT"] == str(SECOND["id"])


def test_a_token_from_elsewhere_is_handed_on_as_what_it_is_unless_an_account_is_named(machine, provider):
    machine.variables |= {"PROCORE_ACCESS_TOKEN": "from-elsewhere", "PROCORE_LOGIN_EXEC": digest("another")}
    given, result = hand_over(machine)
    assert given["PROCORE_ACCESS_TOKEN"] == "from-elsewhere"
    assert not {"PROCORE_LOGIN_EXEC", "PROCORE_LOGIN_ACCOUNT", "PROCORE_CLIENT_SECRET"} & given.keys()
    assert "Using the token from PROCORE_ACCESS_TOKEN" in result.err
    given, _ = hand_over(machine, "--account", JOE["login"])
    assert given["PROCORE_ACCESS_TOKEN"] == last_token(provider)
    assert given["PROCORE_LOGIN_EXEC"] == digest(last_token(provider))


HANDED_OVER = {"PROCORE_ACCESS_TOKEN": "handed-over", "PROCORE_LOGIN_EXEC": digest("handed-over")}
OF_DEMO = {"PROCORE_ENV": "demo", "PROCORE_LOGIN_ACCOUNT": "99999", "PROCORE_COMPANY_ID": "7"}


def test_another_environment_in_the_child_has_its_own_urls(tmp_path):
    machine = Machine(tmp_path / "machine")
    sandbox, demo = "https://sandbox.procore.com", "http://localhost:1"
    for started_for, urls, command_env, said in (
        ("sandbox", {"PROCORE_API_URL": sandbox}, "sandbox", ""),
        ("sandbox", {"PROCORE_API_URL": sandbox}, "production", ""),
        ("demo", {"PROCORE_LOGIN_URL": demo, "PROCORE_API_URL": demo}, "production", ""),
        ("sandbox", {"PROCORE_API_URL": "https://other.example.com"}, "production", "other.example.com"),
    ):
        machine.variables = HANDED_OVER | urls | {"PROCORE_ENV": started_for}
        err = machine.run_here("whoami", "--offline", "-e", command_env).err
        assert ("_URL)" in err, f"{said} (PROCORE_API_URL)" in err) == (bool(said), bool(said)), err


def test_another_environment_in_the_child_has_its_own_account_and_company(machine, provider):
    assert sign_in(machine, env="sandbox").code == 0
    own = last_token(provider)
    machine.run_here("configure", "-e", "sandbox", "--company", "5", "--redirect-uri", machine.redirect_uri)
    machine.variables |= HANDED_OVER | OF_DEMO
    urls = {name: machine.variables.pop(name) for name in ("PROCORE_LOGIN_URL", "PROCORE_API_URL")}
    shown = machine.run_here("configure", "--show", "--json", "--env", "sandbox")
    assert shown.json["company"] == 5
    # A sandbox at other URLs is no demo's.
    machine.variables |= urls | {"PROCORE_ENV": "monthly"}
    result = machine.run_here("token", "--env", "sandbox").ended()
    assert result.out == f"{own}\n"
    assert "no account 99999" in machine.run_here("token", "--env", "monthly").err


def test_an_exec_of_another_environment_in_an_exec_hands_nothing_of_the_first_one_on(tmp_path, provider):
    machine = Machine(tmp_path / "machine", {"PROCORE_REDIRECT_URI": ""})
    machine.variables |= HANDED_OVER | OF_DEMO | {"OTHER_URL": "kept"}
    machine.variables |= dict.fromkeys(("PROCORE_LOGIN_URL", "PROCORE_API_URL"), "http://localhost:1")
    with (
        mock.patch.object(access, "find_account", return_value=Account(User(1, JOE["id"], None))),
        mock.patch.object(access, "find_token", return_value=access.Token("own-token", None)),
    ):
        given, _ = hand_over(machine, "--env", "sandbox")
    assert given["PROCORE_API_URL"] == "https://sandbox.procore.com"
    assert given["PROCORE_ACCESS_TOKEN"] == "own-token"
    assert given["PROCORE_LOGIN_ACCOUNT"] == str(JOE["id"])
    assert given["OTHER_URL"] == "kept"
    assert not {"PROCORE_LOGIN_URL", "PROCORE_COMPANY_ID"} & given.keys()


FLEET = "postgresql://app@db.example/fleet"
KEY, PASSWORD = "the key in PROCORE_LOGIN_KEY", "the password in PROCORE_LOGIN_DB"


@pytest.mark.parametrize(
    ("variables", "withheld", "named"),
    [
        ({"PROCORE_LOGIN_DB": FLEET, "PROCORE_LOGIN_KEY": "hush"}, {"PROCORE_LOGIN_KEY"}, KEY),
        (
            {"PROCORE_LOGIN_DB": "postgresql://app:hush@db.example", "PROCORE_LOGIN_KEY_FILE": "/run/key"},
            {"PROCORE_LOGIN_DB"},
            PASSWORD,
        ),
        (
            {"PROCORE_LOGIN_DB": f"{FLEET}?password=hush", "PROCORE_LOGIN_KEY": "hush"},
            {"PROCORE_LOGIN_DB", "PROCORE_LOGIN_KEY"},
            f"{KEY} and {PASSWORD}",
        ),
    ],
)
def test_what_opens_a_shared_database_is_not_handed_on_and_the_token_is_then_used_as_it_is(
    machine, variables, withheld, named
):
    machine.variables |= variables
    with (
        mock.patch.object(access, "find_account", return_value=Account(User(1, JOE["id"], None))),
        mock.patch.object(access, "find_token", return_value=access.Token("own-token", None)),
    ):
        given, result = hand_over(machine)
    assert {name for name in variables if name not in given} == withheld
    assert "hush" not in " ".join(given.values())
    assert (given["PROCORE_ACCESS_TOKEN"], given["PROCORE_LOGIN_ACCOUNT"]) == ("own-token", str(JOE["id"]))
    assert "PROCORE_LOGIN_EXEC" not in given
    # Of several reasons why the token cannot be renewed one is told.
    (warning,) = [line for line in result.said if line.startswith("Warning: ")]
    assert warning.startswith(f"Warning: The command does not get {named}: it cannot renew its token. ")


def test_a_key_that_opens_nothing_here_is_not_handed_on_either(machine):
    machine.variables["PROCORE_LOGIN_KEY"] = "hush"
    given, _ = hand_over(machine)
    assert "PROCORE_LOGIN_KEY" not in given
    assert "PROCORE_LOGIN_EXEC" in given
