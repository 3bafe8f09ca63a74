"""Whole commands against the embedded Procore, as a person lives through them."""

import shutil
import signal
import socket
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from procore_cli.callback import receiver
from procore_cli.demo.server import DemoServer
from tests.cli import Machine, browser
from tests.hostile.waiting import read_link
from tests.stub_browser import Browser
from tests.terminal import Terminal

JOE = "joecontractor@procore.com"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine", {"PROCORE_ENV": "demo"})


@pytest.fixture
def signed_up(machine: Machine, demo_data: Path) -> Machine:
    """Joe has signed up here."""
    shutil.copytree(demo_data, machine.data)
    return machine


def users(machine: Machine) -> list[tuple[int, int, str]]:
    return machine.sql("SELECT id, procore_id, email FROM users ORDER BY id", "demo")


def test_a_newcomer_signs_up_and_stays_signed_in(machine):
    signed_up = machine.run("signup", "--json")
    asked = machine.run_here("whoami", "--json")
    offline = machine.run_here("whoami", "--offline", "--json")
    assert signed_up.code == 0, signed_up.err
    expected = {
        "environment": "demo",
        "id": 1,
        "procore_id": 11111,
        "email": JOE,
        "name": "Joe Contractor",
        "company": None,
        "expires_at": signed_up.json["expires_at"],
        "kind": "user",
    }
    assert signed_up.json == {**expected, "signed_up": True}
    assert (asked.code, asked.json) == (offline.code, offline.json) == (0, expected)
    for said in (
        f"Signed up as {JOE} in demo",
        "no browser can be opened",
        "The demo's tokens are pretend; they are kept in files",
    ):
        assert said in signed_up.err
    # Where somebody may see them they are ours alone.
    assert (machine.kept(), len(list((machine.data / "secrets").iterdir()))) == ([], 1)
    paths = [machine.data, *machine.data.rglob("*")]
    assert {(path.is_dir(), path.stat().st_mode & 0o777) for path in paths} == {(True, 0o700), (False, 0o600)}


def test_where_the_demo_user_could_not_come_back_the_person_is_asked(machine):
    with socket.create_server(("127.0.0.1", machine.port)):
        for redirect_uri, *options in (
            ["https://example.com/callback"],
            [machine.redirect_uri, "--paste"],
            [machine.redirect_uri],
        ):
            machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri
            with Terminal(machine, "signup", *options) as terminal:
                terminal.read_link()
                terminal.read_until("paste the address of the last page here")
                terminal.send(signal.SIGINT)
                assert terminal.finish() == 130, terminal.drawn
            assert "by itself" not in terminal.said


def test_what_is_typed_while_the_demo_user_signs_in_is_left_to_the_shell(machine):
    with Terminal(machine, "signup") as terminal:
        terminal.type("ls")
        assert terminal.finish() == 0, terminal.drawn
    assert "/oauth/authorize" not in terminal.said
    assert "aste" not in terminal.said


def test_signing_up_twice_signs_in_and_signing_in_unknown_creates_the_row_and_they_say_so(machine):
    # The demo user comes back to a redirect URI without a path, too.
    machine.variables["PROCORE_REDIRECT_URI"] = f"http://localhost:{machine.port}"
    first, again = machine.run_here("signin", "--json"), machine.run_here("signup", "--json")
    assert (first.code, first.json["signed_up"]) == (0, True), first.err
    assert "the first sign-in here. No Procore account was made." in first.err
    assert (again.code, again.json["signed_up"], again.json["id"]) == (0, False, 1)
    assert "had signed up before" in again.err
    assert again.err.startswith(f"You are signed in to demo as {JOE} already; this signs in once more.\n")
    assert "already" not in first.err
    assert users(machine) == [(1, 11111, JOE)]


