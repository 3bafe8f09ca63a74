"""Service accounts (RFC 6749, section 4.4): signed in and used, or for one process alone."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import requests

from procore_cli import ProcoreAuth, get_token
from procore_cli.flows import service_account
from procore_cli.library import token_cache
from tests.cli import Machine, Result
from tests.provider import CLIENT_ID, CLIENT_SECRET, JOE, Answer, Provider
from tests.python_api.caller import live_on
from tests.signed_in import assert_ended, last_token, saying, sign_in

COMPANY, OTHER = "22222", "33333"
SERVICE = {"id": 777, "login": "dmsa-777@example.com", "name": "Data connector"}
# The same to /me in both companies.
SERVICES = {COMPANY: SERVICE, OTHER: SERVICE}
AS_SERVICE = ("--account", "service-account")


@pytest.fixture
def provider(provider: Provider) -> Provider:
    provider.services = dict(SERVICES)
    return provider


@pytest.fixture
def machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Nothing is held by this process from an earlier test."""
    monkeypatch.setattr(service_account, "_loaded", {})
    monkeypatch.setattr(service_account, "_refused_at", {})
    return machine


@pytest.fixture
def in_ci(machine: Machine) -> Machine:
    """Id and secret are in variables, and the service account is asked for."""
    machine.variables["PROCORE_LOGIN_ACCOUNT"] = "service-account"
    return machine


@pytest.fixture
def signed_in(machine: Machine) -> Machine:
    assert sign_in_service(machine).code == 0
    return machine


def sign_in_service(machine: Machine, company: str = COMPANY) -> Result:
    return machine.run_here("signin", "--service-account", "--company", company, "--json")


def asked(provider: Provider) -> int:
    """How often the app asked for itself."""
    return sum(request.form.get("grant_type") == "client_credentials" for request in provider.requests)


def is_untouched(machine: Machine) -> bool:
    return not machine.data.exists() and not list(machine.keyring.iterdir())


def test_it_signs_in_with_one_request_and_no_browser(machine: Machine, provider: Provider) -> None:
    result = sign_in_service(machine)

    assert_ended(result)
    assert result.json == {
        "environment": "production", "id": 1, "procore_id": 777, "email": "dmsa-777@example.com",
        "name": "Data connector", "company": 22222, "expires_at": result.json["expires_at"],
        "kind": "service", "signed_up": True,
    }  # fmt: skip
    assert [request.path for request in provider.requests] == ["/oauth/token", "/rest/v1.0/me"]
    assert provider.requests[0].form == {
        "grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
    }  # fmt: skip
    assert provider.requests[1].company == COMPANY
    assert "as the service account of company 22222" in result.err


def test_every_command_works_as_for_a_person(signed_in: Machine, provider: Provider) -> None:
    def run(*words: str) -> Result:
        result = signed_in.run_here(*words)
        assert_ended(result)
        return result

    token = last_token(provider)
    assert run("token").out == f"{token}\n"
    for words in (("whoami",), ("whoami", "--offline"), ("switch", "service-account"), ("switch", "777")):
        profile = run(*words, "--json").json
        assert (profile["kind"], profile["procore_id"], profile["company"]) == ("service", 777, 22222), words
    assert run("api", "me").out == json.dumps(SERVICE)
    assert provider.requests[-1].company == COMPANY
    (listed,) = run("accounts", "--check", "--json").json["accounts"]
    assert (listed["kind"], listed["current"], listed["signed_in"], listed["check"]) == (
        "service", True, True, "ok",
    )  # fmt: skip
    assert "dmsa-777@example.com (service account of company 22222)" in run("accounts").out
    assert run("refresh", "--json").json["kind"] == "service"
    assert asked(provider) == 2
    assert last_token(provider) != token
    checks = signed_in.run_here("doctor", "--json").json["checks"]
    (account,) = [check for check in checks if check["name"] == "account 777"]
    assert (account["status"], "service account of company 22222" in account["detail"]) == ("ok", True)
    assert "signed out" in run("signout").err
    assert provider.requests[-1].form["token"] == last_token(provider)
    assert signed_in.run_here("token").code == 4


def test_the_child_of_exec_finds_the_account_and_its_company_and_no_secret(
    signed_in: Machine, provider: Provider
) -> None:
    told = signed_in.run(
        "exec", "--", sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"
    )

    assert_ended(told)
    assert told.json["PROCORE_ACCESS_TOKEN"] == last_token(provider)
    assert told.json["PROCORE_LOGIN_ACCOUNT"] == "service-account"
    assert told.json["PROCORE_COMPANY_ID"] == COMPANY
    assert "PROCORE_LOGIN_EXEC" in told.json
    assert "PROCORE_CLIENT_SECRET" not in told.json


