"""What goes wrong at Procore, on the network and on this machine, and what a person sees of it."""

from __future__ import annotations

import os
import secrets
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Machine, browser, command
from tests.provider import JOE, Answer, Provider, Request, serving

SIGN_UP = ("signup", "--json", "--browser", browser())


def changed(provider: Provider, **changes: Any) -> Callable[[Request], Answer]:
    """A token answer with other values; None takes the key away."""

    def answer(_: Request) -> Answer:
        body = {**provider.tokens(), **changes}
        return Answer(200, {key: value for key, value in body.items() if value is not None})

    return answer


def rows(machine: Machine) -> list[tuple[Any, ...]]:
    path = machine.data / "production.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT procore_id, email FROM users").fetchall()


def listed(machine: Machine) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(machine.data / "production.db")) as connection:
        return connection.execute("SELECT kind, state FROM procore_login_entries").fetchall()


def assert_explained(result: Any, code: int) -> None:
    """The documented exit code, an error and a hint, nothing on stdout, no traceback."""
    assert result.code == code, result.err
    errors = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    hints = [line for line in result.err.splitlines() if line.startswith("Hint: ")]
    assert len(errors) == 1, result.err
    assert len(hints) == 1, result.err
    assert result.out == ""
    assert "Traceback" not in result.err
    assert "hush" not in result.err


def test_signing_up_at_a_provider_that_is_not_ours(machine: Machine, provider: Provider) -> None:
    result = machine.run_here(*SIGN_UP)

    assert result.code == 0, result.err
    assert result.json["procore_id"] == 11111
    form = next(request.form for request in provider.requests if request.path == "/oauth/token")
    assert set(form) == {
        "grant_type",
        "client_id",
        "client_secret",
        "code",
        "redirect_uri",
        "code_verifier",
    }
    assert provider.url in result.err.splitlines()[0]


NONSENSE = {
    "HTML": Answer(200, "<html>hello</html>", {"Content-Type": "text/html"}),
    "an empty body": Answer(200, ""),
    "a list": Answer(200, []),
    "null": Answer(200, "null"),
    "500": Answer(500, "<html>oops</html>"),
    "503": Answer(503, {"errors": "down"}, {"Retry-After": "7"}),
    "a redirect": Answer(302, "", {"Location": "https://elsewhere.example.com/?code=hush"}),
    "bytes that are no text": Answer(200, b"\xff\xfe\x00"),
}
# A person without a usable id or login.
NOBODY: tuple[dict[str, Any], ...] = (
    {"login": "a@example.com", "name": "A"},
    {"id": "11111", "login": "a@example.com", "name": "A"},
    {"id": True, "login": "a@example.com", "name": "A"},
    {"id": 2**64, "login": "a@example.com", "name": "A"},
    {"id": 1, "name": "A"},
)
MISSHAPEN: tuple[dict[str, Any], ...] = (
    {"access_token": None},
    {"access_token": 5},
    {"access_token": "two words"},
    {"token_type": "mac"},
    {"expires_in": True},
    {"expires_in": "soon"},
    {"refresh_token": ["x"]},
)


def test_an_answer_that_makes_no_sense_exits_5_and_stores_nothing(
    machine: Machine, provider: Provider
) -> None:
    answers: list[tuple[str, Callable[[Request], Answer]]] = [
        *(("/oauth/token", lambda _, answer=answer: answer) for answer in NONSENSE.values()),
        *(("/rest/v1.0/me", lambda _, answer=answer: answer) for answer in NONSENSE.values()),
        *(("/rest/v1.0/me", lambda _, person=person: Answer(200, person)) for person in NOBODY),
        *(("/oauth/token", changed(provider, **changes)) for changes in MISSHAPEN),
    ]
    for sent, (path, answer) in enumerate(answers, 1):
        provider.script = {path: answer}

        result = machine.run_here(*SIGN_UP)

        assert_explained(result, 5)
        assert "production" in result.err
        assert rows(machine) == []
        assert list(machine.keyring.iterdir()) == []
        assert provider.count("/oauth/token") == sent


def test_a_token_answer_that_says_little_will_do(machine: Machine, provider: Provider) -> None:
    for changes in (
        {"token_type": "BEARER"},
        {"refresh_token": None},
        {"expires_in": None},
        {"created_at": None},
        {"created_at": 10**12},
        {"expires_in": 10**30},
    ):
        provider.script["/oauth/token"] = changed(provider, **changes)

        signed_up = machine.run_here(*SIGN_UP)
        asked = machine.run_here("whoami", "--json")

        assert (signed_up.code, asked.code) == (0, 0), signed_up.err + asked.err
        if "expires_in" in changes:
            assert (signed_up.json["expires_at"] is None) is (changes["expires_in"] is None)


