"""The person from `/me` is read strictly, and every weird one has a clear outcome."""

from __future__ import annotations

import json

import pytest

from procore_cli.client.responses import Answer, read_me
from procore_cli.config.environments import SANDBOX
from procore_cli.errors import TokenRefusedError, UnexpectedAnswerError
from procore_cli.models import Me


def answer_of(content: object, status: int = 200, secrets: tuple[str, ...] = ()) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(status, {}, body, secrets)


JOE = {"id": 11111, "login": "joecontractor@procore.com", "name": "Joe Contractor"}


def test_a_person_is_read():
    assert read_me(answer_of(JOE), SANDBOX) == Me(11111, "joecontractor@procore.com", "Joe Contractor")


@pytest.mark.parametrize("number", [1, 2**31, 2**32 + 1, 2**63 - 1])
def test_an_id_may_exceed_32_bits(number):
    assert read_me(answer_of({**JOE, "id": number}), SANDBOX).id == number


@pytest.mark.parametrize("content", [{**JOE, "name": None}, {"id": 1, "login": "second@example.com"}])
def test_a_person_may_have_no_name(content):
    assert read_me(answer_of(content), SANDBOX).name is None


def test_markup_and_control_characters_in_a_name_are_kept_for_whoever_shows_it():
    name = "[bold]Joe[/bold]\x1b[31m\u202e\n"
    assert read_me(answer_of({**JOE, "name": name}), SANDBOX).name == name


def test_half_a_surrogate_pair_in_a_text_becomes_a_question_mark():
    me = read_me(answer_of({**JOE, "login": "joe\udc80@x", "name": "\ud83d"}), SANDBOX)
    assert (me.login, me.name) == ("joe?@x", "?")


def test_an_endless_name_is_cut():
    assert len(read_me(answer_of({**JOE, "name": "x" * 10_000}), SANDBOX).name) == 500


NOBODY = {
    "no id": {"login": "joecontractor@procore.com"},
    "a null id": {**JOE, "id": None},
    "an id in quotes": {**JOE, "id": "11111"},
    "an id that is true": {**JOE, "id": True},
    "an id with a fraction": {**JOE, "id": 11111.0},
    "zero": {**JOE, "id": 0},
    "a negative id": {**JOE, "id": -1},
    "an id beyond 64 bits": {**JOE, "id": 2**63},
    "no login": {"id": 1},
    "a null login": {**JOE, "login": None},
    "an empty login": {**JOE, "login": ""},
    "a blank login": {**JOE, "login": " \t"},
    "a numeric login": {**JOE, "login": 5},
    "an endless login": {**JOE, "login": "x" * 321},
    "a numeric name": {**JOE, "name": 5},
    "a name in a list": {**JOE, "name": ["Joe"]},
    "a list of people": [JOE],
    "HTML": b"<html></html>",
    "nothing": b"",
}


@pytest.mark.parametrize("content", NOBODY.values(), ids=NOBODY)
def test_a_person_of_the_wrong_shape_is_refused(content):
    with pytest.raises(UnexpectedAnswerError) as caught:
        read_me(answer_of(content), SANDBOX)
    assert "makes no sense" in caught.value.message


def test_a_401_for_the_person_is_an_error_of_its_own():
    with pytest.raises(TokenRefusedError) as caught:
        read_me(answer_of({"error": "the-token is bad"}, 401, ("the-token",)), SANDBOX)
    assert caught.value.exit_code == 4
    assert "the-token" not in caught.value.message
    assert "--env sandbox" in caught.value.hint


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_another_error_for_the_person_shows_its_status(status):
    with pytest.raises(UnexpectedAnswerError, match=f"answered {status} \\(App is not connected"):
        read_me(answer_of({"errors": ["App is not connected to this company."]}, status), SANDBOX)