def test_a_person_and_two_companies_are_told_apart(signed_in: Machine, provider: Provider) -> None:
    first = last_token(provider)
    said = [sign_in_service(signed_in, OTHER).ended().err for _ in range(2)]
    second = last_token(provider)
    said.append(sign_in(signed_in).ended().err)
    # Neither another company's nor a service account's sign-in is this one's.
    assert ["already" in each for each in said] == [False, True, False]
    assert f"(service account of company {OTHER}) already" in said[1]

    undecided = signed_in.run_here("token", *AS_SERVICE)
    assert_ended(undecided, 2)
    assert "22222" in undecided.err
    assert "33333" in undecided.err
    for who in ("service-account", "777", "dmsa-777@example.com"):
        assert signed_in.run_here("token", "--account", who, "--company", COMPANY).out == f"{first}\n", who
        signed_in.variables["PROCORE_COMPANY_ID"] = OTHER
        assert signed_in.run_here("token", "--account", who).out == f"{second}\n", who
        del signed_in.variables["PROCORE_COMPANY_ID"]
    assert signed_in.run_here("whoami", "--json").json["procore_id"] == JOE["id"]
    kinds = [each["kind"] for each in signed_in.run_here("accounts", "--json").json["accounts"]]
    assert sorted(kinds) == ["service", "service", "user"]

    assert_ended(signed_in.run_here("signout", *AS_SERVICE, "--company", OTHER))
    assert signed_in.run_here("token", *AS_SERVICE).out == f"{first}\n"
    assert_ended(signed_in.run_here("signout", "--all"))
    assert not list(signed_in.keyring.iterdir())


def test_a_company_that_is_asked_for_means_that_one_and_no_other(
    signed_in: Machine, provider: Provider
) -> None:
    named = [("signout", *AS_SERVICE), ("switch", "service-account"), ("whoami", *AS_SERVICE)]
    for words in (*named, ("token",)):
        refused = signed_in.run_here(*words, "--company", "44444")
        assert_ended(refused, 4)
        assert "--service-account --company 44444" in refused.err
    assert_ended(signed_in.run_here("switch", "777", "--company", "44444"), 2)
    # What is only configured is for calls.
    signed_in.variables["PROCORE_COMPANY_ID"] = "44444"
    assert signed_in.run_here("token", *AS_SERVICE).out == f"{last_token(provider)}\n"
    told = signed_in.run("exec", "--", sys.executable, "-m", "procore_cli", "whoami", "--json")
    assert (told.code, told.json["company"]) == (0, 22222)
    del signed_in.variables["PROCORE_COMPANY_ID"]
    first = last_token(provider)
    assert sign_in_service(signed_in, OTHER).code == 0
    told = signed_in.run("exec", "--company", COMPANY, "--", "/bin/sh", "-c", "echo $PROCORE_ACCESS_TOKEN")
    assert told.out == f"{first}\n"


def test_a_person_goes_before_a_service_account_that_is_the_same_to_me(
    machine: Machine, provider: Provider
) -> None:
    provider.services[COMPANY] = JOE
    assert sign_in(machine).code == 0
    assert sign_in_service(machine).code == 0
    for who, kind in ((str(JOE["id"]), "user"), (JOE["login"], "user"), ("Service-Account", "service")):
        found = machine.run_here("whoami", "--account", who, "--json", "--company", COMPANY)
        assert found.json["kind"] == kind, who
        assert found.json["name"] == "Joe Contractor"


def test_of_two_apps_the_one_in_force_is_meant(signed_in: Machine, provider: Provider) -> None:
    with closing(sqlite3.connect(signed_in.data / "production.db")) as connection, connection:
        connection.execute("UPDATE procore_login_accounts SET client_id = 'another'")
    assert sign_in_service(signed_in).code == 0
    assert signed_in.run_here("token", *AS_SERVICE).out == f"{last_token(provider)}\n"
    assert signed_in.run_here("token", "--account", "777").out == f"{last_token(provider)}\n"


def test_of_one_app_and_company_there_is_one_account(signed_in: Machine, provider: Provider) -> None:
    former = last_token(provider)

    again = sign_in_service(signed_in)

    assert (again.code, again.json["signed_up"]) == (0, False)
    assert len(signed_in.run_here("accounts", "--json").json["accounts"]) == 1
    # Nobody can use it any more, so it ends.
    assert provider.requests[-1].form["token"] == former


