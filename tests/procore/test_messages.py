"""What goes to Procore and what comes back through the browser."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest

from procore_cli.client import oauth as messages
from procore_cli.errors import ConsentDeniedError, UnexpectedAnswerError
from procore_cli.grants import AppCredentials

STATE = "s" * 32
REDIRECT_URI = "http://localhost:4567/callback"


def test_a_state_is_alphanumeric_and_long_enough_for_128_bits():
    state = messages.new_state()
    assert state.isascii()
    assert state.isalnum()
    assert len(state) * 5.95 > 128


def test_no_two_states_and_no_two_verifiers_are_equal():
    assert len({messages.new_state() for _ in range(50)}) == 50
    assert len({messages.new_pkce().verifier for _ in range(50)}) == 50


def test_the_challenge_is_the_s256_of_the_verifier():
    pkce = messages.new_pkce()
    digest = hashlib.sha256(pkce.verifier.encode()).digest()
    assert pkce.challenge == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert 43 <= len(pkce.verifier) <= 128


def test_a_verifier_never_shows_in_a_repr():
    pkce = messages.new_pkce()
    assert pkce.verifier not in repr(pkce)
    assert pkce.challenge in repr(pkce)


@pytest.mark.parametrize("login_url", ["https://login.procore.com", "http://127.0.0.1:9999"])
def test_the_link_carries_each_parameter_once_on_any_base_url(login_url):
    link = urlsplit(messages.authorize_url(login_url, "id&=é", REDIRECT_URI, STATE, "challenge"))
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{login_url}/oauth/authorize"
    assert sorted(parse_qsl(link.query)) == [
        ("client_id", "id&=é"),
        ("code_challenge", "challenge"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("state", STATE),
    ]


AWKWARD = AppCredentials("id with space", "s&c=r+t%é", "config.toml")


def test_the_form_for_a_code_carries_each_parameter_once():
    body = messages.code_body(AWKWARD, "co+de&x", REDIRECT_URI, "v" * 64)
    assert sorted(parse_qsl(body, strict_parsing=True)) == [
        ("client_id", AWKWARD.client_id),
        ("client_secret", AWKWARD.client_secret),
        ("code", "co+de&x"),
        ("code_verifier", "v" * 64),
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT_URI),
    ]


def test_the_form_for_a_pasted_code_carries_the_out_of_band_uri():
    body = messages.code_body(AWKWARD, "code", "urn:ietf:wg:oauth:2.0:oob", "v" * 64)
    assert ("redirect_uri", "urn:ietf:wg:oauth:2.0:oob") in parse_qsl(body)


def test_the_form_for_a_refresh_carries_each_parameter_once_and_no_scope():
    body = messages.refresh_body(AWKWARD, "re+fresh")
    assert sorted(parse_qsl(body, strict_parsing=True)) == [
        ("client_id", AWKWARD.client_id),
        ("client_secret", AWKWARD.client_secret),
        ("grant_type", "refresh_token"),
        ("refresh_token", "re+fresh"),
    ]


def test_the_form_for_a_revocation_carries_each_parameter_once():
    body = messages.revoke_body(AWKWARD, "to+ken")
    assert sorted(parse_qsl(body, strict_parsing=True)) == [
        ("client_id", AWKWARD.client_id),
        ("client_secret", AWKWARD.client_secret),
        ("token", "to+ken"),
    ]


OURS = [
    [("state", STATE), ("code", "c")],
    [("code", "c"), ("state", STATE), ("session_state", "whatever")],
    [("state", STATE), ("error", "access_denied"), ("error_description", "no")],
]
NOT_OURS = [
    [],
    [("state", STATE)],
    [("code", "c")],
    [("state", ""), ("code", "c")],
    [("state", STATE + "x"), ("code", "c")],
    [("state", STATE[:-1]), ("code", "c")],
    [("state", "é" * 32), ("code", "c")],
    [("state", "\udc80"), ("code", "c")],
    [("state", STATE), ("state", STATE), ("code", "c")],
    [("state", STATE), ("state", "other"), ("code", "c")],
    [("state", STATE), ("code", "c"), ("code", "c")],
    [("state", STATE), ("code", "")],
    [("state", STATE), ("code", "c"), ("code", "")],
    [("state", STATE), ("error", "")],
    [("state", STATE), ("error", "a"), ("error", "b")],
    [("state", STATE), ("code", "c"), ("error", "access_denied")],
    [("State", STATE), ("code", "c")],
]


@pytest.mark.parametrize("pairs", OURS)
def test_a_callback_with_our_state_and_one_outcome_is_ours(pairs):
    assert messages.is_ours(pairs, STATE)


@pytest.mark.parametrize("pairs", NOT_OURS)
def test_a_callback_with_anything_wrong_missing_or_doubled_is_not_ours(pairs):
    assert not messages.is_ours(pairs, STATE)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("code", "c")], True),
        ([("code", "")], False),
        ([("code", "c"), ("code", "c")], False),
        ([("code", "c"), ("state", "other")], False),
        ([("code", "c"), ("state", STATE)], True),
        ([("error", "access_denied")], False),
    ],
)
def test_a_bare_code_is_ours_only_where_one_is_expected(pairs, expected):
    assert messages.is_ours(pairs, STATE, bare_code=True) is expected


def test_a_callback_gives_its_code():
    assert messages.read_callback([("state", STATE), ("code", "the-code")], "sandbox") == "the-code"


def test_a_denied_consent_says_denied_and_names_the_environment():
    pairs = [("state", STATE), ("error", "access_denied"), ("error_description", "not today")]
    with pytest.raises(ConsentDeniedError) as caught:
        messages.read_callback(pairs, "sandbox")
    assert "denied" in caught.value.message
    assert "sandbox" in caught.value.message
    assert "not today" in caught.value.message
    assert caught.value.exit_code == 4
    assert caught.value.hint


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable", "invalid_request", "what?"])
def test_another_error_at_the_consent_page_is_procores_failure(error):
    with pytest.raises(UnexpectedAnswerError) as caught:
        messages.read_callback([("state", STATE), ("error", error)], "sandbox")
    assert error in caught.value.message
    assert caught.value.exit_code == 5


def test_an_endless_description_is_cut():
    pairs = [("error", "access_denied"), ("error_description", "x" * 100_000)]
    with pytest.raises(ConsentDeniedError) as caught:
        messages.read_callback(pairs, "sandbox")
    assert len(caught.value.message) < 500
