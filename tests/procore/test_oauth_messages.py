"""The link that a person opens, and the form for a code."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest

from procore_cli.client import oauth
from procore_cli.models import AppCredentials

STATE = "s" * 32
REDIRECT_URI = "http://localhost:4567/callback"


def test_a_state_is_alphanumeric_and_long_enough_for_128_bits():
    state = oauth.new_state()
    assert state.isascii()
    assert state.isalnum()
    assert len(state) * 5.95 > 128


def test_no_two_states_and_no_two_verifiers_are_equal():
    assert len({oauth.new_state() for _ in range(50)}) == 50
    assert len({oauth.new_pkce().verifier for _ in range(50)}) == 50


def test_the_challenge_is_the_s256_of_the_verifier():
    pkce = oauth.new_pkce()
    digest = hashlib.sha256(pkce.verifier.encode()).digest()
    assert pkce.challenge == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert 43 <= len(pkce.verifier) <= 128


def test_a_verifier_never_shows_in_a_repr():
    pkce = oauth.new_pkce()
    assert pkce.verifier not in repr(pkce)
    assert pkce.challenge in repr(pkce)


@pytest.mark.parametrize("login_url", ["https://login.procore.com", "http://127.0.0.1:9999"])
def test_the_link_carries_each_parameter_once_on_any_base_url(login_url):
    link = urlsplit(oauth.authorize_url(login_url, "id&=é", REDIRECT_URI, STATE, "challenge"))
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
    body = oauth.code_body(AWKWARD, "co+de&x", REDIRECT_URI, "v" * 64)
    assert sorted(parse_qsl(body, strict_parsing=True)) == [
        ("client_id", AWKWARD.client_id),
        ("client_secret", AWKWARD.client_secret),
        ("code", "co+de&x"),
        ("code_verifier", "v" * 64),
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT_URI),
    ]


def test_the_form_for_a_pasted_code_carries_the_out_of_band_uri():
    body = oauth.code_body(AWKWARD, "code", "urn:ietf:wg:oauth:2.0:oob", "v" * 64)
    assert ("redirect_uri", "urn:ietf:wg:oauth:2.0:oob") in parse_qsl(body)