def test_an_expired_token_is_renewed_by_one_request(machine: Machine, provider: Provider) -> None:
    provider.lifetime_s = 3
    assert sign_in_service(machine).code == 0
    provider.lifetime_s = 5400

    tokens = {machine.run_here("token").out for _ in range(3)}

    assert tokens == {f"{last_token(provider)}\n"}
    assert asked(provider) == 2


def test_a_refresh_token_that_comes_with_it_is_never_used(machine: Machine, provider: Provider) -> None:
    provider.script["/oauth/token"] = saying(provider, expires_in=3)
    assert sign_in_service(machine).code == 0

    assert machine.run_here("token").code == 0

    assert [r.form["grant_type"] for r in provider.requests if r.path == "/oauth/token"] == (
        ["client_credentials"] * 2
    )
    # Nor kept: then it would be revoked with the other one.
    assert_ended(machine.run_here("signout"))
    assert [r.form["token"] for r in provider.requests if r.path == "/oauth/revoke"] == [last_token(provider)]


def test_a_connection_that_breaks_is_tried_once_more_and_is_no_interruption(
    signed_in: Machine, provider: Provider
) -> None:
    answers: list[Any] = [Answer(200, b"", {"Content-Length": "99"})]
    provider.script["/oauth/token"] = lambda _: answers.pop() if answers else None
    assert_ended(signed_in.run_here("refresh"))
    assert asked(provider) == 3

    provider.script["/oauth/token"] = lambda _: Answer(200, b"", {"Content-Length": "99"})
    assert_ended(signed_in.run_here("refresh"), 5)
    assert asked(provider) == 5
    del provider.script["/oauth/token"]
    # What it has is as good as before.
    assert signed_in.run_here("token").out == f"{last_token(provider)}\n"
    assert asked(provider) == 5
    again = signed_in.run_here("whoami")
    assert_ended(again)
    assert "interrupted" not in again.err


def test_a_renewal_that_was_killed_is_no_interruption(signed_in: Machine, provider: Provider) -> None:
    with closing(sqlite3.connect(signed_in.data / "production.db")) as connection, connection:
        connection.execute(
            "INSERT INTO procore_login_entries"
            " (name, store, environment, procore_id, kind, state, created_at)"
            " SELECT 'killed', store, environment, procore_id, 'refresh', 'pending', created_at"
            " FROM procore_login_entries"
        )

    asked_again = signed_in.run_here("token")

    assert (asked_again.out, asked(provider)) == (f"{last_token(provider)}\n", 1)
    assert "interrupted" not in asked_again.err + signed_in.run_here("doctor").out.replace(
        "interrupted refresh\tnone", ""
    )


def test_a_refused_token_is_replaced_once_and_the_second_time_another_machine_may_be_asking(
    signed_in: Machine, provider: Provider
) -> None:
    provider.expire()
    assert_ended(signed_in.run_here("whoami"))
    assert asked(provider) == 2

    provider.expire()
    for words in (("whoami",), ("api", "me")):
        second = signed_in.run_here(*words)
        assert_ended(second, 4)
        assert "Another machine may be asking with the same app" in second.err
    assert asked(provider) == 2


def test_two_machines_that_share_an_app_are_told_of_each_other(
    signed_in: Machine, provider: Provider, tmp_path: Path
) -> None:
    provider.ends_last_service_token = True
    other = Machine(tmp_path / "other", dict(signed_in.variables))
    assert sign_in_service(other).code == 0

    # Each call ends the other's token.
    codes = [machine.run_here("whoami").code for machine in (signed_in, other)]
    refused = signed_in.run_here("whoami")

    assert codes == [0, 0]
    assert_ended(refused, 4)
    assert "Another machine may be asking" in refused.err


def test_a_failure_of_the_server_is_no_other_machine(signed_in: Machine, provider: Provider) -> None:
    provider.expire()
    provider.script["/oauth/token"] = lambda _: Answer(503, "")
    assert_ended(signed_in.run_here("whoami"), 5)
    del provider.script["/oauth/token"]
    assert_ended(signed_in.run_here("whoami"))
    # Nor is a refused call for its company one that named none.
    not_there = Answer(403, {"errors": ["App is not connected to this company."]})
    provider.script["/rest/v1.0/x"] = lambda _: not_there
    assert "not installed in company 22222" in signed_in.run_here("api", "x").err


