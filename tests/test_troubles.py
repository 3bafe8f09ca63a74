"""What goes wrong at Procore, on the network and on this machine, and what a person sees of it."""

import os
import secrets
from typing import Any
from unittest import mock

from tests.cli import Machine, Result, browser
from tests.provider import JOE, Answer, Provider, Request, serving
from tests.signed_in import assert_ended, saying

SIGN_UP = ("signup", "--json", "--browser", browser())


def rows(machine: Machine) -> list[tuple[Any, ...]]:
    is_there = (machine.data / "production.db").exists()
    return machine.sql("SELECT procore_id, email FROM users") if is_there else []


def assert_explained(result: Result, code: int, *said: str) -> None:
    """The documented exit code, an error and a hint, no traceback, no output; and what else is said."""
    assert_ended(result, code)
    for label in ("Error: ", "Hint: "):
        assert sum(line.startswith(label) for line in result.err.splitlines()) == 1, result.err
    assert result.out == ""
    assert [words for words in said if words not in result.err] == []


def test_signing_up_at_a_provider_that_is_not_ours(machine, provider):
    result = machine.run_here(*SIGN_UP).ended()
    assert result.json["procore_id"] == 11111
    form = next(request.form for request in provider.requests if request.path == "/oauth/token")
    assert " ".join(sorted(form)) == "client_id client_secret code code_verifier grant_type redirect_uri"
    assert provider.url in result.err.splitlines()[0]


NONSENSE = (
    Answer(200, "<html>hello</html>", {"Content-Type": "text/html"}),
    Answer(503, {"errors": "down"}, {"Retry-After": "7"}),
    Answer(302, "", {"Location": "https://elsewhere.example.com/?code=hush"}),
    Answer(200, {"id": "11111", "login": "a@example.com"}),
)


def test_an_answer_that_makes_no_sense_exits_5_and_stores_nothing(machine, provider):
    answers = [(path, answer) for path in ("/oauth/token", "/rest/v1.0/me") for answer in NONSENSE]
    for sent, (path, answer) in enumerate(answers, 1):
        provider.script = {path: lambda _, answer=answer: answer}
        assert_explained(machine.run_here(*SIGN_UP), 5, "production")
        assert (rows(machine), machine.kept()) == ([], [])
        assert provider.count("/oauth/token") == sent


def test_a_token_answer_that_says_little_will_do(machine, provider):
    for changes in ({"expires_in": ...}, {"expires_in": 10**30}, {"refresh_token": ...}):
        provider.script["/oauth/token"] = saying(provider, **changes)
        signed_up = machine.run_here(*SIGN_UP)
        machine.run_here("whoami", "--json").ended()
        assert signed_up.code == 0
        if "expires_in" in changes:
            assert (signed_up.json["expires_at"] is None) is (changes["expires_in"] is ...)
    # Without a refresh token.
    asked_for = provider.count("/oauth/token")
    assert_explained(machine.run_here("refresh"), 4)
    assert provider.count("/oauth/token") == asked_for


def test_a_denial_exits_4_says_denied_and_stores_nothing(machine, provider):
    provider.deny = True
    assert_explained(machine.run_here(*SIGN_UP), 4, "denied")
    assert (provider.count("/oauth/token"), rows(machine)) == (0, [])


def test_a_variable_that_makes_it_impossible_is_named(machine):
    for name, value, code, said in (
        ("PROCORE_CLIENT_ID", "", 3, "procore-login configure"),
        ("PROCORE_CLIENT_SECRET", "", 3, "procore-login configure"),
        ("REQUESTS_CA_BUNDLE", str(machine.home / "no-such.pem"), 3, "no such file"),
    ):
        other = Machine(machine.home, {**machine.variables, name: value}, machine.port)
        assert_explained(other.run_here(*SIGN_UP), code, name, said)
        assert rows(machine) == []
    assert_explained(machine.run_here("signup", "--browser", "no-such-program-here"), 2, "--browser")


