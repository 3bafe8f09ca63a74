"""Whole commands against the embedded Procore, as a person lives through them."""

from __future__ import annotations

import shutil
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from procore_cli.callback import receiver
from procore_cli.demo.server import DemoServer
from tests.cli import Machine, browser
from tests.stub_browser import Browser
from tests.terminal import Terminal


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine", {"PROCORE_ENV": "demo"})


@pytest.fixture
def signed_up(machine: Machine, demo_data: Path) -> Machine:
    """Joe has signed up here."""
    shutil.copytree(demo_data, machine.data)
    return machine


def link_in(text: str) -> str:
    """The authorize link that a command printed."""
    return next(line for line in text.splitlines() if "/oauth/authorize?" in line)


def users(machine: Machine) -> list[tuple[int, int, str]]:
    with closing(sqlite3.connect(machine.data / "demo.db")) as connection:
        return connection.execute("SELECT id, procore_id, email FROM users ORDER BY id").fetchall()


def test_a_newcomer_signs_up_and_stays_signed_in(machine: Machine) -> None:
    signed_up = machine.run("signup", "--json")
    asked = machine.run_here("whoami", "--json")
    offline = machine.run_here("whoami", "--offline", "--json")

    assert signed_up.code == 0, signed_up.err
    assert signed_up.json["signed_up"] is True
    expected = {
        "environment": "demo",
        "id": 1,
        "procore_id": 11111,
        "email": "joecontractor@procore.com",
        "name": "Joe Contractor",
        "company": None,
        "expires_at": signed_up.json["expires_at"],
    }
    assert signed_up.json == {**expected, "signed_up": True}
    assert (asked.code, asked.json) == (0, expected)
    assert (offline.code, offline.json) == (0, expected)
    assert "Signed up as joecontractor@procore.com in demo" in signed_up.err
    assert "no browser can be opened" in signed_up.err


def test_a_demo_user_who_cannot_come_back_ends_the_command_at_once(machine: Machine) -> None:
    machine.variables["PROCORE_REDIRECT_URI"] = "https://example.com/callback"

    with Terminal(machine, "signup", "--timeout", "3600") as terminal:
        code = terminal.finish()

    assert code == 5, terminal.drawn
    assert "The demo user cannot sign in" in terminal.drawn
    assert "add --no-browser and open the link yourself" in terminal.drawn


def test_the_demo_user_comes_back_to_a_redirect_uri_without_a_path(machine: Machine) -> None:
    machine.variables["PROCORE_REDIRECT_URI"] = f"http://localhost:{machine.port}"

    signed_up = machine.run_here("signup", "--json")

    assert (signed_up.code, users(machine)) == (0, [(1, 11111, "joecontractor@procore.com")]), signed_up.err


def test_signing_up_twice_signs_in_and_says_so(signed_up: Machine) -> None:
    again = signed_up.run_here("signup", "--json")

    assert (again.code, again.json["signed_up"], again.json["id"]) == (0, False, 1)
    assert "had signed up before" in again.err
    assert users(signed_up) == [(1, 11111, "joecontractor@procore.com")]


def test_signing_in_unknown_creates_the_row_and_says_so(machine: Machine) -> None:
    signed_in = machine.run_here("signin", "--json")

    assert (signed_in.code, signed_in.json["signed_up"]) == (0, True)
    assert "was not known here" in signed_in.err


def test_the_browser_walks_through_login_and_consent_to_home(machine: Machine) -> None:
    with machine.start("signup", "--no-browser", "--json") as process:
        assert process.stderr is not None
        link = link_in("".join(iter_until(process.stderr, "/oauth/authorize?")))
        home = Browser().sign_in(link, "joecontractor@procore.com")
        out, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert urlsplit(home.url).path == "/home"
    assert '[1, 11111, "joecontractor@procore.com"]' in home.text.replace("&quot;", '"')
    assert "Joe Contractor" in home.text
    assert '"procore_id": 11111' in out


def iter_until(stream: Iterator[str], sign: str) -> Iterator[str]:
    """The lines of a stream up to the first that holds a sign."""
    for line in stream:
        yield line
        if sign in line:
            return


def test_the_link_asks_for_a_code_with_state_and_pkce(machine: Machine) -> None:
    result = machine.run_here("signup")

    query = parse_qs(urlsplit(link_in(result.err)).query)
    assert set(query) == {
        "client_id",
        "response_type",
        "redirect_uri",
        "state",
        "code_challenge",
        "code_challenge_method",
    }
    assert query["response_type"] == ["code"]
    assert query["redirect_uri"] == [machine.redirect_uri]
    assert query["code_challenge_method"] == ["S256"]
    assert query["state"][0].isalnum()
    assert len(query["state"][0]) >= 22


def test_a_second_user_becomes_the_current_one(signed_up: Machine) -> None:
    second = signed_up.run_here("signup", "--json", "--browser", browser("--email", "żółć@example.com"))
    first_again = signed_up.run_here("whoami", "--account", "11111", "--json")
    current = signed_up.run_here("whoami", "--json")

    assert (second.code, second.json["id"], second.json["email"]) == (0, 2, "żółć@example.com")
    assert "The current account was joecontractor@procore.com" in second.err
    assert first_again.json["email"] == "joecontractor@procore.com"
    assert current.json["email"] == "żółć@example.com"
    assert users(signed_up) == [(1, 11111, "joecontractor@procore.com"), (2, 11112, "żółć@example.com")]


