"""The fixture `procore_demo`, used as a team's own tests would use it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import requests

from procore_cli import Accounts, ConsentDeniedError, ProcoreAuth, current_user, get_token, testing
from procore_cli.errors import SignInNeededError
from procore_cli.testing import ProcoreDemo
from tests.cli import ROOT, Machine

PROJECTS = "/rest/v1.0/companies/{company_id}/projects"
# The fixture, whether the plugin is installed here or not.
procore_demo = testing.procore_demo


def ask(demo: ProcoreDemo, target: str = PROJECTS, token: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token or demo.token}", "Procore-Company-Id": str(demo.company_id)}
    return requests.get(demo.url + target.format(company_id=demo.company_id), headers=headers, timeout=60)


BY_NAME = "pytest_plugins = ['procore_cli.testing']"
ENTRY, MODULE = ("-p", "procore-login"), ("-p", "procore_cli.testing")
THEIRS = """
import os, threading, urllib.request

def test_it(procore_demo):
    request = urllib.request.Request(procore_demo.api_url + '/rest/v1.0/me')
    request.add_header('Authorization', 'Bearer ' + procore_demo.token)
    with urllib.request.urlopen(request) as response:
        assert b'joecontractor' in response.read()

def test_one(procore_demo):
    procore_demo.add_company('Left over')
    procore_demo.respond('GET', '/rest/v1.0/me', status=500)

def test_two(procore_demo):
    assert procore_demo.add_company('First of mine') == 44445
    assert procore_demo.calls == []

def test_without():
    assert not [name for name in os.environ if name.startswith('PROCORE_')]
    assert threading.active_count() == 1
"""


def run_pytest(folder: Path, options: tuple[str, ...], environ: dict[str, str]) -> str:
    """What pytest says to the test files of a folder, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROCORE_", "COV"))}
    # A folder of its own: in the one for all, another run may be clearing up.
    own = ("--basetemp", str(folder / "basetemp"), "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", *own, *options],
        cwd=folder,
        env=kept | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTEST_ADDOPTS": "", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    return done.stdout + done.stderr


def test_other_peoples_tests_have_a_procore_each_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(THEIRS, encoding="utf-8")
    said = run_pytest(tmp_path, MODULE, {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})

    assert "4 passed" in said, said


# As programs have it: made once, when the module is imported.
MODULE_AUTH = ProcoreAuth(company=22222)


@pytest.mark.parametrize("number", range(2))
def test_an_auth_that_lives_at_module_level_works_in_every_test(
    procore_demo: ProcoreDemo, number: int
) -> None:
    path = PROJECTS.format(company_id=22222)
    assert MODULE_AUTH.api_url == procore_demo.api_url
    assert requests.get(MODULE_AUTH.api_url + path, auth=MODULE_AUTH, timeout=60).status_code == 200
    assert [call.path for call in procore_demo.calls] == [path]


