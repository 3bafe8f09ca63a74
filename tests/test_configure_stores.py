"""The interview's question about the store: what it offers, and what a failure loses, which is nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from procore_cli.cli.commands import interview
from procore_cli.errors import DataFolderError
from procore_cli.flows import app_setup
from procore_cli.storage.files import ClientSecrets
from tests.cli import Machine
from tests.provider import CLIENT_ID, CLIENT_SECRET


@pytest.fixture
def machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """No app is configured here, and somebody is there to ask."""
    del machine.variables["PROCORE_CLIENT_ID"], machine.variables["PROCORE_CLIENT_SECRET"]
    monkeypatch.setattr("procore_cli.cli.commands.configure.can_ask", lambda: True)
    return machine


Answer = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Gives answers by the beginning of the label; returns what is asked, with what is offered."""

    def prepare(*stores: str, secrets: tuple[str, ...] = (CLIENT_SECRET,), **others: list[str]) -> Any:
        asked: list[tuple[str, str]] = []
        lines = {"Client id": [CLIENT_ID] * 9, "Client secret": [*secrets], "Store": [*stores]}
        lines |= others

        def prompt(label: str, offered: str | None, _hidden: bool) -> str:
            asked.append((label, offered or ""))
            waiting = next((lines[start] for start in lines if label.startswith(start)), [""])
            assert waiting, f"{label} is asked once too often"
            return waiting.pop(0) or offered or ""

        monkeypatch.setattr("procore_cli.cli.prompts._prompt", prompt)
        return asked

    return prepare


def shown(machine: Machine) -> tuple[str, str]:
    values = machine.run_here("configure", "--show", "--env", "sandbox", "--json").json
    return values["client_secret"], values["sources"]["client_secret"]


def test_without_a_keyring_enter_takes_files_and_nothing_is_lost(machine: Machine, answer: Answer) -> None:
    machine.variables["TEST_KEYRING_FAULT"] = "missing"
    asked = answer("")

    result = machine.run_here("configure", "--env", "sandbox")

    assert result.code == 0, result.err
    assert ("Store", "file") in asked
    assert shown(machine) == ("set", "file")


@pytest.mark.parametrize("fault", ["missing", "fail-at-write", "forget-write", "tear-write"])
def test_a_keyring_is_tried_when_it_is_chosen(machine: Machine, answer: Answer, fault: str) -> None:
    machine.variables |= {"TEST_KEYRING_FAULT": fault}
    answer("keyring", "file")

    result = machine.run_here("configure", "--env", "sandbox")

    assert result.code == 0, result.err
    assert "Type file, or Ctrl-C to stop and mend the keyring." in " ".join(result.err.split())
    assert shown(machine) == ("set", "file")


def test_the_variables_store_is_offered(machine: Machine, answer: Answer) -> None:
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    asked = answer("")

    assert machine.run_here("configure", "--env", "sandbox").code == 0
    assert ("Store", "file") in asked


def test_a_variable_that_names_a_broken_keyring_ends_it_before_the_first_question(
    machine: Machine, answer: Answer
) -> None:
    machine.variables |= {"PROCORE_LOGIN_STORE": "keyring", "TEST_KEYRING_FAULT": "missing"}
    asked = answer()

    result = machine.run_here("configure", "--env", "sandbox")

    assert (result.code, asked) == (6, [])
    assert "Or unset PROCORE_LOGIN_STORE, or set it to file." in result.err


def test_a_failure_to_save_goes_back_to_the_store_alone(
    machine: Machine, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It fails between the question and the saving, which nothing can foresee.
    monkeypatch.setattr(ClientSecrets, "prove", lambda _: None)
    machine.variables["TEST_KEYRING_FAULT"] = "fail-at-write"
    asked = answer("keyring", "")

    result = machine.run_here("configure", "--env", "sandbox")

    assert result.code == 0, result.err
    assert "Nothing was saved." in result.err
    assert [label for label, _ in asked].count("Client id") == 1
    assert [offered for label, offered in asked if label == "Store"] == ["keyring", "file"]
    assert shown(machine) == ("set", "file")


def test_a_failure_that_another_answer_cannot_mend_ends_the_interview(
    machine: Machine, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise DataFolderError("The disk is full.", "Make room.")

    monkeypatch.setattr(app_setup, "save", fail)
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    answer("")

    assert machine.run_here("configure", "--env", "sandbox").code == 6


def test_a_proof_leaves_nothing_in_the_keyring(machine: Machine, answer: Answer) -> None:
    answer("keyring", secrets=(CLIENT_SECRET,))

    assert machine.run_here("configure", "--env", "sandbox").code == 0
    assert len(list(machine.keyring.iterdir())) == 1


def test_a_refused_secret_is_not_called_set(machine: Machine, answer: Answer) -> None:
    asked = answer("", secrets=("wrong", CLIENT_SECRET))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interview, "confirm", lambda *_, **__: True)
        assert machine.run_here("configure", "--env", "sandbox").code == 0

    assert "Client secret (hidden; Enter tries the same again)" in [label for label, _ in asked]


def test_the_demo_is_not_offered_where_it_cannot_be_chosen(machine: Machine, answer: Answer) -> None:
    answer("", Environment=["demoo", "sandbox"])

    result = machine.run_here("configure")

    assert result.code == 0, result.err
    assert "The environments are production, sandbox, monthly, federal." in " ".join(result.err.split())


def test_a_refusal_names_the_secrets_place_where_it_is_another_one(machine: Machine) -> None:
    machine.variables["PROCORE_CLIENT_SECRET"] = "wrong"

    result = machine.run_here("configure", "--client-id", CLIENT_ID)

    assert result.code == 3
    said = "The client id comes from the options, the client secret from PROCORE_CLIENT_SECRET. Is production"
    assert said in result.err
