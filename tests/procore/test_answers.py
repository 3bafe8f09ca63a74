"""Procore's answers are read strictly, and every weird one has a clear outcome."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from procore_cli.client import responses
from procore_cli.client.responses import Answer, raise_for_refusal, read_me, read_reason
from procore_cli.config.environments import SANDBOX
from procore_cli.errors import (
    GrantRefusedError,
    ProcoreLoginError,
    RefusedCredentialsError,
    TokenRefusedError,
    UnexpectedAnswerError,
)
from procore_cli.grants import TokenSet
from procore_cli.models import Binding, Me

BINDING = Binding("client-id", "https://login.example.com", "https://api.example.com")
NOW = 1_700_000_000.9
FULL = {
    "access_token": "the-access-token",
    "token_type": "bearer",
    "expires_in": 5400,
    "refresh_token": "the-refresh-token",
    "created_at": 1_600_000_000,
}


def answer_of(content: object, status: int = 200, secrets: tuple[str, ...] = ()) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(status, {}, body, secrets)


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in FULL.items() if name != key}


@pytest.fixture
def read_tokens(credentials):
    def read(content: object, status: int = 200, secrets: tuple[str, ...] = ()) -> TokenSet:
        answer = answer_of(content, status, secrets)
        raise_for_refusal(answer, SANDBOX, credentials)
        return responses.read_tokens(answer, BINDING, NOW)

    return read


def test_a_full_token_answer_is_read_and_counted_from_the_local_clock(read_tokens):
    assert read_tokens(FULL) == TokenSet(
        "the-access-token", "the-refresh-token", 1_700_000_000 + 5400, BINDING, 5400
    )


@pytest.mark.parametrize("token_type", ["Bearer", "BEARER", "bearer", None])
def test_the_token_type_is_compared_without_case_and_may_be_missing(read_tokens, token_type):
    assert read_tokens({**FULL, "token_type": token_type}).access_token == "the-access-token"
    assert read_tokens(without("token_type")).access_token == "the-access-token"


def test_refresh_token_and_lifetime_may_be_missing_and_created_at_does_not_matter(read_tokens):
    for content in (without("refresh_token"), {**FULL, "refresh_token": None}):
        assert read_tokens(content).refresh_token is None
    for content in (without("expires_in"), {**FULL, "expires_in": None}):
        assert read_tokens(content).expires_at is None
    for created_at in (None, -1, "yesterday", 10**30):
        assert read_tokens({**FULL, "created_at": created_at}) == read_tokens(without("created_at"))


@pytest.mark.parametrize(("lifetime", "expected"), [(0, 0), (-5, 0), (-(10**40), 0), (0.9, 0), (900.5, 900)])
def test_a_lifetime_is_never_negative_and_cut_to_whole_seconds(read_tokens, lifetime, expected):
    assert read_tokens({**FULL, "expires_in": lifetime}).expires_at == 1_700_000_000 + expected


@pytest.mark.parametrize("lifetime", [b"1e999", b"1e300", b"9" * 4000, b"99999999999999999999"])
def test_a_huge_lifetime_still_ends_at_a_date(read_tokens, lifetime):
    expires_at = read_tokens(b'{"access_token": "a", "expires_in": ' + lifetime + b"}").expires_at
    assert datetime.fromtimestamp(expires_at, UTC).year > 2100


def test_tokens_show_in_no_repr(read_tokens):
    assert "the-" not in repr(read_tokens(FULL))
    assert "the-access-token" not in repr(answer_of(FULL))


SENSELESS = {
    "an empty body": b"",
    "blanks": b" \r\n",
    "HTML": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "text": b"OK",
    "half of it": b'{"access_token": "a"',
    "bytes": b"\xff\xfe\x00",
    "a list": [],
    "null": None,
    "a text": "access_token",
    "a number": 5,
    "nested too deep": b"[" * 100_000,
    "a number with too many digits": b'{"access_token": "a", "expires_in": ' + b"9" * 5000 + b"}",
    "a key twice": b'{"access_token": "a", "access_token": "b"}',
    "NaN": b'{"access_token": "a", "expires_in": NaN}',
    "Infinity": b'{"access_token": "a", "expires_in": Infinity}',
    "nothing in it": {},
    "no access token": without("access_token"),
    "a null access token": {**FULL, "access_token": None},
    "an empty access token": {**FULL, "access_token": ""},
    "a numeric access token": {**FULL, "access_token": 5},
    "an access token in a list": {**FULL, "access_token": ["a"]},
    "an access token with a line end": {**FULL, "access_token": "a\r\nX-Evil: 1"},
    "an access token with a space": {**FULL, "access_token": "a b"},
    "an access token beyond ASCII": {**FULL, "access_token": "é"},
    "half a surrogate pair": {**FULL, "access_token": "\ud800"},
    "an endless access token": {**FULL, "access_token": "a" * 16_385},
    "another token type": {**FULL, "token_type": "mac"},
    "a token type that is a number": {**FULL, "token_type": 5},
    "a numeric refresh token": {**FULL, "refresh_token": 5},
    "a refresh token with a space": {**FULL, "refresh_token": "a b"},
    "a lifetime in words": {**FULL, "expires_in": "5400"},
    "a lifetime that is true": {**FULL, "expires_in": True},
    "a lifetime in a list": {**FULL, "expires_in": [5400]},
}


def test_a_token_answer_of_the_wrong_shape_is_refused(read_tokens):
    for what, content in SENSELESS.items():
        with pytest.raises(UnexpectedAnswerError) as caught:
            read_tokens(content)
        assert caught.value.exit_code == 5, what
        assert "makes no sense" in caught.value.message
        assert len(caught.value.message) < 500
        assert caught.value.hint


def test_a_token_of_16_kib_is_read(read_tokens):
    assert len(read_tokens({**FULL, "access_token": "a" * 16_384}).access_token) == 16_384


def test_refused_credentials_name_their_source_and_ask_for_the_environment(read_tokens):
    with pytest.raises(RefusedCredentialsError) as caught:
        read_tokens({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
    message = caught.value.message
    assert "invalid_client" in message
    assert "PROCORE_CLIENT_ID" in message
    assert "Is sandbox the right environment?" in message
    assert "the-client-secret" not in message
    assert caught.value.exit_code == 3


def test_an_invalid_grant_is_told_apart_and_says_why(read_tokens):
    with pytest.raises(GrantRefusedError) as caught:
        read_tokens({"error": "invalid_grant", "error_description": "It was revoked"}, 400)
    assert "invalid_grant: It was revoked" in caught.value.message


FAILURES = {
    "a 500 in HTML": (500, b"<html>oops</html>", "an HTML page"),
    "a 401 in HTML": (401, b"<html>who are you?</html>", "an HTML page"),
    "an empty 503": (503, b"", "an empty body"),
    "text": (502, b"Bad Gateway", "not JSON"),
    "JSON without a reason": (400, {"status": 400}, "no reason given"),
    "a list": (400, ["invalid_grant"], "no reason given"),
    "another OAuth error": (400, {"error": "unsupported_grant_type"}, "unsupported_grant_type"),
    "an error that is no text": (400, {"error": {"code": "x"}}, "code x"),
    "a message": (429, {"message": "slow down"}, "slow down"),
    "an invalid_grant from a server that fails": (500, {"error": "invalid_grant"}, "invalid_grant"),
    "an invalid_client from a server that fails": (503, {"error": "invalid_client"}, "invalid_client"),
}


def test_an_error_answer_shows_its_status_and_reason(read_tokens):
    for what, (status, content, reason) in FAILURES.items():
        with pytest.raises(UnexpectedAnswerError) as caught:
            read_tokens(content, status)
        assert f"Procore answered {status} ({reason})" in caught.value.message, what
        assert caught.value.hint


@pytest.mark.parametrize("status", [400, 401, 500])
def test_what_was_sent_is_never_repeated_even_where_procore_echoes_it(read_tokens, status):
    secrets = ("s3cret+value", "verifier~1")
    echo = "x" * 290 + " s3cret+value s3cret%2Bvalue verifier~1"
    with pytest.raises(ProcoreLoginError) as caught:
        read_tokens({"error": "invalid_grant", "error_description": echo}, status, secrets)
    assert "s3cr" not in str(caught.value)
    assert "verif" not in str(caught.value)


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        ("17", "in 17 seconds"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "later"),
        ("\x1b[2J", "later"),
        ("²", "later"),
    ],
)
def test_a_limit_says_when_to_try_again(retry_after, expected):
    with pytest.raises(UnexpectedAnswerError) as caught:
        read_me(Answer(429, {"retry-after": retry_after}, b"{}"), SANDBOX)
    assert caught.value.hint.startswith(f"Try again {expected}")


REASONS = [
    ({"errors": "no"}, "no"),
    ({"errors": ["one", "two"]}, "one: two"),
    ({"errors": {"login": ["is taken", "is odd"]}}, "login is taken: login is odd"),
    ({"message": "m"}, "m"),
    ({"error": "e", "error_description": "d"}, "e: d"),
    ({"error": "same", "message": "same"}, "same"),
    ({"errors": [[[["too deep"]]]]}, "no reason given"),
    ({"errors": [5, None, True]}, "no reason given"),
    ({"error": "lines\r\n\tand   blanks"}, "lines and blanks"),
    ({"error": "\ud800"}, "?"),
    ("just a text", "no reason given"),
]


def test_a_reason_is_found_in_each_of_procores_error_shapes_and_short_whatever_the_body():
    assert [(content, read_reason(json.dumps(content).encode())) for content, _ in REASONS] == REASONS
    assert len(read_reason(json.dumps({"errors": ["x" * 1000] * 500}).encode())) == 300


JOE = {"id": 11111, "login": "joecontractor@procore.com", "name": "Joe Contractor"}


def person(content: object) -> Me:
    return read_me(answer_of(content), SANDBOX)


def test_a_person_is_read_with_an_id_of_up_to_64_bits_and_perhaps_a_name():
    assert person(JOE) == Me(11111, "joecontractor@procore.com", "Joe Contractor")
    for number in (1, 2**31, 2**32 + 1, 2**63 - 1):
        assert person({**JOE, "id": number}).id == number
    assert person({**JOE, "name": None}).name is None
    assert person({"id": 1, "login": "second@example.com"}).name is None


def test_markup_in_a_name_is_kept_for_whoever_shows_it_and_the_rest_made_fit():
    name = "[bold]Joe[/bold]\x1b[31m\u202e\n"
    assert person({**JOE, "name": name}).name == name
    assert person({**JOE, "login": "joe\udc80@x", "name": "\ud83d"})[1:] == ("joe?@x", "?")
    assert len(person({**JOE, "name": "x" * 10_000}).name) == 500


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


def test_a_person_of_the_wrong_shape_is_refused():
    for what, content in NOBODY.items():
        with pytest.raises(UnexpectedAnswerError) as caught:
            person(content)
        assert "makes no sense" in caught.value.message, what


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
