"""The interview of `configure`, on real terminals: what is asked, what Enter keeps, what Ctrl-C leaves."""

from __future__ import annotations

import os
import select
import stat
import subprocess

import pytest

from procore_cli.cli.commands import interview
from procore_cli.config.urls import read_redirect_uri
from tests.cli import Machine, browser, command
from tests.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.terminal import PATIENCE_S, Terminal

# The space behind a hidden prompt is drawn once the echo is off, and typing makes sense.
SECRET = "Client secret (hidden): "
KEPT_SECRET = "Enter keeps it): "
APP = [("Client id", CLIENT_ID), (SECRET, CLIENT_SECRET)]
REST = [("Redirect URI [", ""), ("Company id", ""), ("Store [", "")]
AGAIN = [("Client id [", ""), (KEPT_SECRET, ""), *REST]
CTRL_C, CTRL_D = "\x03", "\x04"


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """No app is configured here."""
    del machine.variables["PROCORE_CLIENT_ID"], machine.variables["PROCORE_CLIENT_SECRET"]
    return machine


def talk(machine: Machine, *arguments: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command on a terminal and answer each prompt; a control character is typed without Enter."""
    transcript = ""
    with Terminal(machine, *arguments) as terminal:
        for prompt, answer in answers:
            terminal.read_until(prompt)
            if answer == CTRL_C:
                terminal.interrupt()
                continue
            transcript += terminal.drawn
            terminal.drawn = ""
            if answer == CTRL_D:
                terminal.press(answer)
            else:
                terminal.type(answer)
        code = terminal.finish()
        return code, transcript + terminal.drawn


def everything(machine: Machine) -> dict[str, bytes]:
    """Every file of the data folder and the keyring, but for locks."""
    files = [path for root in (machine.data, machine.keyring) for path in root.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files if path.suffix != ".lock"}


def test_a_person_is_asked_and_the_secret_is_not_echoed(machine: Machine, provider: Provider) -> None:
    code, drawn = talk(machine, "configure", answers=[("Environment [", ""), *APP, *REST])

    assert code == 0, drawn
    assert CLIENT_SECRET not in drawn
    for said in ("Developer Portal", machine.redirect_uri, "monthly sandbox", "Procore knows this app."):
        assert said in drawn
    assert "procore-login signup --env production" in drawn
    assert len(provider.checks) == 1
    shown = machine.run_here("configure", "--show", "--json").json
    assert (shown["client_id"], shown["client_secret"]) == (CLIENT_ID, "set")


def test_asked_again_enter_alone_keeps_everything(machine: Machine) -> None:
    answers = [*APP, ("Redirect URI [", ""), ("Company id", "77"), ("Store [", "file")]
    assert talk(machine, "configure", "--env", "sandbox", answers=answers)[0] == 0
    before = everything(machine)
    assert b"company = 77" in before[str(machine.data / "config.toml")]

    code, drawn = talk(machine, "configure", "--env", "sandbox", answers=AGAIN)

    assert code == 0, drawn
    assert everything(machine) == before


def test_answers_that_make_no_sense_are_asked_again(machine: Machine) -> None:
    answers = [
        ("Environment [", "sandbx"),
        ("Did you mean sandbox?", ""),
        ("Environment [", "sandbox"),
        *APP,
        ("Redirect URI [", "localhost:4567/callback"),
        ("it must begin with", ""),
        ("Redirect URI [", "http://127.0.0.1:80/callback/"),
        ("The slash at its end is part of it", ""),
        ("Company id", "abc"),
        ("is a number", ""),
        ("Company id", "7"),
        ("Store [", "cloud"),
        ("two stores", ""),
        ("Store [", "keyring"),
    ]
    # What is only read takes no answer.
    with Terminal(machine, "configure") as terminal:
        for prompt, answer in answers:
            terminal.read_until(prompt)
            if answer:
                terminal.drawn = ""
                terminal.type(answer)
        assert terminal.finish() == 0, terminal.drawn

    assert (machine.data / "config.toml").read_text() == (
        "[environments.sandbox]\n"
        f'client_id = "{CLIENT_ID}"\n'
        'redirect_uri = "http://127.0.0.1:80/callback/"\n'
        "company = 7\n"
    )


def test_a_kept_secret_moves_with_the_store(machine: Machine) -> None:
    assert talk(machine, "configure", "--env", "sandbox", answers=[*APP, *REST])[0] == 0

    answers = [*AGAIN[:-1], ("Store [", "file")]
    assert talk(machine, "configure", "--env", "sandbox", answers=answers)[0] == 0

    shown = machine.run_here("configure", "--show", "--env", "sandbox", "--json").json
    assert shown["sources"]["client_secret"] == "file"
    assert list(machine.keyring.iterdir()) == []


def test_a_secret_belongs_to_the_id_that_was_asked_about(machine: Machine, provider: Provider) -> None:
    machine.run_here("configure", "--client-id", CLIENT_ID)
    machine.variables |= {"PROCORE_CLIENT_ID": "of-a-variable", "PROCORE_ENV": "production"}

    code, drawn = talk(machine, "configure", answers=[*APP, *REST])

    assert code == 0, drawn
    assert provider.checks[0].form["client_id"] == CLIENT_ID
    del machine.variables["PROCORE_CLIENT_ID"]
    assert machine.run_here("configure", "--show", "--json").json["sources"]["client_secret"] == "keyring"


def test_a_secret_of_another_id_is_not_kept_by_enter(machine: Machine) -> None:
    assert talk(machine, "configure", "--env", "sandbox", answers=[*APP, *REST])[0] == 0

    answers = [("Client id [", "another"), (SECRET, "x"), *REST]
    code, drawn = talk(machine, "configure", "--no-check", "--env", "sandbox", answers=answers)

    assert code == 0, drawn
    assert "belongs to the client id" in " ".join(drawn.split())
    assert 'client_id = "another"' in (machine.data / "config.toml").read_text()


def test_a_keyring_that_is_locked_is_named_before_the_first_question(machine: Machine) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = "locked"
    answers = [*APP, *REST[:-1], ("Store [", "file")]

    code, drawn = talk(machine, "configure", "--env", "sandbox", answers=answers)

    assert code == 0, drawn
    assert drawn.index("Warning: The keyring") < drawn.index("Client id")


def test_refused_credentials_are_asked_for_again(machine: Machine, provider: Provider) -> None:
    answers = [("Client id", CLIENT_ID), (SECRET, "wrong secret"), *REST, ("again? [Y/n]", "")]
    answers += [("Client id [", ""), ("tries the same again): ", CLIENT_SECRET)]

    code, drawn = talk(machine, "configure", "--env", "monthly", answers=answers)

    assert code == 0, drawn
    assert "Is monthly the right environment?" in " ".join(drawn.split())
    assert len(provider.checks) == 2
    assert (
        machine.run_here("configure", "--show", "--env", "monthly", "--json").json["client_secret"] == "set"
    )


@pytest.mark.parametrize(("anyway", "code"), [("n", 3), ("y", 0)])
def test_refused_credentials_are_saved_only_if_the_person_insists(
    machine: Machine, anyway: str, code: int
) -> None:
    answers = [("Client id", CLIENT_ID), (SECRET, "wrong secret"), *REST]
    answers += [("again? [Y/n]", "n"), ("all the same? [y/N]", anyway)]

    ended, drawn = talk(machine, "configure", "--env", "federal", answers=answers)

    assert ended == code, drawn
    assert (machine.data / "config.toml").exists() is (code == 0)


def test_signing_up_without_credentials_offers_the_interview_and_goes_on(machine: Machine) -> None:
    offer = ("Configure it now?", "y")
    code, drawn = talk(machine, "signup", "--browser", browser(), answers=[offer, *APP, *REST])

    assert code == 0, drawn
    assert "Environment [" not in drawn
    assert "Signed up as joecontractor@procore.com in production" in drawn


def test_declining_the_offer_ends_with_3(machine: Machine) -> None:
    code, drawn = talk(machine, "signup", answers=[("Configure it now?", "n")])

    assert code == 3
    assert "procore-login configure --env production" in drawn


@pytest.mark.parametrize("number", range(6))
def test_ctrl_c_at_a_prompt_leaves_all_as_it_was(machine: Machine, number: int) -> None:
    machine.run_here("configure", "--client-id", "former", "--company", "7")
    before = everything(machine)
    prompts = [("Environment [", ""), ("Client id", CLIENT_ID), (SECRET, "wrong secret"), *REST]
    key = CTRL_D if number == 3 else CTRL_C

    code, drawn = talk(machine, "configure", answers=[*prompts[:number], (prompts[number][0], key)])

    assert code == 130, drawn
    assert "Traceback" not in drawn
    assert everything(machine) == before


def test_an_answer_goes_to_no_pipe(machine: Machine) -> None:
    """Prompts are talk: stdout stays empty for data."""
    person, terminal = os.openpty()
    started = subprocess.Popen(
        [*command(), "configure", "--no-check"],
        env={**machine.environ(), "TERM": "dumb"},
        cwd=machine.home,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    with started, os.fdopen(person, "r+b", buffering=0) as drawn:
        for prompt, answer in [("Environment [", ""), *APP, *REST]:
            text = b""
            while prompt.encode() not in text:
                assert select.select([drawn], [], [], PATIENCE_S)[0], text
                text += drawn.read(1)
            drawn.write(f"{answer}\n".encode())
        out, _ = started.communicate(timeout=PATIENCE_S)

    assert (started.returncode, out) == (0, b"")


def test_a_file_that_was_open_to_others_is_tightened_and_told(machine: Machine) -> None:
    machine.run_here("configure", "--client-id", "former")
    file = machine.data / "config.toml"
    file.chmod(0o644)

    answers = [("Environment [", ""), ("Client id [", CTRL_C)]
    _, drawn = talk(machine, "configure", answers=answers)

    assert f"{file} was open to other users (mode 0644)" in "".join(drawn.split("\r\n"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_id_in_a_file_that_would_write_to_the_terminal_is_refused_and_not_shown(machine: Machine) -> None:
    machine.run_here("configure", "--client-id", "former")
    file = machine.data / "config.toml"
    file.write_text(file.read_text().replace("former", "a\\u001b[31mb"))

    code, drawn = talk(machine, "configure", "--env", "production", answers=[])

    assert code == 3
    assert "environments.production.client_id holds a space or a control character" in drawn
    assert "31m" not in drawn


@pytest.mark.parametrize(
    ("arguments", "answers"),
    [
        (("configure",), []),
        (("configure", "--env", "sandbox"), []),
        (("signup",), [("Configure it now?", "y")]),
    ],
    ids=["configure", "--env", "signup"],
)
def test_a_ca_file_that_cannot_be_read_is_found_out_before_the_first_question(
    machine: Machine, arguments: tuple[str, ...], answers: list[tuple[str, str]]
) -> None:
    machine.variables["REQUESTS_CA_BUNDLE"] = str(machine.home / "missing.pem")

    code, drawn = talk(machine, *arguments, answers=answers)

    assert code == 3, drawn
    assert "missing.pem" in drawn
    assert "Environment [" not in drawn
    assert "Client id" not in drawn


def test_a_proxy_that_cannot_be_used_is_found_out_before_the_first_question(machine: Machine) -> None:
    del machine.variables["PROCORE_LOGIN_URL"]
    machine.variables["HTTPS_PROXY"] = "socks5://127.0.0.1:9"

    code, drawn = talk(machine, "configure", answers=[])

    assert code == 3, drawn
    assert "HTTPS_PROXY" in drawn
    assert "Environment [" not in drawn


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
def test_what_a_person_should_know_of_a_redirect_uri_is_said(uri: str, words: list[str]) -> None:
    advice = interview.advise(read_redirect_uri(uri, "your answer"))

    assert len(advice) == len(words)
    for line, word in zip(advice, words, strict=True):
        assert word in line
