"""Procore's answers are read strictly, and every weird one has a clear outcome."""

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
    tokens = TokenSet("the-access-token", "the-refresh-token", 1_700_000_000 + 5400, BINDING, 5400)
    assert read_tokens(FULL) == tokens
    assert "the-" not in repr(read_tokens(FULL))
    assert "the-access-token" not in repr(answer_of(FULL))
    # The type is compared without case.
    for without_weight in (
        *(FULL | {"token_type": each} for each in ("Bearer", "BEARER", "bearer", None)),
        *(FULL | {"created_at": each} for each in (None, -1, "yesterday", 10**30)),
        *(without("token_type"), without("created_at")),
    ):
        assert read_tokens(without_weight) == tokens, without_weight


def test_refresh_token_and_lifetime_may_be_missing(read_tokens):
    for name, read in (("refresh_token", "refresh_token"), ("expires_in", "expires_at")):
        for content in (without(name), FULL | {name: None}):
            assert getattr(read_tokens(content), read) is None


def test_a_lifetime_is_never_negative_cut_to_whole_seconds_and_ends_at_a_date(read_tokens):
    for lifetime, expected in ((0, 0), (-5, 0), (-(10**40), 0), (0.9, 0), (900.5, 900)):
        assert read_tokens(FULL | {"expires_in": lifetime}).expires_at == 1_700_000_000 + expected
    for huge in (b"1e999", b"1e300", b"9" * 4000, b"99999999999999999999"):
        expires_at = read_tokens(b'{"access_token": "a", "expires_in": ' + huge + b"}").expires_at
        assert datetime.fromtimestamp(expires_at, UTC).year > 2100


SENSELESS = [
    *(b"", b" \r\n", b"<!DOCTYPE html><html><body>Sign in</body></html>", b"OK", b'{"access_token": "a"'),
    *(b"\xff\xfe\x00", [], None, "access_token", 5, {}, b"[" * 100_000, without("access_token")),
    b'{"access_token": "a", "access_token": "b"}',
    *(b'{"access_token": "a", "expires_in": ' + each + b"}" for each in (b"9" * 5000, b"NaN", b"Infinity")),
    *(FULL | {"access_token": each} for each in (None, "", 5, ["a"], "a\r\nX-Evil: 1", "a b", "é", "\ud800")),
    FULL | {"access_token": "a" * 16_385},
    *(FULL | {"token_type": each} for each in ("mac", 5)),
    *(FULL | {"refresh_token": each} for each in (5, "a b")),
    *(FULL | {"expires_in": each} for each in ("5400", True, [5400])),
]


def test_a_token_answer_of_the_wrong_shape_is_refused(read_tokens):
    for content in SENSELESS:
        with pytest.raises(UnexpectedAnswerError) as caught:
            read_tokens(content)
        assert caught.value.exit_code == 5
        assert "makes no sense" in caught.value.message
        assert len(caught.value.message) < 500
        assert caught.value.hint
    assert len(read_tokens(FULL | {"access_token": "a" * 16_384}).access_token) == 16_384


def test_refused_credentials_name_their_source_and_ask_for_the_environment(read_tokens):
    with pytest.raises(RefusedCredentialsError) as caught:
        read_tokens({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
    for words in ("invalid_client", "PROCORE_CLIENT_ID", "Is sandbox the right environment?"):
        assert words in caught.value.message
    assert "the-client-secret" not in caught.value.message
    assert caught.value.exit_code == 3


def test_an_invalid_grant_is_told_apart_and_says_why(read_tokens):
    with pytest.raises(GrantRefusedError) as caught:
        read_tokens({"error": "invalid_grant", "error_description": "It was revoked"}, 400)
    assert "invalid_grant: It was revoked" in caught.value.message


FAILURES = [
    (500, b"<html>oops</html>", "an HTML page"),
    (401, b"<html>who are you?</html>", "an HTML page"),
    (503, b"", "an empty body"),
    (502, b"Bad Gateway", "not JSON"),
    (400, {"status": 400}, "no reason given"),
    (400, ["invalid_grant"], "no reason given"),
    (400, {"error": "unsupported_grant_type"}, "unsupported_grant_type"),
    (400, {"error": {"code": "x"}}, "code x"),
    (429, {"message": "slow down"}, "slow down"),
    # From a server that fails they say nothing of ours.
    (500, {"error": "invalid_grant"}, "invalid_grant"),
    (503, {"error": "invalid_client"}, "invalid_client"),
]


def test_an_error_answer_shows_its_status_and_reason(read_tokens):
    for status, content, reason in FAILURES:
        with pytest.raises(UnexpectedAnswerError) as caught:
            read_tokens(content, status)
        assert f"Procore answered {status} ({reason})" in caught.value.message
        assert caught.value.hint


def test_what_was_sent_is_never_repeated_even_where_procore_echoes_it(read_tokens):
    secrets = ("s3cret+value", "verifier~1")
    echo = "x" * 290 + " s3cret+value s3cret%2Bvalue verifier~1"
    for status in (400, 401, 500):
        with pytest.raises(ProcoreLoginError) as caught:
            read_tokens({"error": "invalid_grant", "error_description": echo}, status, secrets)
        assert "s3cr" not in str(caught.value)
        assert "verif" not in str(caught.value)


def test_a_limit_says_when_to_try_again():
    later = ("Wed, 21 Oct 2026 07:28:00 GMT", "\x1b[2J", "²")
    for retry_after, expected in (("17", "in 17 seconds"), *((each, "later") for each in later)):
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
        assert person(JOE | {"id": number}).id == number
    assert person(JOE | {"name": None}).name is None
    assert person({"id": 1, "login": "second@example.com"}).name is None
    # Markup is kept for whoever shows it, and the rest made fit.
    name = "[bold]Joe[/bold]\x1b[31m\u202e\n"
    assert person(JOE | {"name": name}).name == name
    assert person(JOE | {"login": "joe\udc80@x", "name": "\ud83d"})[1:] == ("joe?@x", "?")
    assert len(person(JOE | {"name": "x" * 10_000}).name) == 500


NOBODY = [
    *({"login": "joecontractor@procore.com"}, {"id": 1}, [JOE], b"<html></html>", b""),
    *(JOE | {"id": each} for each in (None, "11111", True, 11111.0, 0, -1, 2**63)),
    *(JOE | {"login": each} for each in (None, "", " \t", 5, "x" * 321)),
    *(JOE | {"name": each} for each in (5, ["Joe"])),
]


def test_a_person_of_the_wrong_shape_is_refused():
    for content in NOBODY:
        with pytest.raises(UnexpectedAnswerError, match="makes no sense"):
            person(content)


def test_a_401_for_the_person_is_an_error_of_its_own():
    with pytest.raises(TokenRefusedError) as caught:
        read_me(answer_of({"error": "the-token is bad"}, 401, ("the-token",)), SANDBOX)
    assert caught.value.exit_code == 4
    assert "the-token" not in caught.value.message
    assert "--env sandbox" in caught.value.hint


def test_another_error_for_the_person_shows_its_status():
    refusal = {"errors": ["App is not connected to this company."]}
    for status in (403, 404, 500, 503):
        with pytest.raises(UnexpectedAnswerError, match=f"answered {status} \\(App is not connected"):
            read_me(answer_of(refusal, status), SANDBOX)
