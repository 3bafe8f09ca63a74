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
    UnexpectedAnswerError,
)
from procore_cli.models import Binding, TokenSet

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
def test_the_token_type_is_compared_without_case(read_tokens, token_type):
    assert read_tokens({**FULL, "token_type": token_type}).access_token == "the-access-token"


def test_a_token_type_may_be_missing(read_tokens):
    assert read_tokens(without("token_type")).access_token == "the-access-token"


@pytest.mark.parametrize("content", [without("refresh_token"), {**FULL, "refresh_token": None}])
def test_an_answer_without_a_refresh_token_has_none(read_tokens, content):
    assert read_tokens(content).refresh_token is None


@pytest.mark.parametrize("content", [without("expires_in"), {**FULL, "expires_in": None}])
def test_an_answer_without_a_lifetime_has_no_expiry(read_tokens, content):
    assert read_tokens(content).expires_at is None


@pytest.mark.parametrize("created_at", [None, -1, "yesterday", 10**30])
def test_what_created_at_says_does_not_matter(read_tokens, created_at):
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


@pytest.mark.parametrize("content", SENSELESS.values(), ids=SENSELESS)
def test_a_token_answer_of_the_wrong_shape_is_refused(read_tokens, content):
    with pytest.raises(UnexpectedAnswerError) as caught:
        read_tokens(content)
    assert caught.value.exit_code == 5
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


@pytest.mark.parametrize(("status", "content", "reason"), FAILURES.values(), ids=FAILURES)
def test_an_error_answer_shows_its_status_and_reason(read_tokens, status, content, reason):
    with pytest.raises(UnexpectedAnswerError) as caught:
        read_tokens(content, status)
    assert f"Procore answered {status} ({reason})" in caught.value.message
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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
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
    ],
)
def test_a_reason_is_found_in_each_of_procores_error_shapes(content, expected):
    assert read_reason(json.dumps(content).encode()) == expected


def test_a_reason_is_short_whatever_the_body():
    assert len(read_reason(json.dumps({"errors": ["x" * 1000] * 500}).encode())) == 300