def test_an_unreachable_procore_exits_5_and_costs_no_account(tmp_path):
    machine = Machine(tmp_path / "machine")
    with serving(Provider()) as gone:
        machine.point_at(gone)
        api, machine.variables["PROCORE_API_URL"] = gone.url, "http://127.0.0.1:1"
        assert_explained(machine.run_here(*SIGN_UP), 5, "refused")
        assert rows(machine) == []
        machine.variables["PROCORE_API_URL"] = api
        machine.run_here(*SIGN_UP)
    for name_of_command in ("whoami", "refresh"):
        assert_explained(machine.run_here(name_of_command), 5, "refused")
    # Nothing was sent, so the tokens are as good as before.
    assert machine.run_here("whoami", "--offline").code == 0
    assert machine.sql("SELECT kind, state FROM procore_login_entries") == [("signin", "live")]


def test_a_new_sign_in_revokes_the_former_tokens_and_failing_to_is_a_warning(machine, provider):
    machine.run_here(*SIGN_UP)
    former = provider.issued[-2:]
    machine.run_here(*SIGN_UP)
    revoked = [request.form["token"] for request in provider.requests if request.path == "/oauth/revoke"]
    assert sorted(revoked) == sorted(former)
    assert machine.run_here("whoami").code == 0
    assert len(machine.kept()) == 1
    provider.script["/oauth/revoke"] = lambda _: Answer(500, "")
    machine.run_here(*SIGN_UP).ended(0, "Warning: ")


def test_a_keyring_that_fails_is_found_before_the_browser_opens(machine, provider):
    for fault in ("missing", "locked", "fail-at-write", "forget-write", "tear-write"):
        machine.variables["TEST_KEYRING_FAULT"] = fault
        result = machine.run_here(*SIGN_UP)
        assert_explained(result, 6, "Error: production: ", "configure --store file")
        assert (provider.requests, rows(machine)) == ([], [])


def test_a_keyring_that_fails_after_the_browser_stores_no_row(machine, provider):
    def break_keyring(_: Request) -> None:
        os.environ["TEST_KEYRING_FAULT"] = "fail-at-write"

    provider.script["/rest/v1.0/me"] = break_keyring
    assert_explained(machine.run_here(*SIGN_UP), 6)
    assert rows(machine) == machine.sql("SELECT * FROM procore_login_entries") == []


def test_a_database_that_is_none_exits_6_untouched(machine):
    path = machine.write("production.db", "this is no database, and it is long enough to look at" * 40)
    before = path.read_bytes()
    for arguments in (SIGN_UP, ("whoami",), ("whoami", "--offline")):
        assert_explained(machine.run_here(*arguments), 6)
    assert path.read_bytes() == before


def test_open_modes_are_tightened_and_reported(machine):
    machine.run_here(*SIGN_UP)
    machine.data.chmod(0o755)
    (machine.data / "production.db").chmod(0o644)
    machine.run_here("whoami", "--offline").ended(0, "0755", "0644")
    assert (machine.data / "production.db").stat().st_mode & 0o777 == 0o600


def test_signing_up_ignores_a_token_from_elsewhere_and_says_so(machine):
    machine.variables["PROCORE_ACCESS_TOKEN"] = "hush-elsewhere"
    machine.run_here(*SIGN_UP).ended(0, "PROCORE_ACCESS_TOKEN")


def test_a_person_that_is_not_the_accounts_ends_with_4(machine, provider):
    machine.run_here(*SIGN_UP)
    provider.person = {**JOE, "id": 22222}
    assert_explained(machine.run_here("whoami"), 4)


def test_a_bug_of_ours_exits_1_without_a_traceback(machine, monkeypatch):
    said = "what a foreign exception says may hold anything"
    monkeypatch.setattr(secrets, "choice", mock.Mock(side_effect=ZeroDivisionError(said)))
    plain, debugged = machine.run_here(*SIGN_UP), machine.run_here(*SIGN_UP, "--debug")
    assert_explained(plain, 1, "--debug")
    assert 'File "' in debugged.err
    assert said not in debugged.err
