"""`configure`: where the values go, who is asked, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import Machine, browser
from tests.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.terminal import Terminal


@pytest.fixture
def machine(tmp_path: Path, provider: Provider) -> Machine:
    machine = Machine(tmp_path / "machine")
    machine.point_at(provider)
    del machine.variables["PROCORE_CLIENT_ID"], machine.variables["PROCORE_CLIENT_SECRET"]
    return machine


def config(machine: Machine) -> str:
    return (machine.data / "config.toml").read_text()


def on_a_terminal(machine: Machine, *arguments: str, answers: dict[str, str]) -> tuple[int, str]:
    """Run a command on a terminal, and answer each prompt."""
    with Terminal(machine, *arguments) as terminal:
        for prompt, answer in answers.items():
            terminal.read_until(prompt)
            terminal.type(answer)
        return terminal.finish(), terminal.drawn


# The space is drawn once the echo is off, and typing makes sense.
PROMPTS = {"Client id": CLIENT_ID, "Client secret (hidden): ": CLIENT_SECRET}


def test_a_script_configures_and_signs_up(machine: Machine) -> None:
    configured = machine.run(
        "configure", "--client-id", CLIENT_ID, "--client-secret-stdin", stdin=CLIENT_SECRET + "\n"
    )
    signed_up = machine.run("signup", "--json", "--browser", browser())

    assert configured.code == 0, configured.err
    assert configured.out == ""
    assert signed_up.code == 0, signed_up.err
    assert CLIENT_ID in config(machine)
    assert CLIENT_SECRET not in config(machine)


def test_a_person_is_asked_and_the_secret_is_not_echoed(machine: Machine) -> None:
    code, drawn = on_a_terminal(machine, "configure", answers=PROMPTS)

    assert code == 0, drawn
    assert CLIENT_SECRET not in drawn
    assert "Developer Portal" in drawn
    assert machine.redirect_uri in drawn
    assert machine.run("signup", "--json", "--browser", browser()).code == 0


def test_signing_up_without_credentials_offers_to_configure(machine: Machine) -> None:
    code, drawn = on_a_terminal(
        machine, "signup", "--browser", browser(), answers={"Configure it now?": "y", **PROMPTS}
    )

    assert code == 0, drawn
    assert "Signed up as joecontractor@procore.com in production" in drawn


def test_declining_the_offer_ends_with_3(machine: Machine) -> None:
    code, drawn = on_a_terminal(machine, "signup", answers={"Configure it now?": "n"})

    assert code == 3
    assert "procore-login configure --env production" in drawn


def test_without_a_terminal_nobody_is_asked(machine: Machine) -> None:
    result = machine.run("configure")

    assert result.code == 2
    assert "--client-secret-stdin" in result.err


def test_one_value_is_changed_and_the_others_stay(machine: Machine) -> None:
    machine.run("configure", "--client-id", "first", "--company", "7")

    machine.run("configure", "--redirect-uri", "http://localhost:9/back", "--store", "file", "--default")

    text = config(machine)
    assert 'client_id = "first"' in text
    assert "company = 7" in text
    assert 'redirect_uri = "http://localhost:9/back"' in text
    assert 'store = "file"' in text
    assert 'environment = "production"' in text


def test_show_says_what_is_set_and_no_secret(machine: Machine) -> None:
    machine.run("configure", "--client-id", CLIENT_ID, "--client-secret-stdin", stdin=CLIENT_SECRET)
    machine.variables["PROCORE_COMPANY_ID"] = "7"

    shown = machine.run("configure", "--show", "--json")
    other = machine.run("configure", "--show", "--env", "sandbox")

    assert shown.json == {
        "environment": "production",
        "client_id": CLIENT_ID,
        "client_secret": "set",
        "redirect_uri": machine.redirect_uri,
        "company": 7,
        "store": "keyring",
    }
    assert "client secret\tnot set" in other.out
    assert CLIENT_SECRET not in shown.out + shown.err


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (("--redirect-uri", "http://example.com/"), "", 3),
        (("--client-secret-stdin",), "", 2),
        (("--client-secret-stdin",), "hush\x1bhush", 2),
        (("--client-secret-stdin",), "hush", 3),
        (("--env", "demo"), "", 2),
        (("--env", "demo", "--client-id", "x"), "", 2),
        (("--company", "none"), "", 2),
        (("--store", "cloud"), "", 2),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    machine: Machine, arguments: tuple[str, ...], stdin: str, code: int
) -> None:
    result = machine.run("configure", *arguments, stdin=stdin)

    assert result.code == code, result.err
    assert "Hint: " in result.err
    assert "hush" not in result.err
    assert not (machine.data / "config.toml").exists()


def test_a_keyring_that_refuses_leaves_config_as_it_was(machine: Machine) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = "fail-at-write"

    result = machine.run("configure", "--client-id", "x", "--client-secret-stdin", stdin="hush")

    assert result.code == 6
    assert not (machine.data / "config.toml").exists()


def test_a_secret_that_belongs_to_another_id_is_not_sent(machine: Machine, provider: Provider) -> None:
    machine.run("configure", "--client-id", CLIENT_ID, "--client-secret-stdin", stdin=CLIENT_SECRET)
    machine.run("configure", "--client-id", "another")

    result = machine.run("signup", "--browser", browser())

    assert result.code == 3
    assert "another" in result.err
    assert CLIENT_ID in result.err
    assert provider.requests == []
