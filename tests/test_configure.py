"""`configure` with options: where the values go, what is refused, shown and removed."""

import io
import os
import shlex
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from procore_cli.cli.prompts import can_ask
from procore_cli.config.config_file import load_config
from procore_cli.config.settings import Overrides, load_settings
from procore_cli.errors import BrokenConfigError, BusyError, ConfigurationError, DataFolderError, KeyringError
from procore_cli.flows import app_setup
from procore_cli.storage.files import ClientSecrets
from procore_cli.storage.locks import hold_config
from tests.cli import Machine, Result, browser
from tests.people import People
from tests.provider import CLIENT_ID, CLIENT_SECRET, JOE, Answer
from tests.terminal import Terminal

Configure = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("no_app")
KEPT = ("--client-id", CLIENT_ID, "--client-secret-stdin", "--no-check")
ANOTHER = ("--client-id", "another", "--client-secret-stdin", "--no-check")


@pytest.fixture
def configure(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Runs `configure`, which reads the secret on standard input where it asks for one."""

    def run(*arguments: str, stdin: str = CLIENT_SECRET) -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        return machine.run_here("configure", *arguments)

    return run


@pytest.fixture
def configured(machine: Machine, configure: Configure) -> Machine:
    """Production's app is configured, with a company."""
    assert configure(*KEPT, "--company", "7").code == 0
    return machine


def config(machine: Machine) -> str:
    path = machine.data / "config.toml"
    return path.read_text() if path.exists() else ""


def shown(machine: Machine, *options: str) -> Any:
    return machine.run_here("configure", "--show", "--json", *options).json


def test_a_script_configures_and_signs_up(machine, provider):
    configured = machine.run(
        "configure", "--client-id", CLIENT_ID, "--client-secret-stdin", stdin=CLIENT_SECRET + "\n"
    )
    (asked,) = provider.checks
    assert (asked.form["client_id"], asked.form["redirect_uri"]) == (CLIENT_ID, machine.redirect_uri)
    assert (configured.code, configured.out) == (0, ""), configured.err
    assert "Procore knows this app." in configured.err
    assert (CLIENT_ID in config(machine), CLIENT_SECRET in config(machine)) == (True, False)
    assert machine.run_here("signup", "--json", "--browser", browser()).code == 0


def test_without_a_terminal_nobody_is_asked_and_a_closed_stdin_is_no_bug(configured, configure, monkeypatch):
    configure().ended(2, "--client-secret-stdin")
    configure("--remove").ended(2, "Hint: Pass --yes")
    assert CLIENT_ID in config(configured)
    monkeypatch.setattr(sys, "stdin", None)
    for arguments in (["--client-id", "x", "--client-secret-stdin"], ["--import", "-"]):
        configured.run_here("configure", *arguments).ended(2, "Standard input is closed.")


def test_in_the_background_nobody_is_asked(machine, monkeypatch):
    terminal, program = os.openpty()
    with (
        os.fdopen(terminal, "rb"),
        os.fdopen(program) as stdin,
        os.fdopen(program, "w", closefd=False) as terminal_err,
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        for err, group, can in ((terminal_err, 0, True), (terminal_err, 1, False), (io.StringIO(), 0, False)):
            monkeypatch.setattr(sys, "stderr", err)
            monkeypatch.setattr(os, "tcgetpgrp", lambda _, group=group: os.getpgrp() + group)
            assert can_ask() is can


def test_one_value_is_changed_and_the_others_stay_without_the_network(machine, configure, provider):
    machine.variables["PROCORE_REDIRECT_URI"] = ""
    # One that cannot be used can be corrected.
    machine.write("config.toml", '[environments.production]\nredirect_uri = "nonsense"\n')
    configure("--show").ended(3)
    configure("--redirect-uri", "http://localhost:9/back").ended()
    assert shown(machine)["redirect_uri"] == "http://localhost:9/back"
    for line in ("--client-id first --company 7", "--store file --default"):
        configure(*line.split()).ended()
    assert config(machine) == (
        'store = "file"\nenvironment = "production"\n\n[environments.production]\n'
        'redirect_uri = "http://localhost:9/back"\nclient_id = "first"\ncompany = 7\n'
    )
    configure(*KEPT).ended()
    for line in ("--company 5", "--redirect-uri http://localhost:9/", "--default", "--client-id another"):
        configure(*line.split()).ended()
    assert provider.checks == provider.requests == []


NONSENSE = (
    *("--env demo", "--env demo --client-id x", "--company none", "--client-id ''", "--client-id ' '"),
    *("--client-id 'a b'", "--client-id 'first '", "--client-id 'fi\nrst'", "--client-id \udcff"),
    *("--redirect-uri ''", "--show --client-id x", "--show --no-check", "--remove --store file", "--remove"),
    *("--remove --yes --no-check", "--remove --yes --env demo", "--import .env --client-id x"),
    *("--import .env --remove", "--import ''", "--import x.env --client-secret-stdin", "--yes", "--json"),
    "--store cloud",
)


def test_what_makes_no_sense_is_refused_and_nothing_is_written(machine, configure):
    for line, stdin, code in (
        ("--redirect-uri http://example.com/", "", 3),
        ("--client-secret-stdin", "", 2),
        ("--client-secret-stdin", "hush\x1bhush", 2),
        ("--client-secret-stdin", "hush", 3),
        *((line, "", 2) for line in NONSENSE),
    ):
        configure(*shlex.split(line), stdin=stdin).ended(code, "Hint: ")
        assert not (machine.data / "config.toml").exists(), line


def test_variables_that_win_are_named(machine, configure):
    machine.variables |= {
        "PROCORE_CLIENT_ID": "of-the-variable",
        "PROCORE_CLIENT_SECRET": "hush-variable",
        "PROCORE_REDIRECT_URI": "http://localhost:9/x",
        "PROCORE_COMPANY_ID": "8",
        "PROCORE_LOGIN_STORE": "keyring",
        "PROCORE_ENV": "sandbox",
    }
    given = "--redirect-uri http://localhost:9/y --company 9 --store file --default --env production"
    result = configure("--client-id", CLIENT_ID, "--client-secret-stdin", *given.split()).ended()
    (said,) = [line for line in result.err.splitlines() if "is not in force" in line]
    for name in set(machine.variables) - {"PROCORE_LOGIN_URL", "PROCORE_API_URL"}:
        assert name in said
    assert "(PROCORE_LOGIN_URL)" in result.err.splitlines()[-1]
    assert "hush" not in result.err
    # One of the same value is not.
    del machine.variables["PROCORE_ENV"]
    assert "in force" not in configure("--company", "8").err


def test_a_secret_moves_to_another_store_with_its_id_and_is_else_wanted_again(machine, configure):
    assert "give it again" not in configure("--store", "file").err
    assert configure(*KEPT, "--store", "keyring").code == 0
    assert "stays in the store keyring. Give it again" in configure("--store", "file").err
    assert "give it again" not in configure("--store", "file").err
    assert "stays in the store file. Give it" in configure("--store", "keyring").err
    assert configure(*KEPT).code == 0
    result = configure("--client-id", CLIENT_ID, "--store", "file", "--no-check")
    assert (result.code, "give it again" in result.err, machine.kept()) == (0, False, [])
    assert shown(machine)["sources"]["client_secret"] == "file"


def test_credentials_that_procore_refuses_are_not_saved(machine, configure):
    result = configure("--client-id", CLIENT_ID, "--client-secret-stdin", stdin="wrong secret").ended(
        3, "invalid_client", "Is production the right environment?", "Nothing was saved", "--no-check"
    )
    assert "wrong secret" not in result.err
    assert (machine.kept(), config(machine)) == ([], "")
    # Another place of the secret is named.
    machine.variables["PROCORE_CLIENT_SECRET"] = "wrong"
    result = configure("--client-id", CLIENT_ID).ended(3)
    assert config(machine) == ""
    words = (
        "The client id comes from the options, the client secret from PROCORE_CLIENT_SECRET. Is production"
    )
    assert words in result.err


@pytest.mark.parametrize(
    ("is_there", "words"),
    [
        (True, "Warning: production: whether client id and client secret are right"),
        (False, "Client id and client secret were not checked"),
    ],
)
def test_what_cannot_be_checked_is_warned_of_and_saved(machine, configure, provider, is_there, words):
    provider.check = lambda _: Answer(503, {"error": "invalid_client"})
    if not is_there:
        machine.variables["PROCORE_LOGIN_URL"] = f"http://127.0.0.1:{machine.port}"
    configure("--client-id", CLIENT_ID, "--client-secret-stdin").ended(0, words)
    assert CLIENT_ID in config(machine)


def test_an_id_alone_is_checked_with_the_secret_of_a_variable_or_saved_where_the_store_is_silent(
    machine, configure, provider
):
    machine.variables["TEST_KEYRING_FAULT"] = "locked"
    configure("--client-id", "first", "--store", "file").ended(
        0, "Warning: production: whether a client secret is kept could not be found out"
    )
    assert 'client_id = "first"' in config(machine)
    machine.variables["PROCORE_CLIENT_SECRET"] = CLIENT_SECRET
    right, wrong = configure("--client-id", CLIENT_ID), configure("--client-id", "another")
    assert (right.code, wrong.code) == (0, 3), right.err + wrong.err
    assert [asked.form["client_id"] for asked in provider.checks] == [CLIENT_ID, "another"]
    assert "could not be found out" not in right.err
    assert "another" not in config(machine)


def test_a_secret_that_belongs_to_another_id_is_said_and_not_sent(configured, configure, provider):
    named = configure("--client-id", "another")
    configured.run_here("signup", "--browser", browser()).ended(3, "another", CLIENT_ID)
    assert named.code == 0
    assert f"belongs to the client id {CLIENT_ID}" in named.err
    assert "--client-secret-stdin" in named.err
    assert provider.requests == provider.checks == []


def test_the_demos_app_is_its_own(configure):
    result = configure("--env", "demo", "--company", "5").ended()
    assert "knows" not in result.err
    # Before anybody is asked.
    assert "Error: The demo has its own app." in configure("--remove", "--env", "demo").err


FAILURES: dict[str, tuple[str, str, BaseException | None, int, str]] = {
    "no keyring": ("missing", "", None, 6, "configure --store file"),
    "a keyring that refuses": ("fail-at-write", "", None, 6, ""),
    "a keyring that garbles": ("forget-write", "", None, 6, "did not keep the client secret"),
    "a config that is broken": ("", "a = 1\na.b = 2\n", None, 3, ""),
    "a config that cannot be written": ("", "", DataFolderError("The disk is full."), 6, "disk is full"),
    "Ctrl-C": ("", "", KeyboardInterrupt(), 130, ""),
}


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("failure", FAILURES)
def test_what_goes_wrong_leaves_config_and_secret_as_they_were(
    machine, configure, monkeypatch, failure, is_first
):
    fault, text, error, code, said = FAILURES[failure]
    if not is_first:
        assert configure(*KEPT).code == 0
    if text:
        machine.write("config.toml", text)
    before = (config(machine), machine.kept())
    machine.variables["TEST_KEYRING_FAULT"] = fault
    if error:
        monkeypatch.setattr("procore_cli.flows.app_setup.save_text", mock.Mock(side_effect=error))
    configure(*ANOTHER, stdin="another secret").ended(code, said)
    assert (config(machine), machine.kept()) == before


@pytest.mark.parametrize(
    ("failing", "code", "said"),
    [
        ([KeyboardInterrupt()], 130, ""),
        (
            [KeyringError("The first."), KeyringError("So did the second.")],
            6,
            "Error: production: The first.",
        ),
    ],
)
def test_what_goes_wrong_within_the_keeping_puts_the_former_secret_back(
    configured, configure, monkeypatch, failing, code, said
):
    before, save, waiting = configured.kept(), ClientSecrets.save, list(failing)

    def keep_then_fail(secrets: ClientSecrets, *what: str) -> None:
        save(secrets, *what)
        if waiting:
            raise waiting.pop(0)

    monkeypatch.setattr(ClientSecrets, "save", keep_then_fail)
    result = configure("--client-secret-stdin", "--no-check", stdin="another secret")
    assert (result.code, waiting, configured.kept()) == (code, [], before)
    assert said in result.err
    # Where that fails as well, it does not hide what went wrong first.
    warning = "Warning: The client secret from before could not be put back: So did the second."
    assert (warning in result.err) is (len(failing) == 2)


def test_runs_at_once_lose_no_change_of_each_other(machine):
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


def test_a_run_that_never_ends_holds_others_up_for_a_time(machine):
    machine.data.mkdir(mode=0o700)
    with (
        hold_config(machine.data),
        pytest.raises(BusyError, match=r"config\.toml"),
        hold_config(machine.data, timeout_s=0),
    ):
        pass


@pytest.mark.parametrize("environment", ["production", "monthly"])
def test_a_secret_is_kept_with_its_id_alone_whatever_another_run_has_set(machine, configure, environment):
    """The monthly sandbox's may be production's."""
    with mock.patch.dict(os.environ, machine.environ(), clear=True):
        for app, asked in (
            (app_setup.AppSetup(client_secret="hush"), {}),
            (app_setup.AppSetup("first", "hush"), {"PROCORE_CLIENT_ID": "of-a-variable"}),
        ):
            assert configure("--client-id", "first").code == 0
            settings = load_settings(Overrides(environment), os.environ | asked)
            assert configure("--client-id", "second").code == 0
            if app.client_id is None:
                with pytest.raises(ConfigurationError, match="changed meanwhile"):
                    app_setup.save(settings, app)
                assert machine.kept() == []
            else:
                app_setup.save(settings, app)
    assert 'client_id = "first"' in config(machine)
    (secret,) = machine.kept()
    assert "first" in secret


def test_show_says_what_is_set_where_and_no_secret(configured):
    configured.variables["PROCORE_COMPANY_ID"] = "8"
    result = configured.run_here("configure", "--show", "--json")
    values = {
        "environment": ("production", "default"),
        "client_id": (CLIENT_ID, "config.toml"),
        "client_secret": ("set", "keyring"),
        "redirect_uri": (configured.redirect_uri, "PROCORE_REDIRECT_URI"),
        "company": (8, "PROCORE_COMPANY_ID"),
        "store": ("keyring", "default"),
    }
    sources = {name: source for name, (_, source) in values.items()}
    assert result.json == {name: value for name, (value, _) in values.items()} | {"sources": sources}
    assert CLIENT_SECRET not in result.out + result.err


def test_in_a_pipe_each_line_is_a_name_a_value_and_a_source_which_a_terminal_draws(configured):
    own = configured.run_here("configure", "--show").out.splitlines()
    other = configured.run_here("configure", "--show", "--env", "sandbox").out.splitlines()
    with Terminal(configured, "configure", "--show") as terminal:
        assert terminal.finish() == 0
    assert "company\t7\tconfig.toml" in own
    assert f"redirect URI\t{configured.redirect_uri}\tPROCORE_REDIRECT_URI" in own
    assert "client secret\tnot set\t" in other
    assert f"{CLIENT_ID} (config.toml)" in terminal.drawn
    assert "set (keyring)" in terminal.drawn


def test_a_secret_that_is_lent_or_of_another_app_is_shown_as_such(configured):
    monthly = shown(configured, "--env", "monthly")["sources"]
    configured.variables["PROCORE_CLIENT_ID"] = "another"
    other = shown(configured)["sources"]
    assert monthly["client_id"] == "config.toml [environments.production]"
    assert monthly["client_secret"] == "keyring, of production"
    assert other["client_id"] == "PROCORE_CLIENT_ID"
    assert other["client_secret"] == f"keyring, for the client id {CLIENT_ID}"


def test_a_locked_keyring_hides_the_secret_alone(configured):
    configured.variables["TEST_KEYRING_FAULT"] = "locked"
    result = configured.run_here("configure", "--show").ended(6, prints=True)
    assert f"client id\t{CLIENT_ID}\tconfig.toml" in result.out
    assert "client secret\tcannot be read" in result.out
    # The demo and a variable need none.
    configured.variables["PROCORE_CLIENT_SECRET"] = "hush"
    own = shown(configured)
    assert shown(configured, "--env", "demo")["client_secret"] == own["client_secret"] == "set"
    assert own["sources"]["client_secret"] == "PROCORE_CLIENT_SECRET"


def test_remove_takes_the_app_away_and_keeps_what_is_the_users(configured, configure):
    text = f'# mine\ncolour = 1\n\n{config(configured)}\n[environments.sandbox]\nclient_id = "x"\n'
    configured.write("config.toml", text)
    # Who is signed in does not matter.
    configured.write("production.db", "no database" * 100)
    configure("--remove", "--yes").ended(
        0, "Removed the credentials of production.", "Who is signed in could not be found out"
    )
    assert config(configured) == '# mine\ncolour = 1\n\n[environments.sandbox]\nclient_id = "x"\n'
    assert configured.kept() == []
    assert "has no credentials" in configure("--remove", "--yes").err


def test_remove_looks_into_both_stores(configured, configure):
    assert configure(*KEPT, "--store", "file").code == 0
    secrets = configured.data / "secrets"
    assert len([*secrets.iterdir(), *configured.keyring.iterdir()]) == 2
    with mock.patch.dict(configured.variables, {"TEST_KEYRING_FAULT": "locked"}):
        result = configure("--remove", "--yes")
    assert result.code == 0
    assert "Warning: production: the store keyring could not be looked at" in result.err
    assert [len(list(secrets.iterdir())), len(configured.kept())] == [0, 1]
    assert configure("--remove", "--yes").code == 0
    assert configured.kept() == []


@pytest.mark.parametrize(("fault", "code"), [("locked", 6), ("", 3)], ids=["the store", "config.toml"])
def test_remove_changes_nothing_where_its_own_store_or_file_refuses(
    configured, configure, monkeypatch, fault, code
):
    before = (config(configured), configured.kept())
    configured.variables["TEST_KEYRING_FAULT"] = fault
    if not fault:
        refuse = mock.Mock(side_effect=BrokenConfigError("config.toml cannot be changed.", ""))
        monkeypatch.setattr("procore_cli.flows.app_setup.new_text", refuse)
    assert configure("--remove", "--yes").code == code
    assert (config(configured), configured.kept()) == before


def test_remove_on_an_empty_machine_makes_nothing(tmp_path):
    machine = Machine(tmp_path / "empty", {"PROCORE_REDIRECT_URI": ""})
    result = machine.run_here("configure", "--remove", "--yes", "--env", "sandbox").ended()
    assert result.err == "sandbox has no credentials here.\n"
    assert not machine.data.exists()


@pytest.mark.parametrize(("answer", "is_there"), [("y", False), ("", True)])
def test_on_a_terminal_remove_asks(configured, answer, is_there):
    with Terminal(configured, "configure", "--remove") as terminal:
        terminal.read_until("Remove the credentials of production? [y/N]")
        terminal.type(answer)
        assert terminal.finish() == 0
    assert (CLIENT_ID in config(configured)) is bool(configured.kept()) is is_there


def test_remove_names_who_is_still_signed_in_and_variables_that_count(configured, configure):
    People().sign_in(configured, JOE)
    configured.variables |= {"PROCORE_CLIENT_ID": CLIENT_ID, "PROCORE_REDIRECT_URI": ""}
    result = configure("--remove", "--yes")
    assert "Still signed in to production: joecontractor@procore.com." in result.err
    assert "To end them, enter the app again: procore-login configure" in result.err
    assert "still set go on to count: PROCORE_CLIENT_ID." in result.err
