"""`configure`: where the values go, who is asked, and what is refused."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from procore_cli.cli.prompts import can_ask
from procore_cli.config.config_file import load_config
from procore_cli.config.settings import Overrides, load_settings
from procore_cli.errors import (
    BrokenConfigError,
    BusyError,
    ConfigurationError,
    DataFolderError,
    KeyringError,
)
from procore_cli.flows import app_setup
from procore_cli.storage.files import ClientSecrets
from procore_cli.storage.locks import hold_config
from tests.cli import Machine, Result, browser
from tests.provider import CLIENT_ID, CLIENT_SECRET, Answer, Provider


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """No app is configured here."""
    del machine.variables["PROCORE_CLIENT_ID"], machine.variables["PROCORE_CLIENT_SECRET"]
    return machine


def config(machine: Machine) -> str:
    return (machine.data / "config.toml").read_text()


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What a command that runs inside the test reads on standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_script_configures_and_signs_up(machine: Machine) -> None:
    configured = machine.run(
        "configure", "--client-id", CLIENT_ID, "--client-secret-stdin", stdin=CLIENT_SECRET + "\n"
    )
    signed_up = machine.run_here("signup", "--json", "--browser", browser())

    assert configured.code == 0, configured.err
    assert configured.out == ""
    assert signed_up.code == 0, signed_up.err
    assert CLIENT_ID in config(machine)
    assert CLIENT_SECRET not in config(machine)


def test_without_a_terminal_nobody_is_asked(machine: Machine) -> None:
    result = machine.run_here("configure")

    assert result.code == 2
    assert "--client-secret-stdin" in result.err


def test_one_value_is_changed_and_the_others_stay(machine: Machine) -> None:
    machine.run_here("configure", "--client-id", "first", "--company", "7")

    machine.run_here("configure", "--redirect-uri", "http://localhost:9/back", "--store", "file", "--default")

    text = config(machine)
    assert 'client_id = "first"' in text
    assert "company = 7" in text
    assert 'redirect_uri = "http://localhost:9/back"' in text
    assert 'store = "file"' in text
    assert 'environment = "production"' in text


def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line, stdin, code in (
        ("--redirect-uri http://example.com/", "", 3),
        ("--client-secret-stdin", "", 2),
        ("--client-secret-stdin", "hush\x1bhush", 2),
        ("--client-secret-stdin", "hush", 3),
        ("--env demo", "", 2),
        ("--env demo --client-id x", "", 2),
        ("--company none", "", 2),
        ("--client-id ''", "", 2),
        ("--client-id ' '", "", 2),
        ("--client-id 'a b'", "", 2),
        ("--client-id 'first '", "", 2),
        ("--client-id 'fi\nrst'", "", 2),
        ("--client-id \udcff", "", 2),
        ("--redirect-uri ''", "", 2),
        ("--show --client-id x", "", 2),
        ("--show --no-check", "", 2),
        ("--remove --store file", "", 2),
        ("--remove", "", 2),
        ("--remove --yes --no-check", "", 2),
        ("--remove --yes --env demo", "", 2),
        ("--import .env --client-id x", "", 2),
        ("--import .env --remove", "", 2),
        ("--import ''", "", 2),
        ("--import x.env --client-secret-stdin", "", 2),
        ("--yes", "", 2),
        ("--json", "", 2),
        ("--store cloud", "", 2),
    ):
        give(monkeypatch, stdin)

        result = machine.run_here("configure", *shlex.split(line))

        assert (result.code, "Hint: " in result.err, "hush" in result.err) == (code, True, False), line
        assert not (machine.data / "config.toml").exists()


def test_a_keyring_that_refuses_leaves_config_as_it_was(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = "fail-at-write"
    give(monkeypatch, CLIENT_SECRET)

    result = machine.run_here("configure", "--client-id", CLIENT_ID, "--client-secret-stdin")

    assert result.code == 6
    assert not (machine.data / "config.toml").exists()


def test_a_config_that_cannot_be_written_leaves_the_secret_as_it_was(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(machine, monkeypatch)
    before = kept(machine)
    (machine.data / "config.toml").write_text("a = 1\na.b = 2\n")

    give(monkeypatch, "another secret")
    broken = machine.run_here("configure", "--client-id", "another", "--client-secret-stdin", "--no-check")

    def fail(*_: object) -> None:
        raise DataFolderError("The disk is full.")

    (machine.data / "config.toml").write_text("")
    monkeypatch.setattr("procore_cli.flows.app_setup.save_text", fail)
    give(monkeypatch, "another secret")
    full = machine.run_here("configure", "--client-id", "another", "--client-secret-stdin", "--no-check")

    assert (broken.code, full.code) == (3, 6)
    assert kept(machine) == before


def test_the_first_secret_is_gone_again_if_config_cannot_be_written(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("procore_cli.flows.app_setup.save_text", stop)
    result = configure(machine, monkeypatch)

    assert result.code == 130
    assert kept(machine) == []


def configure(machine: Machine, monkeypatch: pytest.MonkeyPatch, *more: str) -> Result:
    give(monkeypatch, CLIENT_SECRET)
    return machine.run_here("configure", "--client-id", CLIENT_ID, "--client-secret-stdin", *more)


def kept(machine: Machine) -> list[str]:
    """What the keyring holds."""
    return sorted(path.read_text() for path in machine.keyring.iterdir())


def test_a_secret_that_belongs_to_another_id_is_not_sent(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(machine, monkeypatch)
    machine.run_here("configure", "--client-id", "another")
    provider.checks.clear()

    result = machine.run_here("signup", "--browser", browser())

    assert result.code == 3
    assert "another" in result.err
    assert CLIENT_ID in result.err
    assert provider.requests == provider.checks == []


def test_procore_is_asked_about_the_app_once(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = configure(machine, monkeypatch)

    assert "Procore knows this app." in result.err
    (asked,) = provider.checks
    assert asked.form["client_id"] == CLIENT_ID
    assert asked.form["redirect_uri"] == machine.redirect_uri


def test_credentials_that_procore_refuses_are_not_saved(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, "wrong secret")

    result = machine.run_here("configure", "--client-id", CLIENT_ID, "--client-secret-stdin")

    assert result.code == 3
    assert "invalid_client" in result.err
    assert "Is production the right environment?" in result.err
    assert "Nothing was saved" in result.err
    assert "--no-check" in result.err
    assert "wrong secret" not in result.err
    assert kept(machine) == []
    assert not (machine.data / "config.toml").exists()


def test_an_unclear_answer_is_warned_of_and_saved(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.check = lambda _: Answer(503, {"error": "invalid_client"})

    result = configure(machine, monkeypatch)

    assert result.code == 0
    assert "Warning: production: whether client id and client secret are right" in result.err
    assert CLIENT_ID in config(machine)


def test_without_a_network_the_values_are_saved_with_a_warning(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.variables["PROCORE_LOGIN_URL"] = f"http://127.0.0.1:{machine.port}"

    result = configure(machine, monkeypatch)

    assert result.code == 0
    assert "Client id and client secret were not checked" in result.err
    assert CLIENT_ID in config(machine)


def test_other_values_are_saved_without_the_network(
    machine: Machine, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(machine, monkeypatch, "--no-check")

    for line in ("--company 5", "--store file", "--redirect-uri http://localhost:9/", "--default"):
        assert machine.run_here("configure", *line.split()).code == 0, line
    assert machine.run_here("configure", "--client-id", "another").code == 0

    assert provider.checks == provider.requests == []


def test_a_redirect_uri_that_cannot_be_used_can_be_corrected(machine: Machine) -> None:
    machine.data.mkdir(mode=0o700)
    (machine.data / "config.toml").write_text('[environments.production]\nredirect_uri = "nonsense"\n')
    (machine.data / "config.toml").chmod(0o600)
    machine.variables["PROCORE_REDIRECT_URI"] = ""

    assert machine.run_here("configure", "--show").code == 3
    assert machine.run_here("configure", "--redirect-uri", "http://localhost:9/x").code == 0
    assert machine.run_here("configure", "--show", "--json").json["redirect_uri"] == "http://localhost:9/x"


def test_variables_that_win_are_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.variables |= {
        "PROCORE_CLIENT_ID": "of-the-variable",
        "PROCORE_CLIENT_SECRET": "hush-variable",
        "PROCORE_REDIRECT_URI": "http://localhost:9/x",
        "PROCORE_COMPANY_ID": "8",
        "PROCORE_LOGIN_STORE": "keyring",
        "PROCORE_ENV": "sandbox",
    }

    given = ("--redirect-uri", "http://localhost:9/y", "--company", "9", "--store", "file", "--default")
    result = configure(machine, monkeypatch, *given, "--env", "production")

    assert result.code == 0
    (said,) = [line for line in result.err.splitlines() if "is not in force" in line]
    for name in set(machine.variables) - {"PROCORE_LOGIN_URL", "PROCORE_API_URL"}:
        assert name in said
    assert "(PROCORE_LOGIN_URL)" in result.err.splitlines()[-1]
    assert "hush" not in result.err


def test_another_store_wants_the_secret_again(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "give it again" not in machine.run_here("configure", "--store", "file").err
    configure(machine, monkeypatch, "--store", "keyring")

    assert "stays in the store keyring; give it again" in machine.run_here("configure", "--store", "file").err
    assert "give it again" not in machine.run_here("configure", "--store", "file").err
    assert "stays in the store file; give it" in machine.run_here("configure", "--store", "keyring").err


def test_a_secret_moves_along_when_its_id_and_another_store_are_given(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(machine, monkeypatch, "--no-check")

    result = machine.run_here("configure", "--client-id", CLIENT_ID, "--store", "file", "--no-check")

    assert result.code == 0, result.err
    assert "give it again" not in result.err
    assert kept(machine) == []
    assert machine.run_here("configure", "--show", "--json").json["sources"]["client_secret"] == "file"


def test_a_variable_of_the_same_value_is_not_named(machine: Machine) -> None:
    machine.variables["PROCORE_COMPANY_ID"] = "8"

    assert "in force" not in machine.run_here("configure", "--company", "8").err


def test_runs_at_once_lose_no_change_of_each_other(machine: Machine) -> None:
    environments = ("production", "sandbox", "monthly", "federal")
    for number in range(3):
        with ThreadPoolExecutor(4) as pool:
            saved = pool.map(partial(keep_company, machine.data, 100 + number), environments)
            assert list(saved) == [None] * 4

        found = load_config(machine.data)
        assert [found.app(name).company for name in environments] == [100 + number] * 4


def keep_company(folder: Path, company: int, environment: str) -> None:
    environ = {"PROCORE_LOGIN_HOME": str(folder), "PROCORE_ENV": environment}
    settings = load_settings(Overrides(), environ)
    app_setup.save(settings, app_setup.AppSetup(company=company))


def test_a_run_that_never_ends_holds_others_up_for_a_time(machine: Machine) -> None:
    machine.data.mkdir(mode=0o700)

    with (
        hold_config(machine.data),
        pytest.raises(BusyError, match=r"config\.toml"),
        hold_config(machine.data, timeout_s=0),
    ):
        pass


def test_the_demo_is_never_asked_about(machine: Machine) -> None:
    result = machine.run_here("configure", "--env", "demo", "--company", "5")

    assert result.code == 0
    assert "knows" not in result.err


def test_a_secret_that_the_keyring_garbles_leaves_the_one_from_before(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configure(machine, monkeypatch, "--no-check").code == 0
    before = kept(machine)
    machine.variables["TEST_KEYRING_FAULT"] = "forget-write"
    give(monkeypatch, "another secret")

    result = machine.run_here("configure", "--client-id", "another", "--client-secret-stdin", "--no-check")

    assert result.code == 6
    assert "did not keep the client secret" in result.err
    assert kept(machine) == before
    assert CLIENT_ID in config(machine)


def test_a_secret_is_not_paired_with_an_id_that_another_run_has_set(machine: Machine) -> None:
    assert machine.run_here("configure", "--client-id", "first").code == 0
    with mock.patch.dict(os.environ, machine.environ(), clear=True):
        settings = load_settings(Overrides(), os.environ)
        assert machine.run_here("configure", "--client-id", "second").code == 0

        with pytest.raises(ConfigurationError, match="changed meanwhile"):
            app_setup.save(settings, app_setup.AppSetup(client_secret="hush"))

    assert kept(machine) == []


def test_what_goes_wrong_within_the_keeping_puts_the_former_secret_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configure(machine, monkeypatch, "--no-check").code == 0
    before = kept(machine)
    failing = [KeyboardInterrupt()]
    monkeypatch.setattr(ClientSecrets, "save", keep_then_raise(failing))
    give(monkeypatch, "another secret")

    result = machine.run_here("configure", "--client-secret-stdin", "--no-check")

    assert (result.code, failing) == (130, [])
    assert kept(machine) == before


def test_a_former_secret_that_cannot_be_put_back_does_not_hide_what_went_wrong(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configure(machine, monkeypatch, "--no-check").code == 0
    failing = [KeyringError("The first went wrong."), KeyringError("So did the second.")]
    monkeypatch.setattr(ClientSecrets, "save", keep_then_raise(failing))
    give(monkeypatch, "another secret")

    result = machine.run_here("configure", "--client-secret-stdin", "--no-check")

    assert result.code == 6
    assert "Error: production: The first went wrong." in result.err
    assert "Warning: The client secret from before could not be put back: So did the second." in result.err


def keep_then_raise(failing: list[BaseException]) -> Callable[..., None]:
    """`ClientSecrets.save` that keeps the secret, then fails with the first of `failing`, if there is one."""
    save = ClientSecrets.save

    def fail(secrets: ClientSecrets, *what: str) -> None:
        save(secrets, *what)
        if failing:
            raise failing.pop(0)

    return fail


def test_an_id_that_production_lends_is_looked_at_again_as_well(machine: Machine) -> None:
    assert machine.run_here("configure", "--client-id", "first").code == 0
    with mock.patch.dict(os.environ, machine.environ(), clear=True):
        settings = load_settings(Overrides("monthly"), os.environ)
        app_setup.save(settings, app_setup.AppSetup(client_secret="hush"))
        assert machine.run_here("configure", "--client-id", "second").code == 0

        with pytest.raises(ConfigurationError, match="changed meanwhile"):
            app_setup.save(settings, app_setup.AppSetup(client_secret="hush"))


def test_an_id_and_its_secret_are_kept_together_whatever_another_run_has_set(machine: Machine) -> None:
    assert machine.run_here("configure", "--client-id", "first").code == 0
    with mock.patch.dict(os.environ, machine.environ(), clear=True):
        settings = load_settings(Overrides(), os.environ | {"PROCORE_CLIENT_ID": "of-a-variable"})
        assert machine.run_here("configure", "--client-id", "second").code == 0

        app_setup.save(settings, app_setup.AppSetup("first", "hush"))

    assert 'client_id = "first"' in config(machine)
    assert len(kept(machine)) == 1
    assert "first" in kept(machine)[0]


def test_an_id_alone_is_checked_with_the_secret_of_a_variable(machine: Machine, provider: Provider) -> None:
    machine.variables |= {"PROCORE_CLIENT_SECRET": CLIENT_SECRET, "TEST_KEYRING_FAULT": "locked"}

    right = machine.run_here("configure", "--client-id", CLIENT_ID)
    wrong = machine.run_here("configure", "--client-id", "another")

    assert (right.code, wrong.code) == (0, 3), right.err + wrong.err
    assert [asked.form["client_id"] for asked in provider.checks] == [CLIENT_ID, "another"]
    assert "could not be found out" not in right.err
    assert "another" not in config(machine)


def test_a_store_that_does_not_answer_keeps_no_id_from_being_saved(machine: Machine) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = "locked"

    result = machine.run_here("configure", "--client-id", "first", "--store", "file")

    assert result.code == 0, result.err
    assert "Warning: production: whether a client secret is kept could not be found out" in result.err
    assert 'client_id = "first"' in config(machine)


def test_the_demos_app_is_refused_before_anybody_is_asked(machine: Machine) -> None:
    assert (
        "Error: The demo has its own app." in machine.run_here("configure", "--remove", "--env", "demo").err
    )


def test_in_the_background_nobody_is_asked(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, program = os.openpty()
    with (
        os.fdopen(terminal, "rb"),
        os.fdopen(program) as stdin,
        os.fdopen(program, "w", closefd=False) as stderr,
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
        assert can_ask()

        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
        assert not can_ask()

        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        assert not can_ask()


def test_a_new_id_says_that_its_secret_is_missing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert configure(machine, monkeypatch, "--no-check").code == 0

    result = machine.run_here("configure", "--client-id", "another")

    assert result.code == 0
    assert f"belongs to the client id {CLIENT_ID}" in result.err
    assert "--client-secret-stdin" in result.err


def test_a_closed_stdin_is_no_bug(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    for arguments in (["--client-id", "x", "--client-secret-stdin"], ["--import", "-"]):
        result = machine.run_here("configure", *arguments)

        assert result.code == 2
        assert "Standard input is closed." in result.err


def test_a_broken_database_does_not_keep_the_credentials(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configure(machine, monkeypatch, "--no-check").code == 0
    (machine.data / "production.db").write_bytes(b"no database" * 100)

    result = machine.run_here("configure", "--remove", "--yes")

    assert result.code == 0, result.err
    assert "Who is signed in could not be found out" in result.err
    assert kept(machine) == []


def test_a_file_that_cannot_be_changed_keeps_its_secret(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configure(machine, monkeypatch, "--no-check").code == 0
    before = kept(machine)

    def refuse(*_: object) -> str:
        raise BrokenConfigError("config.toml cannot be changed.", "")

    monkeypatch.setattr("procore_cli.flows.app_setup.new_text", refuse)
    result = machine.run_here("configure", "--remove", "--yes")

    assert result.code == 3
    assert kept(machine) == before