def test_without_a_refresh_token_refreshing_ends_with_4(machine: Machine, provider: Provider) -> None:
    provider.script["/oauth/token"] = changed(provider, refresh_token=None)
    machine.run_here(*SIGN_UP)

    assert_explained(machine.run_here("refresh"), 4)
    assert provider.count("/oauth/token") == 1


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one(
    machine: Machine, provider: Provider
) -> None:
    machine.run_here(*SIGN_UP)
    provider.script["/oauth/token"] = changed(provider, refresh_token=None)

    results = [machine.run_here("refresh", "--json") for _ in range(2)]

    assert [result.code for result in results] == [0, 0]
    sent = [r.form["refresh_token"] for r in provider.requests if r.form.get("grant_type") == "refresh_token"]
    assert len(set(sent)) == 1


def test_an_id_beyond_32_bits_and_a_null_name_are_fine(machine: Machine, provider: Provider) -> None:
    provider.person = {"id": 2**40 + 1, "login": "łódź@example.com", "name": None}

    result = machine.run_here(*SIGN_UP)

    assert (result.code, result.json["procore_id"], result.json["name"]) == (0, 2**40 + 1, None)
    assert machine.run_here("whoami").code == 0
    assert rows(machine) == [(2**40 + 1, "łódź@example.com")]


def test_a_name_with_markup_and_control_characters_is_shown_escaped(
    machine: Machine, provider: Provider
) -> None:
    name = "[red]Joe[/red] <b>x</b> \x1b[31m\u202e"
    provider.person = {**JOE, "name": name}

    assert machine.run_here(*SIGN_UP).json["name"] == name
    shown = machine.run_here("whoami")

    assert "[red]Joe[/red] <b>x</b> \\x1b[31m\\u202e" in shown.out
    assert "\x1b" not in shown.out + shown.err


def test_a_wrong_secret_exits_3_and_asks_for_the_environment(machine: Machine) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = "hush-wrong"

    result = machine.run_here(*SIGN_UP)

    assert_explained(result, 3)
    assert "invalid_client" in result.err
    assert "PROCORE_CLIENT_ID" in result.err
    assert "right environment" in result.err


def test_a_denial_exits_4_and_says_denied(machine: Machine, provider: Provider) -> None:
    provider.deny = True

    result = machine.run_here(*SIGN_UP)

    assert_explained(result, 4)
    assert "denied" in result.err
    assert provider.count("/oauth/token") == 0


def test_no_client_id_or_secret_exits_3_and_names_configure(machine: Machine) -> None:
    for missing in ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET"):
        other = Machine(machine.home, {**machine.variables, missing: ""}, machine.port)

        result = other.run_here(*SIGN_UP)

        assert_explained(result, 3)
        assert "procore-login configure --env production" in result.err
        assert missing in result.err