def test_two_refreshes_in_a_row_work(signed_up: Machine) -> None:
    secrets = [set((signed_up.data / "secrets").iterdir())]
    for _ in range(2):
        result = signed_up.run_here("refresh", "--json")
        assert result.code == 0, result.err
        assert result.json["expires_at"] is not None
        secrets.append(set((signed_up.data / "secrets").iterdir()))

    assert signed_up.run_here("whoami").code == 0
    # Each refresh wrote a new entry and left nothing of the former one.
    assert [len(names) for names in secrets] == [1, 1, 1]
    assert len(set.union(*secrets)) == 3


def test_a_denied_consent_exits_4_and_stores_nothing(machine: Machine) -> None:
    denied = machine.run_here("signup", "--browser", browser("--deny"))

    assert denied.code == 4
    assert "denied" in denied.err
    assert "Hint:" in denied.err
    assert denied.out == ""
    assert users(machine) == []
    assert machine.run_here("whoami").code == 4


def test_nobody_comes_back_exits_4_and_names_the_redirect_uri(machine: Machine) -> None:
    result = machine.run_here("signup", "--no-browser", "--timeout", "1")

    assert result.code == 4
    assert machine.redirect_uri in result.err.splitlines()[-1]
    assert users(machine) == []


def test_a_browser_that_stays_away_from_home_costs_two_seconds_at_most(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert receiver.HOME_TIMEOUT_S == 2
    monkeypatch.setattr(receiver, "HOME_TIMEOUT_S", 0.2)

    result = machine.run_here("signup", "--json", "--browser", browser("--stay-away-from-home"))

    assert (result.code, result.json["procore_id"]) == (0, 11111)


def test_a_second_sign_in_right_after_the_first_works(machine: Machine) -> None:
    assert [machine.run_here("signin").code for _ in range(2)] == [0, 0]


def test_a_port_that_is_taken_on_either_family_exits_7(machine: Machine) -> None:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.create_server((address, machine.port), family=family):
            result = machine.run_here("signup")

        assert (result.code, result.out) == (7, "")
        assert str(machine.port) in result.err
        assert "process" in result.err


def test_ctrl_c_while_waiting_exits_130_and_frees_the_port(machine: Machine) -> None:
    with machine.start("signup", "--no-browser") as process:
        assert process.stderr is not None
        list(iter_until(process.stderr, "/oauth/authorize?"))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert users(machine) == []
    assert machine.run_here("signup").code == 0


def test_signing_in_as_somebody_else_than_asked_keeps_nothing(signed_up: Machine) -> None:
    wrong = signed_up.run_here(
        "signin",
        "--account",
        "joecontractor@procore.com",
        "--browser",
        browser("--email", "second@example.com"),
    )
    right = signed_up.run_here("signin", "--account", "JOECONTRACTOR@procore.com")

    assert wrong.code == 4
    assert "private window" in wrong.err
    assert right.code == 0
    assert users(signed_up) == [(1, 11111, "joecontractor@procore.com")]


def test_nobody_signed_in_exits_4(machine: Machine) -> None:
    for command in (["whoami"], ["whoami", "--offline"], ["refresh"]):
        result = machine.run_here(*command)
        assert result.code == 4
        assert "procore-login signin --env demo" in result.err


def test_an_unknown_account_exits_2_with_the_candidates(signed_up: Machine) -> None:
    result = signed_up.run_here("whoami", "--account", "nobody@example.com")

    assert result.code == 2
    assert "joecontractor@procore.com (11111)" in result.err


def test_a_demo_that_runs_elsewhere_is_used_and_none_is_started(machine: Machine, tmp_path: Path) -> None:
    with DemoServer(tmp_path / "elsewhere", lambda: 1_800_000_000.0) as server:
        machine.variables["PROCORE_LOGIN_URL"] = server.url
        result = machine.run_here("signup", "--json", "--browser", browser())

    assert result.code == 0, result.err
    assert result.json["signed_up"] is True
    assert not (machine.data / "demo").exists()


def test_the_pretend_tokens_are_kept_in_files_and_the_program_says_so(machine: Machine) -> None:
    result = machine.run_here("signup")

    assert "The demo's tokens are pretend; they are kept in files" in result.err
    assert list(machine.keyring.iterdir()) == []
    assert len(list((machine.data / "secrets").iterdir())) == 1


def test_the_keyring_is_used_for_the_demo_where_it_is_asked_for(machine: Machine) -> None:
    machine.variables["PROCORE_LOGIN_STORE"] = "keyring"

    result = machine.run_here("signup")

    assert result.code == 0, result.err
    assert len(list(machine.keyring.iterdir())) == 1
    assert not (machine.data / "secrets").exists()


def test_everything_in_the_data_folder_is_ours_alone(machine: Machine) -> None:
    machine.run_here("signup")

    modes = {path.stat().st_mode & 0o777 for path in machine.data.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in machine.data.rglob("*") if path.is_dir()}
    assert modes == {0o600}
    assert folders | {machine.data.stat().st_mode & 0o777} == {0o700}