def test_a_new_token_that_is_refused_at_once_says_so(signed_in: Machine, provider: Provider) -> None:
    for words in (("whoami",), ("api", "me")):
        provider.script["/rest/v1.0/me"] = lambda _: Answer(401, {"error": "invalid_token"})
        refused = signed_in.run_here(*words)
        assert_ended(refused, 4)
        assert "Another machine may be asking" in refused.err
    assert asked(provider) == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, {"errors": ["Not in this company."]}), (404, "Not Found"), (200, "<p>?"), (401, {}), (500, "")],
)
def test_where_me_does_not_say_who_it_is_nothing_is_kept_and_what_to_check_is_said(
    machine: Machine, provider: Provider, status: int, body: Any
) -> None:
    provider.script["/rest/v1.0/me"] = lambda _: Answer(status, body)

    result = sign_in_service(machine)

    assert_ended(result, 5)
    assert status in (401, 500) or "Client id and secret are good" in result.err
    assert status in (401, 500) or "installed in company 22222, and its permitted projects" in result.err
    assert machine.run_here("accounts", "--json").json == {"accounts": []}
    assert not list(machine.keyring.iterdir())
    assert provider.count("/oauth/revoke") == 0


@pytest.mark.parametrize("error", ["unauthorized_client", "unsupported_grant_type"])
def test_an_app_without_a_service_account_is_told_how_to_get_one(
    machine: Machine, provider: Provider, error: str
) -> None:
    provider.script["/oauth/token"] = lambda _: Answer(400, {"error": error})

    for words in (("signin", "--service-account", "--company", "7"), ("token", *AS_SERVICE)):
        result = machine.run_here(*words)
        assert_ended(result, 3)
        assert "This app has no service account" in result.err
        assert "Data Connector" in result.err


@pytest.mark.parametrize("option", [("--paste",), ("--no-browser",), ("--browser", "x"), ("--account", "x")])
def test_what_is_for_a_person_excludes_a_service_account(machine: Machine, option: tuple[str, ...]) -> None:
    result = machine.run_here("signin", "--service-account", "--company", "7", *option)

    assert_ended(result, 2)
    assert option[0] in result.err
    assert is_untouched(machine)


def test_what_is_missing_or_wrong_is_named(machine: Machine, provider: Provider) -> None:
    no_company = machine.run_here("signin", "--service-account")
    assert_ended(no_company, 2)
    assert "app.procore.com/<COMPANY ID>/" in no_company.err
    assert_ended(machine.run_here("signin", *AS_SERVICE), 2)

    machine.variables["PROCORE_CLIENT_SECRET"] = "wrong"
    assert_ended(sign_in_service(machine), 3)
    del machine.variables["PROCORE_CLIENT_SECRET"]
    assert_ended(sign_in_service(machine), 3)
    assert_ended(machine.run_here("token", *AS_SERVICE), 3)
    machine.variables["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    without_secret = machine.run_here("token", *AS_SERVICE)
    assert_ended(without_secret, 3)
    assert "PROCORE_CLIENT_SECRET" in without_secret.err


def test_in_ci_one_request_is_made_and_nothing_is_touched(in_ci: Machine, provider: Provider) -> None:
    in_ci.variables["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

    token = in_ci.run("token")
    assert (token.code, token.out) == (0, f"{last_token(provider)}\n")
    assert token.err.count("for this process alone; nothing is stored") == 1
    assert asked(provider) == 1

    nobody = in_ci.run("whoami")
    assert_ended(nobody, 2)
    assert asked(provider) == 1
    profile = in_ci.run("whoami", "--json", "--company", COMPANY).json
    assert (profile["id"], profile["procore_id"], profile["kind"]) == (None, 777, "service")
    assert in_ci.run("api", "me", "--company", OTHER).out == json.dumps(SERVICE)
    assert asked(provider) == 3

    for words in (("refresh",), ("whoami", "--offline")):
        needed = in_ci.run(*words)
        assert_ended(needed, 4)
        assert "signin --service-account --company ID" in needed.err
    assert_ended(in_ci.run("signout"))
    assert asked(provider) == 3
    checks = {each["name"]: each for each in in_ci.run("doctor", "--json").json["checks"]}
    assert checks["keyring"]["status"] == checks["keyring proof"]["status"] == "ok"
    assert is_untouched(in_ci)


def test_in_ci_the_child_of_exec_uses_the_token_it_was_given(in_ci: Machine, provider: Provider) -> None:
    program = f"{sys.executable} -m procore_cli token; env"
    told = in_ci.run("exec", "--company", COMPANY, "--", "/bin/sh", "-c", program)

    assert_ended(told)
    lines = told.out.splitlines()
    assert lines[0] == last_token(provider)
    assert asked(provider) == 1
    assert f"PROCORE_COMPANY_ID={COMPANY}" in lines
    assert not [line for line in lines if line.startswith(("PROCORE_LOGIN_EXEC", "PROCORE_CLIENT_SECRET"))]
    assert is_untouched(in_ci)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("token", *AS_SERVICE), 0),
        (("whoami",), 2),
        (("whoami", "--company", COMPANY), 0),
        (("signout",), 0),
        (("refresh",), 4),
        (("whoami", "--offline"), 4),
    ],
)
def test_in_ci_commands_inside_of_exec_end_as_outside(
    in_ci: Machine, provider: Provider, words: tuple[str, ...], code: int
) -> None:
    told = in_ci.run("exec", "--", sys.executable, "-m", "procore_cli", *words)

    assert_ended(told, code)
    assert asked(provider) == 1
    assert is_untouched(in_ci)