def test_an_unreachable_procore_exits_5_and_costs_no_account(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    with serving(Provider()) as gone:
        machine.point_at(gone)
        machine.run_here(*SIGN_UP)

    for name_of_command in ("whoami", "refresh"):
        result = machine.run_here(name_of_command)
        assert_explained(result, 5)
        assert "refused" in result.err

    # Nothing was sent, so the tokens are as good as before.
    assert machine.run_here("whoami", "--offline").code == 0
    assert listed(machine) == [("signin", "live")]


def test_the_api_going_away_exits_5(machine: Machine, provider: Provider) -> None:
    machine.variables["PROCORE_API_URL"] = "http://127.0.0.1:1"

    result = machine.run_here(*SIGN_UP)

    assert_explained(result, 5)
    assert "refused" in result.err
    assert rows(machine) == []


def test_a_refresh_token_that_is_refused_is_never_sent_again(machine: Machine, provider: Provider) -> None:
    machine.run_here(*SIGN_UP)
    provider.script["/oauth/token"] = lambda _: Answer(400, {"error": "invalid_grant"})

    results = [
        machine.run_here("refresh"),
        machine.run_here("refresh"),
        machine.run_here("whoami", "--offline"),
    ]

    for result in results:
        assert_explained(result, 4)
    assert provider.count("/oauth/token") == 2
    assert list(machine.keyring.iterdir()) == []


def test_tokens_of_another_app_or_host_are_sent_nowhere(
    machine: Machine, provider: Provider, tmp_path: Path
) -> None:
    machine.run_here(*SIGN_UP)
    before = len(provider.requests)
    for name, value in (
        ("PROCORE_CLIENT_ID", "another-client"),
        ("PROCORE_LOGIN_URL", "http://127.0.0.1:2"),
        ("PROCORE_API_URL", "http://127.0.0.1:3"),
    ):
        other = Machine(machine.home, {**machine.variables, name: value}, machine.port)
        for name_of_command in ("whoami", "refresh"):
            result = other.run_here(name_of_command)
            assert_explained(result, 3)
            assert value in result.err
            assert machine.variables[name] in result.err
            assert name in result.err
    assert len(provider.requests) == before


def test_a_new_sign_in_revokes_the_former_tokens(machine: Machine, provider: Provider) -> None:
    machine.run_here(*SIGN_UP)
    former = provider.issued[-2:]
    machine.run_here(*SIGN_UP)

    revoked = [request.form["token"] for request in provider.requests if request.path == "/oauth/revoke"]
    assert sorted(revoked) == sorted(former)
    assert machine.run_here("whoami").code == 0
    assert len(list(machine.keyring.iterdir())) == 1


def test_failing_to_revoke_is_a_warning(machine: Machine, provider: Provider) -> None:
    machine.run_here(*SIGN_UP)
    provider.script["/oauth/revoke"] = lambda _: Answer(500, "")

    again = machine.run_here(*SIGN_UP)

    assert again.code == 0
    assert "Warning: " in again.err


def test_a_keyring_that_fails_is_found_before_the_browser_opens(machine: Machine, provider: Provider) -> None:
    for fault in ("missing", "locked", "fail-at-write", "forget-write", "tear-write"):
        machine.variables["TEST_KEYRING_FAULT"] = fault

        result = machine.run_here(*SIGN_UP)

        assert_explained(result, 6)
        assert "Error: production: " in result.err
        assert "configure --store file" in result.err
        assert provider.requests == []
        assert rows(machine) == []


def test_a_keyring_that_fails_after_the_browser_stores_no_row(machine: Machine, provider: Provider) -> None:
    def break_keyring(_: Request) -> None:
        os.environ["TEST_KEYRING_FAULT"] = "fail-at-write"

    provider.script["/rest/v1.0/me"] = break_keyring

    result = machine.run_here(*SIGN_UP)

    assert_explained(result, 6)
    assert rows(machine) == []
    assert listed(machine) == []


def test_a_database_that_is_none_exits_6_untouched(machine: Machine) -> None:
    machine.data.mkdir(mode=0o700)
    path = machine.data / "production.db"
    path.write_text("this is no database, and it is long enough to look at" * 40)
    path.chmod(0o600)
    before = path.read_bytes()

    for arguments in (SIGN_UP, ("whoami",), ("whoami", "--offline")):
        assert_explained(machine.run_here(*arguments), 6)
    assert path.read_bytes() == before


def test_a_data_folder_that_is_a_file_exits_6(machine: Machine) -> None:
    machine.data.write_text("")

    assert_explained(machine.run_here(*SIGN_UP), 6)


def test_a_data_folder_of_somebody_else_exits_6(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.data.mkdir(mode=0o700)
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)

    assert_explained(machine.run_here(*SIGN_UP), 6)


def test_open_modes_are_tightened_and_reported(machine: Machine) -> None:
    machine.run_here(*SIGN_UP)
    machine.data.chmod(0o755)
    (machine.data / "production.db").chmod(0o644)

    result = machine.run_here("whoami", "--offline")

    assert result.code == 0
    assert "0755" in result.err
    assert "0644" in result.err
    assert (machine.data / "production.db").stat().st_mode & 0o777 == 0o600


def test_an_unreadable_ca_file_exits_3(machine: Machine) -> None:
    machine.variables["REQUESTS_CA_BUNDLE"] = str(machine.home / "no-such.pem")

    result = machine.run_here(*SIGN_UP)

    assert_explained(result, 3)
    assert "REQUESTS_CA_BUNDLE" in result.err


def test_signing_up_ignores_a_token_from_elsewhere_and_says_so(machine: Machine) -> None:
    machine.variables["PROCORE_ACCESS_TOKEN"] = "hush-elsewhere"

    result = machine.run_here(*SIGN_UP)

    assert result.code == 0
    assert "PROCORE_ACCESS_TOKEN" in result.err


def test_what_cannot_be_understood_exits_2_with_a_hint(machine: Machine) -> None:
    for arguments, text in {
        ("signpu",): "signup",
        ("whoami", "--env", "sandbx"): "sandbox",
        ("whoami", "--nonsense"): "whoami --help",
        ("signup", "--timeout", "soon"): "signup --help",
        ("signup", "--browser", "no-such-program-here"): "--browser",
        ("refresh", "surplus"): "refresh --help",
    }.items():
        result = machine.run_here(*arguments)
        assert_explained(result, 2)
        assert text in result.err


def test_a_person_that_is_not_the_accounts_ends_with_4(machine: Machine, provider: Provider) -> None:
    machine.run_here(*SIGN_UP)
    provider.person = {**JOE, "id": 22222}

    assert_explained(machine.run_here("whoami"), 4)


def test_an_output_that_is_full_exits_6_and_says_so(machine: Machine) -> None:
    machine.run_here(*SIGN_UP)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command(), "whoami", "--offline", "--json"],
            env=machine.environ(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 6
    assert "Hint: " in done.stderr
    assert "Standard output cannot be written: No space left on device" in done.stderr


def test_a_reader_that_went_away_ends_quietly(machine: Machine) -> None:
    machine.run_here(*SIGN_UP)
    with subprocess.Popen(
        [*command(), "whoami", "--offline", "--json"],
        env=machine.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()

    assert process.returncode == 0
    assert "Error" not in err


def test_a_bug_of_ours_exits_1_without_a_traceback(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "what a foreign exception says may hold anything"

    def fail(*_: object) -> None:
        raise ZeroDivisionError(said)

    monkeypatch.setattr(secrets, "choice", fail)

    plain, debugged = machine.run_here(*SIGN_UP), machine.run_here(*SIGN_UP, "--debug")

    assert_explained(plain, 1)
    assert "--debug" in plain.err
    assert 'File "' in debugged.err
    assert said not in debugged.err
