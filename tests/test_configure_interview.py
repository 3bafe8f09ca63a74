"""The interview of `configure`: what is asked, what Enter keeps, what Ctrl-C and a failure leave."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import click
import pytest

from procore_cli.cli.commands import interview
from procore_cli.config.urls import read_redirect_uri
from procore_cli.errors import DataFolderError
from procore_cli.flows import app_setup
from procore_cli.storage.files import ClientSecrets
from tests.cli import Machine, Result, browser
from tests.provider import CLIENT_ID, CLIENT_SECRET
from tests.terminal import Terminal

pytestmark = pytest.mark.usefixtures("no_app")
# The space behind a hidden prompt is drawn once the echo is off, and typing makes sense.
SECRET = "Client secret (hidden): "
APP = [("Client id", CLIENT_ID), (SECRET, CLIENT_SECRET)]
WRONG = [("Client id", CLIENT_ID), (SECRET, "wrong secret")]
KEPT = [("Client id [", ""), ("Enter keeps it): ", "")]
WHERE = [("Redirect URI [", ""), ("Company id", "")]
REST = [*WHERE, ("Store [", "")]
FILED = [*WHERE, ("Store [", "file")]
CTRL_C, CTRL_D = "\x03", "\x04"

Talk = Callable[..., Result]


@pytest.fixture
def talk(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """Runs a command for a person who answers each prompt, which holds what is said of it, in this order."""

    def start(*arguments: str, answers: list[tuple[str, str]]) -> Result:
        waiting = list(answers)

        def answer(prompt: str, default: str | None) -> str:
            print(prompt, end="", file=sys.stderr)
            assert waiting, f"{prompt} is asked once too often"
            expected, text = waiting.pop(0)
            assert expected in prompt, f"{prompt} is asked in place of {expected}"
            if text == CTRL_C:
                raise click.Abort
            return text or default or ""

        def prompt(text: str, *, default: str | None, hide_input: bool, **_: Any) -> str:
            assert hide_input is ("hidden" in text)
            return answer(f"{text}: ", default)

        def confirm(text: str, *, default: bool, **_: Any) -> bool:
            return answer(f"{text} [{'Y/n' if default else 'y/N'}]: ", "y" if default else "n") == "y"

        monkeypatch.setattr("procore_cli.cli.commands.configure.can_ask", lambda: True)
        monkeypatch.setattr("procore_cli.cli.prompts.can_ask", lambda: True)
        monkeypatch.setattr(click, "prompt", prompt)
        monkeypatch.setattr(click, "confirm", confirm)
        result = machine.run_here(*arguments)
        assert waiting == [], result.err
        return result

    return start


def talk_at_terminal(machine: Machine, *arguments: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """The same on a real terminal; a control character is typed without Enter."""
    transcript = ""
    with Terminal(machine, *arguments) as terminal:
        for prompt, answer in answers:
            terminal.read_until(prompt)
            if answer == CTRL_C:
                terminal.interrupt()
                continue
            transcript += terminal.drawn
            terminal.drawn = ""
            terminal.press(answer if answer == CTRL_D else f"{answer}\n")
        code = terminal.finish()
        return code, transcript + terminal.drawn


def everything(machine: Machine) -> dict[str, bytes]:
    """Every file of the data folder and the keyring, but for locks."""
    files = [path for root in (machine.data, machine.keyring) for path in root.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files if path.suffix != ".lock"}


def shown(machine: Machine, environment: str = "sandbox") -> tuple[str, str]:
    values = machine.run_here("configure", "--show", "--env", environment, "--json").json
    return values["client_secret"], values["sources"]["client_secret"]


def said(result: Result) -> str:
    """stderr, wherever its lines were broken."""
    return " ".join(result.err.split())


def test_what_a_wrong_answer_says_is_to_be_typed_is_whole_on_a_narrow_terminal_too(machine):
    machine.variables["COLUMNS"] = "30"
    answers = [("Environment [", "demo"), ("Environment [", CTRL_D)]
    _, drawn = talk_at_terminal(machine, "configure", answers=answers)
    assert "    procore-login signup --env demo" in drawn.splitlines()


def test_a_person_is_asked_and_the_secret_is_not_echoed(machine, provider):
    answers = [("Environment [", ""), *APP, *REST]
    code, drawn = talk_at_terminal(machine, "configure", answers=answers)
    assert (code, CLIENT_SECRET in drawn) == (0, False), drawn
    for text in ("Developer Portal", machine.redirect_uri, "monthly sandbox", "Procore knows this app."):
        assert text in drawn
    assert "procore-login signup" in drawn
    assert len(provider.checks) == 1
    assert shown(machine, "production") == ("set", "keyring")


def test_signing_up_without_credentials_offers_the_interview_and_goes_on(machine):
    answers = [("Configure it now?", "y"), *APP, *REST]
    code, drawn = talk_at_terminal(machine, "signup", "--browser", browser(), answers=answers)
    assert code == 0, drawn
    assert "Environment [" not in drawn
    assert "Signed up as joecontractor@procore.com in production" in drawn


@pytest.mark.parametrize(("number", "key"), [(1, CTRL_D), (2, CTRL_C)])
def test_ctrl_c_at_a_prompt_of_a_terminal_ends_it(machine, number, key):
    prompts = [("Environment [", ""), *WRONG]
    before = everything(machine)
    answers = [*prompts[:number], (prompts[number][0], key)]
    code, drawn = talk_at_terminal(machine, "configure", answers=answers)
    assert (code, "Traceback" in drawn) == (130, False), drawn
    assert everything(machine) == before


def test_an_answer_goes_to_no_pipe(machine):
    """Prompts are talk: stdout stays empty for data."""
    with Terminal(machine, "configure", "--no-check", stdout=subprocess.PIPE) as terminal:
        for prompt, answer in [("Environment [", ""), *APP, *REST]:
            terminal.read_until(prompt)
            terminal.drawn = ""
            terminal.type(answer)
        assert (terminal.finish(), terminal.read_pipe()) == (0, b"")


def test_ctrl_c_at_a_prompt_leaves_all_as_it_was(machine, talk):
    machine.run_here("configure", "--client-id", "former", "--company", "7")
    before = everything(machine)
    prompts = [("Environment [", ""), *WRONG, *REST]
    for number, (prompt, _) in enumerate(prompts):
        talk("configure", answers=[*prompts[:number], (prompt, CTRL_C)]).ended(130)
        assert everything(machine) == before


def test_asked_again_enter_alone_keeps_everything(machine, talk):
    answers = [*APP, ("Redirect URI [", ""), ("Company id", "77"), ("Store [", "file")]
    assert talk("configure", "--env", "sandbox", answers=answers).code == 0
    before = everything(machine)
    assert b"company = 77" in before[str(machine.data / "config.toml")]
    assert talk("configure", "--env", "sandbox", answers=[*KEPT, *REST]).code == 0
    assert everything(machine) == before


def test_answers_that_make_no_sense_are_asked_again(machine, talk):
    answers = [
        ("Environment [", "sandbx"),
        ("Environment [", "demo"),
        ("Environment [", "sandbox"),
        *APP,
        ("Redirect URI [", "localhost:4567/callback"),
        ("Redirect URI [", "http://127.0.0.1:80/callback/"),
        ("Company id", "abc"),
        ("Company id", "7"),
        ("Store [", "cloud"),
        ("Store [", "keyring"),
    ]
    result = talk("configure", answers=answers).ended()
    for text in (
        "Did you mean sandbox?",
        "The environments are production, sandbox, monthly, federal.",
        "it must begin with",
        "The slash at its end is part of it",
        "is a number",
        "two stores",
    ):
        assert text in said(result)
    assert (machine.data / "config.toml").read_text() == (
        "[environments.sandbox]\n"
        f'client_id = "{CLIENT_ID}"\n'
        'redirect_uri = "http://127.0.0.1:80/callback/"\n'
        "company = 7\n"
    )


def test_a_secret_belongs_to_the_id_that_was_asked_about_stays_with_it_and_moves_with_the_store(
    machine, provider, talk
):
    own, machine.variables = machine.variables, machine.variables | {"PROCORE_CLIENT_ID": "of-a-variable"}
    assert talk("configure", "--env", "sandbox", answers=[*APP, *REST]).code == 0
    assert provider.checks[0].form["client_id"] == CLIENT_ID
    machine.variables = own
    assert shown(machine) == ("set", "keyring")
    # The proof that the keyring keeps what it is given has left nothing there.
    assert len(machine.kept()) == 1
    assert talk("configure", "--env", "sandbox", answers=[*KEPT, *FILED]).code == 0
    assert (shown(machine), machine.kept()) == (("set", "file"), [])
    answers = [("Client id [", "another"), (SECRET, "x"), *REST]
    result = talk("configure", "--no-check", "--env", "sandbox", answers=answers).ended()
    assert "belongs to the client id" in said(result)
    assert 'client_id = "another"' in (machine.data / "config.toml").read_text()


INSISTING = [("again? [Y/n]", "n"), ("all the same? [y/N]", "y")]
REFUSED = {
    "tried again": (
        [("again? [Y/n]", ""), ("Client id [", ""), ("tries the same again): ", CLIENT_SECRET)],
        0,
        2,
    ),
    "given up": ([INSISTING[0], ("all the same? [y/N]", "n")], 3, 1),
    "insisted upon": (INSISTING, 0, 1),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_credentials_are_asked_for_again_or_saved_only_if_the_person_insists(
    machine, provider, talk, what
):
    answers, code, checks = REFUSED[what]
    result = talk("configure", "--env", "monthly", answers=[*WRONG, *REST, *answers]).ended(code)
    assert len(provider.checks) == checks
    assert "Is monthly the right environment?" in said(result)
    assert (machine.data / "config.toml").exists() is (code == 0)
    assert (shown(machine, "monthly")[0] == "set") is (code == 0)


def test_what_cannot_work_is_found_out_before_the_first_question(machine, talk):
    missing = {"REQUESTS_CA_BUNDLE": str(machine.home / "missing.pem")}
    proxy = {"HTTPS_PROXY": "socks5://127.0.0.1:9", "PROCORE_LOGIN_URL": ""}
    keyring = {"PROCORE_LOGIN_STORE": "keyring", "TEST_KEYRING_FAULT": "missing"}
    odd_id = '[environments.monthly]\nclient_id = "a\\u001b[31mb"\n'
    own = dict(machine.variables)
    for command, offer, variables, code, said in (
        ("signup", "n", {}, 3, "procore-login configure"),
        ("signup", "y", missing, 3, "missing.pem"),
        ("configure", "", missing, 3, "missing.pem"),
        ("configure --env sandbox", "", missing, 3, "missing.pem"),
        ("configure", "", proxy, 3, "HTTPS_PROXY"),
        ("configure --env sandbox", "", keyring, 6, "Or unset PROCORE_LOGIN_STORE, or set it to file."),
        ("configure --env monthly", "", {}, 3, "monthly.client_id holds a space or a control character"),
    ):
        if "monthly" in command:
            # It would write to the terminal.
            machine.write("config.toml", odd_id)
        machine.variables = own | variables
        answers = [("Configure it now?", offer)] if offer else []
        result = talk(*command.split(), answers=answers).ended(code, said)
        assert "31m" not in result.err
        assert result.err.count("There is no client id") == (command == "signup")


OFFERED = "; the last question offers files."
ENTER = [("Store [file]", "")]
CHOSEN = [("Store [", "keyring"), ("Store [", "file")]
STORES: dict[str, tuple[dict[str, str], list[tuple[str, str]], str]] = {
    "locked": ({"TEST_KEYRING_FAULT": "locked"}, [("Store [", "file")], OFFERED),
    "none, and Enter": ({"TEST_KEYRING_FAULT": "missing"}, ENTER, OFFERED),
    "a variable, and Enter": ({"PROCORE_LOGIN_STORE": "file"}, ENTER, ""),
    **{
        fault: ({"TEST_KEYRING_FAULT": fault}, CHOSEN, "Type file, or Ctrl-C to stop and mend the keyring.")
        for fault in ("missing", "fail-at-write", "forget-write", "tear-write")
    },
}


@pytest.mark.parametrize("name", STORES)
def test_where_the_keyring_does_not_work_files_are_offered_and_taken(machine, talk, name):
    variables, answers, words = STORES[name]
    machine.variables |= variables
    result = talk("configure", "--env", "sandbox", answers=[*APP, *WHERE, *answers]).ended()
    assert words in said(result)
    # What is known before is said before the first question, in one line.
    assert words != OFFERED or result.err.index(words) < result.err.index("Client id")
    assert "configure --store file" not in result.err
    assert shown(machine) == ("set", "file")


def test_a_failure_to_save_goes_back_to_the_store_alone_or_ends_it_where_that_cannot_mend_it(
    machine, talk, monkeypatch
):
    # It fails between the question and the saving, which nothing can foresee.
    monkeypatch.setattr(ClientSecrets, "prove", lambda _: None)
    machine.variables["TEST_KEYRING_FAULT"] = "fail-at-write"
    answers = [*APP, *WHERE, ("Store [keyring]", "keyring"), ("Store [file]", "")]
    talk("configure", "--env", "sandbox", answers=answers).ended(0, "Nothing was saved.")
    assert shown(machine) == ("set", "file")
    monkeypatch.setattr(app_setup, "save", mock.Mock(side_effect=DataFolderError("The disk is full.")))
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    talk("configure", "--env", "monthly", answers=[*APP, *REST]).ended(6, "The disk is full.")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://localhost:4567/callback", []),
        ("http://localhost:4567/", []),
        ("http://localhost/", ["port 80"]),
        ("http://127.0.0.1:4567/callback", ["refuses 127.0.0.1"]),
        ("http://[::1]:4567/callback", ["refuses ::1"]),
        ("http://localhost:4567/callback/", ["slash at its end"]),
        ("https://example.com/callback", ["pasted here"]),
        ("https://example.com/callback/", ["pasted here", "slash"]),
        ("urn:ietf:wg:oauth:2.0:oob", ["show a code"]),
    ],
)
def test_what_a_person_should_know_of_a_redirect_uri_is_said(uri, words):
    advice = interview.advise(read_redirect_uri(uri, "your answer"))
    assert [word in line for line, word in zip(advice, words, strict=True)] == [True] * len(words)