def test_a_program_inside_of_exec_may_name_the_service_account(in_ci: Machine, provider: Provider) -> None:
    program = "from procore_cli import get_token; print(get_token(account='service-account'))"
    told = in_ci.run("exec", "--", sys.executable, "-c", program)

    assert (told.code, told.out) == (0, f"{last_token(provider)}\n"), told.err


def test_a_person_who_is_signed_in_does_not_matter_and_a_service_account_does(
    in_ci: Machine, provider: Provider
) -> None:
    assert sign_in(in_ci).code == 0
    assert "for this process alone" in in_ci.run_here("token").err
    assert sign_in_service(in_ci).code == 0
    kept = last_token(provider)

    token = in_ci.run_here("token")

    assert token.out == f"{kept}\n"
    assert "for this process alone" not in token.err
    # Another app's is none of this one's.
    in_ci.variables["PROCORE_CLIENT_ID"] = "another"
    another = in_ci.run_here("token")
    assert_ended(another, 3)
    assert "invalid_client" in another.err


def test_without_the_apps_secret_here_a_sign_in_is_what_is_missing(machine: Machine) -> None:
    kept = ("configure", "--client-id", "another", "--client-secret-stdin", "--no-check")
    assert machine.run(*kept, stdin="hush").code == 0
    del machine.variables["PROCORE_CLIENT_ID"], machine.variables["PROCORE_CLIENT_SECRET"]

    result = machine.run_here("token", *AS_SERVICE)

    assert_ended(result, 4)
    assert "procore-login signin --service-account --company ID" in result.err


class TestInAProgram:
    @pytest.fixture(autouse=True)
    def _at_home(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        live_on(machine, monkeypatch)

    def test_a_process_makes_one_request(self, machine: Machine, provider: Provider) -> None:
        def call() -> None:
            url = f"{provider.url}/rest/v1.0/me"
            auth = ProcoreAuth(account="service-account", company=22222)
            assert requests.get(url, auth=auth, timeout=5).json() == SERVICE

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert get_token(account="service-account") == last_token(provider)
        assert asked(provider) == 1
        assert is_untouched(machine)

    def test_an_expired_or_refused_token_is_replaced(self, provider: Provider) -> None:
        provider.lifetime_s = 3
        auth = ProcoreAuth(account="service-account", company=22222)
        with requests.Session() as session:
            session.auth = auth
            url = f"{provider.url}/rest/v1.0/me"
            assert session.get(url).status_code == 200
            provider.lifetime_s = 5400
            assert session.get(url).status_code == 200
            provider.expire()
            assert session.get(url).status_code == 200
        # The first is so short that another is asked for at once.
        assert asked(provider) == 4

    def test_another_auths_renewal_is_heard_of(self, provider: Provider) -> None:
        first, second = (ProcoreAuth(account="service-account") for _ in range(2))
        url = f"{provider.url}/rest/v1.0/me"
        headers = [asyncio.run(each.async_headers(url))["Authorization"] for each in (first, second)]
        new = get_token(account="service-account", refused=headers[0].removeprefix("Bearer "))
        with mock.patch.object(token_cache, "_LOOK_S", 0):
            second._find_cache()._look_after = 0
            assert asyncio.run(second.async_headers(url))["Authorization"] == f"Bearer {new}"
        assert asked(provider) == 2

    def test_one_that_is_signed_in_is_kept_and_named_once(
        self, machine: Machine, provider: Provider, tmp_path: Path
    ) -> None:
        assert sign_in_service(machine).code == 0
        auth = ProcoreAuth(account="service-account")

        answer = requests.get(f"{provider.url}/rest/v1.0/me", auth=auth, timeout=5)

        assert answer.json() == SERVICE
        assert provider.requests[-1].company == COMPANY
        assert get_token() == last_token(provider)
        assert asked(provider) == 1
