"""Which variables are in force, and what they win over."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.cli import Machine
from tests.doctor.report import run_doctor

CONFIG = """
environment = "sandbox"
store = "keyring"
[environments.production]
client_id = "kept-id"
redirect_uri = "http://localhost:1/callback"
company = 5
"""


@pytest.fixture
def configured(machine: Machine) -> Machine:
    machine.write("config.toml", CONFIG)
    machine.variables |= {
        "PROCORE_ENV": "production",
        "PROCORE_COMPANY_ID": "7",
        "PROCORE_LOGIN_STORE": "file",
    }
    return machine


def test_a_variable_says_what_it_wins_over(configured: Machine) -> None:
    report = run_doctor(configured, "--offline")

    assert report.code == 0
    for name, words in {
        "PROCORE_ENV": "environment: production; wins over config.toml's sandbox",
        "PROCORE_CLIENT_ID": "client id: client-of-the-tests; wins over config.toml's kept-id",
        "PROCORE_CLIENT_SECRET": "client secret: set",
        "PROCORE_COMPANY_ID": "company: 7; wins over config.toml's 5",
        "PROCORE_LOGIN_STORE": "store: file; wins over config.toml's keyring",
        "PROCORE_LOGIN_HOME": f"data folder: {configured.data}",
        "PROCORE_REDIRECT_URI": (
            f"redirect URI: {configured.redirect_uri}; wins over config.toml's http://localhost:1/callback"
        ),
    }.items():
        assert report[f"variable {name}"].detail == words
    assert report["variable PROCORE_LOGIN_URL"].detail.startswith("login URL: http://127.0.0.1:")
    assert "sets the environment, the store, the client id" in report["config"].detail


def test_a_secret_that_was_pasted_as_the_id_too_is_not_shown(machine: Machine) -> None:
    for offline in (["--offline"], []):
        machine.variables |= {
            "PROCORE_CLIENT_ID": "a-pasted-secret",
            "PROCORE_CLIENT_SECRET": "a-pasted-secret",
        }
        report = run_doctor(machine, *offline)

        assert report["variable PROCORE_CLIENT_ID"].detail == "client id: [not shown]"
        assert not [line for line in report.lines.values() if "a-pasted-secret" in line.detail + line.fix]


def test_a_secret_of_one_letter_spoils_no_line(machine: Machine) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = "o"

    report = run_doctor(machine, "--offline")

    assert not [line for line in report.lines.values() if "[not shown]" in line.detail + line.fix]


def test_the_option_wins_over_the_variable(machine: Machine) -> None:
    machine.variables["PROCORE_ENV"] = "sandbox"

    report = run_doctor(machine, "--offline", "--env", "production")

    assert report["variable PROCORE_ENV"].detail == "set; --env wins over it"
    assert report["environment"].detail.startswith("production (from --env)")


def test_an_access_token_from_elsewhere_is_a_warning_unless_exec_set_it(machine: Machine) -> None:
    machine.variables["PROCORE_ACCESS_TOKEN"] = "hush-token"

    report = run_doctor(machine, "--offline")
    machine.variables["PROCORE_LOGIN_EXEC"] = hashlib.sha256(b"hush-token").hexdigest()
    inside = run_doctor(machine, "--offline")

    assert report["variable PROCORE_ACCESS_TOKEN"].status == "warning"
    assert "unset PROCORE_ACCESS_TOKEN" in report["variable PROCORE_ACCESS_TOKEN"].fix
    assert inside["variable PROCORE_ACCESS_TOKEN"].status == "ok"
    assert "procore-login exec" in inside["variable PROCORE_ACCESS_TOKEN"].detail


def test_an_unknown_name_of_ours_is_a_warning_with_what_to_type(machine: Machine) -> None:
    machine.variables["PROCORE_LOGIN_HOMES"] = "hush"

    report = run_doctor(machine, "--offline")

    assert report["variable PROCORE_LOGIN_HOMES"].status == "warning"
    assert "unset PROCORE_LOGIN_HOMES" in report["variable PROCORE_LOGIN_HOMES"].fix


def test_in_demo_the_variables_of_the_app_are_said_to_be_ignored(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    machine.variables |= {"PROCORE_CLIENT_SECRET": "hush", "PROCORE_API_URL": "https://api.example"}

    report = run_doctor(machine, "--offline", "--env", "demo")

    for name in ("PROCORE_CLIENT_SECRET", "PROCORE_API_URL"):
        assert report[f"variable {name}"].detail == "set; the embedded Procore wins over it"


def test_a_proxy_is_shown_without_its_password(machine: Machine) -> None:
    for value, words in (
        ("http://proxy.example:3128", "through proxy.example:3128"),
        ("joe:hush@proxy.example", "through proxy.example"),
        ("http://[::1]:3128", "through [::1]:3128"),
    ):
        machine.variables |= {"https_proxy": value, "PROCORE_API_URL": ""}

        report = run_doctor(machine, "--offline")

        assert report["variable https_proxy"].detail == "set: see proxy"
        assert report["proxy"].detail == f"login host: directly, API host: {words}"
        assert "hush" not in str(report)
