"""`--debug`: what is in force and who says so, what was exchanged, how long it took; and never a secret."""

import hashlib
import io
import re
from unittest import mock

import pytest

from procore_cli import __version__, log
from procore_cli.cli.main import COMMANDS
from procore_cli.config.settings import Settings
from procore_cli.console import Console
from tests.cli import Machine, Result
from tests.provider import CLIENT_ID, CLIENT_SECRET, JOE, Answer
from tests.signed_in import save_tokens, sign_in

# Whatever must not be seen begins with it, the provider's tokens and the client secret too.
HUSH = "hush"


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Somebody who is configured for the provider, with secrets wherever one can be."""
    machine.variables |= {
        "HTTPS_PROXY": "http://hush-user:hush-proxy@proxy.example:3128",
        "HTTP_PROXY": "http://hush-user:hush-proxy@proxy.example:3128",
        "NO_PROXY": "localhost,127.0.0.1",
    }
    machine.write("config.toml", 'mine = "hush-config"\n')
    return machine


def settings_of(result: Result) -> dict[str, str]:
    """Each setting that the traces name, with its value and where it came from."""
    return dict(re.findall(r"^debug: setting: (.+?) = (.+)$", result.err, re.MULTILINE))


def phases_of(result: Result) -> str:
    return "; ".join(re.findall(r"^debug: phase: (.+) took \d+ ms$", result.err, re.MULTILINE))


def test_every_setting_is_told_with_where_it_came_from(machine, provider):
    machine.variables |= {"PROCORE_COMPANY_ID": "5", "REQUESTS_CA_BUNDLE": "/no/such.pem"}
    said = settings_of(machine.run_here("whoami", "--offline", "--debug", "--account", "1"))
    assert said == {
        "environment": "production (from default)",
        "client id": f"{CLIENT_ID} (from PROCORE_CLIENT_ID)",
        "client secret": "set (from PROCORE_CLIENT_SECRET)",
        "redirect URI": f"{machine.redirect_uri} (from PROCORE_REDIRECT_URI)",
        "company": "5 (from PROCORE_COMPANY_ID)",
        "store": "keyring (from default)",
        "data folder": f"{machine.data} (from PROCORE_LOGIN_HOME)",
        "database": f"{machine.data / 'production.db'} (from data folder)",
        "login URL": f"{provider.url} (from PROCORE_LOGIN_URL)",
        "proxy for the login URL": "none (from default)",
        "API URL": f"{provider.url} (from PROCORE_API_URL)",
        "proxy for the API URL": "none (from default)",
        "account": "1 (from --account)",
        "access token": "the account's own (from the keyring store)",
        "CA": "/no/such.pem (from REQUESTS_CA_BUNDLE)",
    }


def test_what_config_and_defaults_say_is_told_as_such(machine):
    for name in ("LOGIN_URL", "API_URL", "CLIENT_ID", "CLIENT_SECRET"):
        del machine.variables[f"PROCORE_{name}"]
    machine.variables |= {
        "PROCORE_REDIRECT_URI": "",
        "PROCORE_LOGIN_ACCOUNT": "2",
        "PROCORE_LOGIN_DB": str(machine.home / "x.db"),
    }
    machine.write(
        "config.toml",
        'environment = "sandbox"\nstore = "file"\n[environments.sandbox]\nclient_id = "mine"\ncompany = 7\n'
        'redirect_uri = "https://app.example/callback?x=hush-query"\n',
    )
    result = machine.run_here("whoami", "--offline", "--debug")
    said, table = settings_of(result), "config.toml [environments.sandbox]"
    assert said.pop("client secret").startswith("procore-login/sandbox/client-secret, read when")
    expected = {
        "environment": "sandbox (from config.toml)",
        "client id": f"mine (from {table})",
        "redirect URI": f"https://app.example/callback (from {table})",
        "company": f"7 (from {table})",
        "store": "file (from config.toml)",
        "database": f"{machine.home / 'x.db'} (from PROCORE_LOGIN_DB)",
        "login URL": "https://login-sandbox.procore.com (from sandbox)",
        "proxy for the login URL": "http://proxy.example:3128 (from HTTPS_PROXY)",
        "account": "2 (from PROCORE_LOGIN_ACCOUNT)",
        "CA": "the system's store (from default)",
    }
    assert said.items() >= expected.items()
    assert HUSH not in result.err


def test_what_the_demo_another_token_or_exec_puts_in_force_is_told_and_a_bad_proxy_without_its_value(machine):
    def traced(*options: str, **variables: str) -> Result:
        with mock.patch.dict(machine.variables, variables):
            return machine.run_here("whoami", "--debug", *options)

    of_demo = settings_of(traced("--env", "demo", "--offline", PROCORE_LOGIN_URL="", PROCORE_API_URL=""))
    assert of_demo["client id"] == of_demo["client secret"] == "its own (from the embedded Procore)"
    assert of_demo["login URL"] == "not started yet (from the embedded Procore)"
    used = traced(PROCORE_ACCESS_TOKEN="hush-elsewhere")
    unused = traced("--account", "1", PROCORE_ACCESS_TOKEN="hush-elsewhere")
    assert settings_of(used)["access token"] == "set (from PROCORE_ACCESS_TOKEN)"
    wins = "PROCORE_ACCESS_TOKEN is set, --account wins over it)"
    assert settings_of(unused)["access token"].endswith(wins)
    handed = {"PROCORE_ACCESS_TOKEN": "x", "PROCORE_LOGIN_EXEC": hashlib.sha256(b"x").hexdigest()}
    handed |= {"PROCORE_ENV": "production", "PROCORE_COMPANY_ID": "5"}
    exec_of_another = traced("--env", "sandbox", "--offline", **handed).err
    assert "debug: ignored, since exec set them for production: PROCORE_COMPANY_ID\n" in exec_of_another
    proxy = traced("--offline", PROCORE_LOGIN_URL="", HTTPS_PROXY="ftp://u:hush-proxy@x").err
    assert "debug: setting: proxy for the login URL cannot be used: The proxy from HTTPS_PROXY" in proxy
    assert HUSH not in used.err + unused.err + exec_of_another + proxy


def test_a_sign_in_is_told_step_by_step(machine, provider):
    result = sign_in(machine, "--debug").ended(
        0,
        f"debug: POST {provider.url}/oauth/token 200 ",
        f"debug: GET {provider.url}/rest/v1.0/me 200 ",
        f"debug: procore-login {__version__}, Python 3.",
    )
    assert phases_of(result) == (
        "settings; proof of the store; check of the app; waiting for the browser; exchange of the code; "
        "question who it is; saving; answer to the browser; end of the former tokens"
    )
    assert re.search(r"debug: ended with exit code 0 after \d+ ms\n$", result.err)


def test_a_refresh_is_told_step_by_step_and_a_phase_that_fails_too(signed_in):
    phases = "settings; account in the database; tokens out of the store; refresh"
    assert phases_of(signed_in.run_here("refresh", "--debug")) == phases
    signed_in.variables["TEST_KEYRING_FAULT"] = "fail-at-write"
    result = sign_in(signed_in, "--debug").ended(6)
    assert "proof of the store" in phases_of(result)


def test_without_the_option_nothing_of_it_is_said_or_measured(signed_in, monkeypatch):
    monkeypatch.setattr(Settings, "describe", None)
    monkeypatch.setattr(log, "time", None)
    result = signed_in.run_here("whoami").ended()
    assert "debug" not in result.err


def test_a_trace_cannot_forge_a_line():
    stream = io.StringIO()
    console = Console(stream)
    console.debug = True
    console.trace("a\nError: b\x1b[2J")
    assert stream.getvalue() == "debug: a\\nError: b\\x1b[2J\n"


EVERY_COMMAND = {
    "signup": ["signup", "--paste"],
    "signin": ["signin"],
    "whoami": ["whoami"],
    "refresh": ["refresh"],
    "token": ["token", "--min-ttl", "9999999"],
    "api": ["api", "x?token=hush-query", "-H", "X-Mine: hush-header", "-f", "a=hush-field"],
    "exec": ["exec", "--", "no-such-command"],
    "accounts": ["accounts", "--check"],
    "switch": ["switch", "11111"],
    "configure": ["configure", "--show"],
    "doctor": ["doctor"],
    "completion": ["completion", "bash"],
    "database": ["database", "init"],
    "demo": ["demo", "reset"],
    "signout": ["signout"],
}


@pytest.mark.parametrize("fault", ["none", "Procore", "keyring", "config"])
def test_no_secret_is_in_what_any_command_says(machine, provider, fault):
    save_tokens(provider, machine, JOE)
    # Under its fixed name, so that the keyring has one too.
    assert machine.run_here("configure", "--client-id", CLIENT_ID).code == 0
    said = ""
    for name, arguments in EVERY_COMMAND.items():
        if fault == "Procore":
            for path in ("/oauth/token", "/oauth/revoke", "/rest/v1.0/me"):
                # It repeats what it was sent.
                provider.script[path] = lambda request: Answer(500, {"error": f"sent: {request.form}"})
        elif fault == "keyring":
            machine.variables["TEST_KEYRING_FAULT"] = "fail-at-write"
        elif fault == "config":
            machine.write("config.toml", 'x = hush-config "')
        end = arguments.index("--") if "--" in arguments else len(arguments)
        if name == "signin":
            result = sign_in(machine, "--debug")
        else:
            result = machine.run_here(*arguments[:end], "--debug", *arguments[end:])
        assert "debug: ended with exit code" in result.err or name == "exec", name
        assert result.code != 1, result.err
        # `token` prints one: that is what it is for.
        said += result.err + ("" if name == "token" else result.out)
    assert set(EVERY_COMMAND) == set(COMMANDS)
    assert CLIENT_SECRET.startswith(HUSH)
    assert HUSH not in said