def test_the_browser_walks_through_login_and_consent_to_home(machine):
    with machine.start("signup", "--no-browser", "--json") as process:
        link = read_link(process)
        home = Browser().sign_in(link, JOE)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert urlsplit(home.url).path == "/home"
    assert '[1, 11111, "joecontractor@procore.com"]' in home.text.replace("&quot;", '"')
    assert "Joe Contractor" in home.text
    assert '"procore_id": 11111' in out
    query = parse_qs(urlsplit(link).query)
    names = "client_id code_challenge code_challenge_method redirect_uri response_type state"
    assert " ".join(sorted(query)) == names
    assert query["response_type"] == ["code"]
    assert query["redirect_uri"] == [machine.redirect_uri]
    assert query["code_challenge_method"] == ["S256"]
    (state,) = query["state"]
    assert (state.isalnum(), len(state) >= 22) == (True, True)


def test_a_second_user_becomes_the_current_one(signed_up):
    second = signed_up.run_here("signup", "--json", "--browser", browser("--email", "żółć@example.com"))
    first_again = signed_up.run_here("whoami", "--account", "11111", "--json")
    current = signed_up.run_here("whoami", "--json")
    assert (second.code, second.json["id"], second.json["email"]) == (0, 2, "żółć@example.com")
    assert "The current account was joecontractor@procore.com" in second.err
    assert first_again.json["email"] == JOE
    assert current.json["email"] == "żółć@example.com"
    assert users(signed_up) == [(1, 11111, JOE), (2, 11112, "żółć@example.com")]


def test_nobody_comes_back_exits_4_and_names_the_redirect_uri(machine):
    result = machine.run_here("signup", "--no-browser", "--timeout", "1").ended(4, "--timeout SECONDS waits")
    assert machine.redirect_uri in result.err.splitlines()[-1]
    assert users(machine) == []
    for command in (["whoami"], ["whoami", "--offline"], ["refresh"]):
        machine.run_here(*command).ended(4, "procore-login signin")


def test_a_browser_that_stays_away_from_home_costs_two_seconds_at_most(machine, monkeypatch):
    assert receiver.HOME_TIMEOUT_S == 2
    monkeypatch.setattr(receiver, "HOME_TIMEOUT_S", 0.2)
    result = machine.run_here("signup", "--json", "--browser", browser("--stay-away-from-home")).ended()
    assert result.json["procore_id"] == 11111


def test_a_port_at_which_another_sign_in_waits_is_told_with_its_process(machine):
    with machine.start("signup", "--no-browser") as waiting:
        read_link(waiting)
        machine.run_here("signup").ended(
            7, f"Another sign-in waits there (process {waiting.pid}).", "Finish it in its browser"
        )
        waiting.send_signal(signal.SIGTERM)


def test_a_port_that_is_taken_on_either_family_exits_7(machine):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.create_server((address, machine.port), family=family):
            result = machine.run_here("signup")
        assert (result.code, result.out) == (7, "")
        assert str(machine.port) in result.err
        assert "process" in result.err


def test_ctrl_c_while_waiting_exits_130_and_frees_the_port(machine):
    with machine.start("signup", "--no-browser") as process:
        read_link(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert users(machine) == []
    assert machine.run_here("signup").code == 0


def test_signing_in_as_somebody_else_than_asked_keeps_nothing(signed_up):
    somebody = browser("--email", "second@example.com")
    wrong = signed_up.run_here("signin", "--account", JOE, "--browser", somebody)
    right = signed_up.run_here("signin", "--account", "JOECONTRACTOR@procore.com")
    assert (wrong.code, right.code, "private window" in wrong.err) == (4, 0, True)
    assert users(signed_up) == [(1, 11111, JOE)]


def test_a_demo_that_runs_elsewhere_is_used_and_none_is_started_and_the_keyring_where_it_is_asked_for(
    machine, tmp_path
):
    machine.variables["PROCORE_LOGIN_STORE"] = "keyring"
    with DemoServer(tmp_path / "elsewhere", lambda: 1_800_000_000.0) as server:
        machine.variables["PROCORE_LOGIN_URL"] = server.url
        result = machine.run_here("signup", "--json", "--browser", browser()).ended()
    assert result.json["signed_up"] is True
    assert not (machine.data / "demo").exists()
    assert (len(machine.kept()), (machine.data / "secrets").exists()) == (1, False)
