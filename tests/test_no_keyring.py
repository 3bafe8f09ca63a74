"""A machine without a keyring: the choices, files by explicit choice, and a token from elsewhere."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from procore_cli.storage import keyring
from tests.cli import Machine, browser
from tests.provider import CLIENT_ID, CLIENT_SECRET, Provider

SIGN_UP = ("signup", "--json", "--browser", browser("--just-open"))
CHOICES = ("procore-login configure --store file", "cron reads it too", "PROCORE_ACCESS_TOKEN (CI)")
FIRST_CHOICES = {
    "linux": "unlock a Secret Service (gnome-keyring or KWallet)",
    "darwin": "login keychain",
    "win32": "Credential Manager",
}


@pytest.fixture
def machine(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """No keyring of the platform's is there, and nobody has named another."""
    for platform in FIRST_CHOICES:
        monkeypatch.setitem(keyring._PLATFORM_BACKENDS, platform, ("keyring.backends.fail.Keyring",))
    machine = Machine(tmp_path / "machine", {"PYTHON_KEYRING_BACKEND": ""})
    machine.point_at(provider)
    machine.keyring.rmdir()
    return machine


def written(machine: Machine) -> list[Path]:
    return list(machine.home.rglob("*"))


@pytest.mark.parametrize("platform", FIRST_CHOICES)
def test_without_a_keyring_the_choices_of_the_system_stand_in_two_lines(
    machine, provider, monkeypatch, platform
):
    monkeypatch.setattr(sys, "platform", platform)
    result = machine.run_here(*SIGN_UP)
    assert (result.code, result.out) == (6, "")
    error, hint = result.said
    assert error == "Error: production: There is no keyring here that can be used."
    assert hint.startswith("Hint: ")
    for choice in (FIRST_CHOICES[platform], *CHOICES):
        assert choice in hint
    assert provider.requests == []
    assert written(machine) == []


@pytest.mark.parametrize("chosen_by", ["PROCORE_LOGIN_STORE", "config.toml"])
def test_an_account_lives_in_files_by_explicit_choice(machine, provider, chosen_by):
    if chosen_by == "config.toml":
        assert machine.run_here("configure", "--store", "file").code == 0
    else:
        machine.variables[chosen_by] = "file"
    signed_up = machine.run_here(*SIGN_UP)
    asked, token, refreshed = (machine.run_here(name) for name in ("whoami", "token", "refresh"))
    again = machine.run_here("signin", "--browser", browser("--just-open"))
    codes = [run.code for run in (signed_up, asked, token, refreshed, again)]
    assert codes == [0] * 5, signed_up.err + asked.err + refreshed.err
    assert token.out.strip() in provider.issued
    for run in (signed_up, again):
        (warning,) = [line for line in run.said if line.startswith("Warning: ")]
        assert f"files below {machine.data}" in warning
        assert chosen_by in warning
    for run in (asked, token, refreshed):
        assert run.said == []
    secrets = list((machine.data / "secrets").iterdir())
    assert secrets
    if os.name == "posix":
        assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
        assert stat.S_IMODE((machine.data / "secrets").stat().st_mode) == 0o700


class Cron(Machine):
    """Its commands see little: no session, no desktop, no keyring's setting, no data folder's name."""

    def environ(self) -> dict[str, str]:
        known = ("PATH", "SYSTEMROOT", "HOME", "PYTHONPATH", "PROCORE_LOGIN_URL", "PROCORE_API_URL")
        return {name: value for name, value in super().environ().items() if name in known}


def test_a_cron_job_reads_what_is_kept_in_files(machine, provider, monkeypatch):
    provider.lifetime_s = 4
    cron = Cron(machine.home, machine.variables, machine.port)
    configure = ("configure", "--store", "file", "--client-id", CLIENT_ID, "--client-secret-stdin")
    monkeypatch.setattr(sys, "stdin", io.StringIO(CLIENT_SECRET))
    configured = cron.run_here(*configure, "--redirect-uri", machine.redirect_uri)
    signed_up = cron.run_here(*SIGN_UP)
    assert (configured.code, signed_up.code) == (0, 0), configured.err + signed_up.err
    provider.lifetime_s = 5400
    # The first refreshes, the second hands out what the first has saved.
    first, second = cron.run("token"), cron.run_here("token")
    assert (first.code, second.code) == (0, 0), first.err
    assert first.out == second.out
    assert provider.count("/oauth/token") == 2
    assert cron.run_here("whoami").code == 0


@pytest.fixture
def ci(machine: Machine, provider: Provider) -> Machine:
    """A build machine: a token from elsewhere, no client id, no secret, no keyring."""
    for name in ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET", "PROCORE_REDIRECT_URI"):
        machine.variables[name] = ""
    machine.variables["PROCORE_ACCESS_TOKEN"] = provider.tokens()["access_token"]
    return machine


def test_a_token_from_elsewhere_is_enough_to_ask_who_it_is_until_it_is_refused(ci, provider):
    result = ci.run_here("whoami", "--json")
    assert result.code == 0, result.err
    assert result.json["procore_id"] == 11111
    assert (result.json["id"], result.json["expires_at"]) == (None, None)
    assert result.said == ["Using the token from PROCORE_ACCESS_TOKEN; nothing is stored or refreshed."]
    # It needs no data folder.
    (ci.home / "locked").mkdir(mode=0o500)
    for folder in ("missing/data", "locked/data"):
        ci.variables["PROCORE_LOGIN_HOME"] = str(ci.home / folder)
        assert [ci.run_here(name).code for name in ("whoami", "token")] == [0, 0]
    assert written(ci) == [ci.home / "locked"]
    provider.expire()
    refused = ci.run_here("whoami")
    assert refused.code == 4
    assert "Renew the token in PROCORE_ACCESS_TOKEN" in refused.said[-1]
    assert provider.count("/oauth/token") == 0


def test_a_token_from_elsewhere_is_handed_on_without_network_disk_keyring_and_database(ci, provider):
    script = (
        "import sys; from procore_cli.cli.main import run; code = run(['token']); "
        "print(code, sorted({'keyring', 'sqlite3', 'requests', 'filelock'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=ci.environ(), capture_output=True, text=True, check=True
    )
    assert done.stdout == ci.variables["PROCORE_ACCESS_TOKEN"] + "\n0 []\n"
    assert provider.requests == []
    assert written(ci) == []