def test_the_plugin_costs_nothing_where_it_is_not_used() -> None:
    program = (
        "import sys, pytest; before = set(sys.modules); import procore_cli.testing;"
        "print(*sorted(set(sys.modules) - before))"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environ["PYTHONPATH"] = str(ROOT)
    found = subprocess.check_output([sys.executable, "-c", program], text=True, env=environ)

    assert set(found.split()) <= {"procore_cli", "procore_cli.testing"}


@pytest.mark.parametrize(
    ("options", "environ", "conftest", "found"),
    [
        ((), {}, "", "1 passed"),
        ((), {}, BY_NAME, "1 passed"),
        ((*MODULE, *ENTRY), {}, "", "1 passed"),
        ((*ENTRY, *MODULE), {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, BY_NAME, "1 passed"),
        (("-p", "no:procore-login", *MODULE), {}, "", "1 passed"),
        ((), {"PYTEST_PLUGINS": "procore_cli.testing,procore-login"}, "", "1 passed"),
        (("-p", "no:procore-login"), {}, "", "fixture 'procore_demo' not found"),
    ],
)
def test_the_plugin_can_be_left_out_and_works_under_each_of_its_names_and_under_both(
    tmp_path: Path, options: tuple[str, ...], environ: dict[str, str], conftest: str, found: str
) -> None:
    # Installed as pyproject.toml has it.
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    entry = lines[lines.index("[project.entry-points.pytest11]") + 1].replace('"', "")
    installed = tmp_path / "procore_login-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: procore-login\nVersion: 0\n")
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{entry}\n")
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_theirs.py").write_text("def test_it(procore_demo):\n    assert procore_demo.token\n")
    # What else is installed here only takes time.
    others = {plugin.name for plugin in entry_points(group="pytest11")} - {"procore-login"}
    without = [word for name in sorted(others) for word in ("-p", f"no:{name}")]

    said = run_pytest(tmp_path, (*without, *options), environ)

    assert found in said, said


def test_the_variables_are_set_no_other_of_ours_is_and_no_proxy_gets_between(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name in ("PROCORE_ACCESS_TOKEN", "PROCORE_COMPANY_ID"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "example.com")
    demo = request.getfixturevalue("procore_demo")

    assert {n: v for n, v in os.environ.items() if n.startswith("PROCORE_")} == demo.environ
    assert (demo.environ["PROCORE_ENV"], demo.environ["PROCORE_LOGIN_URL"]) == ("demo", demo.login_url)
    app = (demo.client_id, demo.client_secret)
    assert (demo.environ["PROCORE_CLIENT_ID"], demo.environ["PROCORE_CLIENT_SECRET"]) == app
    assert os.environ["NO_PROXY"].startswith("example.com,")
    assert ask(demo).status_code == 200


def test_the_commands_work_at_once(procore_demo: ProcoreDemo, tmp_path: Path) -> None:
    assert get_token() == procore_demo.token
    machine = Machine(tmp_path / "machine", dict(procore_demo.environ))
    assert machine.run_here("whoami", "--json").json["procore_id"] == procore_demo.user_id
    assert machine.run_here("token").out.strip() == procore_demo.token


def test_tokens_expire_and_are_refreshed_and_once_revoked_need_a_person(procore_demo: ProcoreDemo) -> None:
    me = procore_demo.url + "/rest/v1.0/me"
    procore_demo.expire_tokens()
    assert ask(procore_demo).status_code == 401
    assert requests.get(me, auth=ProcoreAuth(), timeout=60).json()["id"] == procore_demo.user_id
    assert get_token() != procore_demo.token
    assert [call.path for call in procore_demo.calls].count("/oauth/token") == 1
    procore_demo.forget_calls()
    assert procore_demo.calls == []
    procore_demo.revoke_tokens()
    with pytest.raises(SignInNeededError):
        requests.get(me, auth=ProcoreAuth(), timeout=60)


def test_after_a_sign_out_nobody_is_signed_in(procore_demo: ProcoreDemo) -> None:
    procore_demo.sign_out()

    assert ask(procore_demo).status_code == 401
    with pytest.raises(SignInNeededError):
        get_token()


def test_users_can_be_added_and_signed_in_for_as_long_as_is_said(procore_demo: ProcoreDemo) -> None:
    second = procore_demo.add_user("second@example.com", "Second Person")
    procore_demo.set_token_lifetime(1800)
    token = procore_demo.sign_in("second@example.com")

    me = ask(procore_demo, "/rest/v1.0/me", token).json()
    assert me == {"id": second.id, "login": "second@example.com", "name": "Second Person"}
    assert 1700 < ask(procore_demo, "/oauth/token/info", token).json()["expires_in_seconds"] <= 1800
    assert get_token() == token
    assert get_token(account=procore_demo.email) == procore_demo.token
    with pytest.raises(ValueError, match="not an e-mail"):
        procore_demo.add_user("nobody")
    with pytest.raises(ValueError, match="seconds is not"):
        procore_demo.set_token_lifetime(0)


# As a web app has it.
MODULE_ACCOUNTS = Accounts()


@pytest.mark.parametrize("number", range(2))
def test_people_sign_up_in_a_web_app_and_come_back_with_yes_or_no(
    procore_demo: ProcoreDemo, number: int
) -> None:
    accounts, callback = MODULE_ACCOUNTS, "https://app.example.com/callback"
    found = []
    for email in (None, "second@example.com", "second@example.com"):
        begin = accounts.begin(callback)
        user = accounts.finish(procore_demo.allow(begin.url, email), begin.kept)
        found.append((user.email, user.signed_up))
        answer = requests.get(f"{procore_demo.api_url}/rest/v1.0/me", auth=accounts.auth(user.id), timeout=60)
        assert answer.json()["login"] == user.email
    assert found == [
        (procore_demo.email, False),
        ("second@example.com", True),
        ("second@example.com", False),
    ]
    assert current_user().email == procore_demo.email
    begin = accounts.begin(callback)
    with pytest.raises(ConsentDeniedError):
        accounts.finish(procore_demo.deny(begin.url), begin.kept)
    for link in ("https://login.procore.com/oauth/authorize", f"{procore_demo.url}/oauth/authorize?x=1"):
        for decide in (procore_demo.allow, procore_demo.deny):
            with pytest.raises(ValueError, match=r"leads to https|client_id"):
                decide(link)


def test_answers_can_be_canned_for_whatever_an_integrator_needs(procore_demo: ProcoreDemo) -> None:
    rfis = "/rest/v1.0/projects/501/rfis"
    every = "/rest/v1.0/projects/{id}/rfis"
    procore_demo.respond("GET", every, json=[*range(150)], pages=True)
    procore_demo.respond("GET", every, json=[7], query={"page": 2, "view": "short"})
    procore_demo.respond("GET", every, status=503, times=2, headers={"Retry-After": "0"})
    replies = [ask(procore_demo, f"{rfis}?page=2{more}") for more in ("", "", "", "&view=short")]

    assert [reply.status_code for reply in replies] == [503, 503, 200, 200]
    assert (replies[0].headers["Retry-After"], replies[2].headers["Total"]) == ("0", "150")
    assert [reply.json() for reply in replies[2:]] == [[*range(100, 150)], [7]]
    procore_demo.respond("GET", every, status=None)
    with pytest.raises(requests.ConnectionError):
        ask(procore_demo, rfis)
    procore_demo.forget_responses()
    assert ask(procore_demo, rfis).status_code == 404
    with pytest.raises(ValueError, match="status is not 200 to 599"):
        procore_demo.respond("GET", every, status=100)


def test_a_late_answer_runs_into_the_callers_time_limit(procore_demo: ProcoreDemo) -> None:
    procore_demo.respond("get", "/rest/v1.0/me", delay_s=600)

    with pytest.raises(requests.ReadTimeout):
        # A connection is given its time, however busy the machine is.
        requests.get(procore_demo.url + "/rest/v1.0/me", timeout=(60, 0.3))
    procore_demo.forget_responses()
    assert ask(procore_demo, "/rest/v1.0/me").status_code == 200


def test_companies_and_projects_can_be_added(procore_demo: ProcoreDemo) -> None:
    procore_demo.company_id = procore_demo.add_company("New")
    project = procore_demo.add_project(procore_demo.company_id, "P", project_number="7")

    shown = ask(procore_demo).json()
    assert [(item["id"], item["name"], item["project_number"]) for item in shown] == [(project, "P", "7")]
    procore_demo.install_app(procore_demo.company_id, installed=False)
    assert ask(procore_demo).json() == {"errors": ["App is not connected to this company."]}
    with pytest.raises(ValueError, match="there is no company 9"):
        procore_demo.add_project(9, "P")
    with pytest.raises(ValueError, match="there is no company 9"):
        procore_demo.install_app(9)
    procore_demo.company_id = procore_demo.unconnected_company_id
    assert ask(procore_demo).status_code == 403
