"""Which variables are in force, and what they win over."""

import hashlib

import pytest

from tests.doctor.report import run_doctor

CONFIG = """
environment = "sandbox"
store = "keyring"
[environments.production]
client_id = "kept-id"
redirect_uri = "http://localhost:1/callback"
company = 5
"""


def test_a_variable_says_what_it_wins_over(machine):
    machine.write("config.toml", CONFIG)
    machine.variables |= {
        "PROCORE_ENV": "production",
        "PROCORE_COMPANY_ID": "7",
        "PROCORE_LOGIN_STORE": "file",
    }
    report = run_doctor(machine, "--offline")
    assert report.code == 0
    for name, words in {
        "PROCORE_ENV": "environment: production; wins over config.toml's sandbox",
        "PROCORE_CLIENT_ID": "client id: client-of-the-tests; wins over config.toml's kept-id",
        "PROCORE_CLIENT_SECRET": "client secret: set",
        "PROCORE_COMPANY_ID": "company: 7; wins over config.toml's 5",
        "PROCORE_LOGIN_STORE": "store: file; wins over config.toml's keyring",
        "PROCORE_LOGIN_HOME": f"data folder: {machine.data}",
        "PROCORE_REDIRECT_URI": (
            f"redirect URI: {machine.redirect_uri}; wins over config.toml's http://localhost:1/callback"
        ),
    }.items():
        assert report[f"variable {name}"].detail == words
    assert report["variable PROCORE_LOGIN_URL"].detail.startswith("login URL: http://127.0.0.1:")
    assert "sets the environment, the store, the client id" in report["config"].detail


def test_a_secret_is_not_shown_where_it_was_pasted_as_the_id_and_one_of_a_letter_spoils_no_line(machine):
    machine.variables |= dict.fromkeys(("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET"), "a-pasted-secret")
    for offline in (["--offline"], []):
        report = run_doctor(machine, *offline)
        assert report["variable PROCORE_CLIENT_ID"].detail == "client id: [not shown]"
        assert "a-pasted-secret" not in str(report.lines)
    machine.variables |= {"PROCORE_CLIENT_ID": "id", "PROCORE_CLIENT_SECRET": "o"}
    assert "[not shown]" not in str(run_doctor(machine, "--offline").lines)


HANDED_OVER = {
    "PROCORE_ACCESS_TOKEN": "hush-token",
    "PROCORE_LOGIN_EXEC": hashlib.sha256(b"hush-token").hexdigest(),
}
IN_DEMO = {"PROCORE_CLIENT_SECRET": "hush", "PROCORE_API_URL": "https://api.example"}
# Variables, the environment, and what each check says: detail and, of a warning, fix.
CASES: list[tuple[dict[str, str], str, dict[str, tuple[str, str]]]] = [
    ({"PROCORE_ENV": "sandbox"}, "production", {"variable PROCORE_ENV": ("set; --env wins over it", "")}),
    (
        {"PROCORE_ACCESS_TOKEN": "hush-token"},
        "production",
        {"variable PROCORE_ACCESS_TOKEN": ("in place of the kept tokens", "unset PROCORE_ACCESS_TOKEN")},
    ),
    (HANDED_OVER, "production", {"variable PROCORE_ACCESS_TOKEN": ("set by procore-login exec;", "")}),
    (
        {"PROCORE_LOGIN_HOMES": "hush"},
        "production",
        {"variable PROCORE_LOGIN_HOMES": ("it is ignored", "unset PROCORE_LOGIN_HOMES")},
    ),
    (
        IN_DEMO,
        "demo",
        {f"variable {name}": ("set; the embedded Procore wins over it", "") for name in IN_DEMO},
    ),
    (
        {"https_proxy": "joe:hush@[::1]:3128", "PROCORE_API_URL": ""},
        "production",
        {
            "variable https_proxy": ("set: see proxy", ""),
            "proxy": ("login host: directly, API host: through [::1]:3128", ""),
        },
    ),
]


@pytest.mark.parametrize(("variables", "environment", "said"), CASES)
def test_a_variable_is_said_to_be_in_force_ignored_or_unknown(machine, variables, environment, said):
    if environment == "demo":
        machine.variables = {}
    machine.variables |= variables
    report = run_doctor(machine, "--offline", "--env", environment)
    assert report["environment"].detail.startswith(f"{environment} (from --env)")
    for check, (detail, fix) in said.items():
        line = report[check]
        assert line.status == ("warning" if fix else "ok")
        assert detail in line.detail
        assert line.fix.endswith(fix)
    assert "hush" not in str(report)
