"""What a pasted address must look like."""

import re

import pytest

from procore_cli.callback.paste import LONGEST_PASTE, PasteError, read_pasted
from procore_cli.config.environments import DEFAULT_REDIRECT_URI, OOB_REDIRECT_URI
from procore_cli.config.urls import read_redirect_uri

REDIRECT = read_redirect_uri(DEFAULT_REDIRECT_URI, "test")
OOB = read_redirect_uri(OOB_REDIRECT_URI, "test")
GOOD = "http://localhost:4567/callback?code=c0de&state=s7ate"
PAIRS = [("code", "c0de"), ("state", "s7ate")]


COPIED = [
    GOOD,
    f"  {GOOD}\r\n",
    f'"{GOOD}"',
    f"<{GOOD}>",
    f"\u201c{GOOD}\u201d ",
    f"\x1b[200~{GOOD}\x1b[201~",
    GOOD.replace("http://localhost", "HTTP://LocalHost"),
    GOOD.replace("http://", ""),
    GOOD.replace("?", "#"),
    GOOD.replace("?", "?#"),
    GOOD + "#_=_",
    GOOD.replace("c0de", "%630de"),
]


def test_an_address_is_read_however_it_was_copied():
    assert [text for text in COPIED if read_pasted(text, REDIRECT) != PAIRS] == []


def test_parameters_are_decoded_and_keep_their_order_and_their_doubles():
    query = "state=a%2Bb&code=%C3%A9+x&code=&error"
    pairs = [("state", "a+b"), ("code", "\u00e9 x"), ("code", ""), ("error", "")]
    denied = [("error", "access_denied"), ("state", "s")]
    assert read_pasted(f"{DEFAULT_REDIRECT_URI}?{query}", REDIRECT) == pairs
    assert read_pasted(f"{DEFAULT_REDIRECT_URI}?error=access_denied&state=s", REDIRECT) == denied


FOLLOWING = [
    ("http://localhost", "http://localhost/?code=c0de&state=s7ate"),
    ("http://localhost", "http://localhost:80?code=c0de&state=s7ate"),
    ("http://[::1]:4567/cb", "http://[::1]:4567/cb?code=c0de&state=s7ate"),
    ("https://app.example.com/cb/", "https://app.example.com:443/cb/?code=c0de&state=s7ate"),
    ("HTTP://localhost:80/a", "http://localhost/a?code=c0de&state=s7ate"),
]


def test_host_port_and_path_follow_the_redirect_uri():
    for redirect, address in FOLLOWING:
        assert read_pasted(address, read_redirect_uri(redirect, "test")) == PAIRS


ELSEWHERE = [
    "https://localhost:4567/callback?code=c0de",
    "http://127.0.0.1:4567/callback?code=c0de",
    "http://localhost/callback?code=c0de",
    "http://localhost:4568/callback?code=c0de",
    "http://localhost:4567/callback/?code=c0de",
    "http://localhost:4567/Callback?code=c0de",
    "http://localhost:4567?code=c0de",
    "http://evil@localhost:4567/callback?code=c0de",
    "http://localhost:4567@evil.example/callback?code=c0de",
    "https://login.procore.com/oauth/authorize?redirect_uri=http://localhost:4567/callback&code=c0de",
    "?code=c0de&state=s7ate",
    "c0de",
]


def test_anything_but_an_address_of_the_redirect_uri_is_refused_with_what_is_expected():
    for address in ELSEWHERE:
        with pytest.raises(PasteError, match=re.escape(f"whole address; it begins with {REDIRECT.text}")):
            read_pasted(address, REDIRECT)


USELESS = [
    ("", "nothing was pasted"),
    (' "" \n', "nothing was pasted"),
    ("http://localhost:4567/callback?code=c0 de", "a character"),
    ("http://localhost:4567/callback?code=c0\x00de", "a character"),
    ("http://localhost:4567/callback?code=c0\x1b[31mde", "a character"),
    ("http://localhost:4567/callback?code=c0\u202ede", "a character"),
    ("http://localhost:99999/callback?code=c0de", "not an address"),
    ("http://localhost:x/callback?code=c0de", "not an address"),
    ("http://[::1/callback?code=c0de", "not an address"),
    ("http://localhost:4567/callback", "no code"),
    ("http://localhost:4567/callback?state=s7ate&Code=c0de", "no code"),
    ("http://localhost:4567/callback?state=s7ate#code=c0de", "no code"),
    ("http://localhost:4567/callback?code=c0de", "no state"),
    ("http://localhost:4567/callback#code=c0de&State=s7ate", "no state"),
    ("http://localhost:4567/callback?code=%ff%fe", "cannot be read"),
    ("http://localhost:4567/callback?code=c0de" + "&a=b" * 200, "cannot be read"),
    ("http://localhost:4567/callback?code=" + "c" * LONGEST_PASTE, "too long"),
]


def test_what_cannot_be_used_is_refused_with_a_reason_that_repeats_none_of_it():
    for text, why in USELESS:
        with pytest.raises(PasteError, match=why) as caught:
            read_pasted(text, REDIRECT)
        assert "c0" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("https://login.procore.com/oauth/authorize?client_id=c0de&state=s7ate", "it is the link to open"),
        ("http://127.0.0.1:4568/oauth/authorize?code=c0de", "it is the link to open"),
        ("https://login.procore.com/?code=c0de", "it is another page's address"),
        ("http://localhost:4567/home?code=c0de", "it is another page's address"),
        ("c0de", "paste the whole address"),
    ],
)
def test_what_is_not_where_the_browser_ended_is_named(address, what):
    with pytest.raises(PasteError, match=f"^{what}.*it begins with {REDIRECT.text}$"):
        read_pasted(address, REDIRECT)


@pytest.mark.parametrize("text", ["c0de", " 'c0de' ", "c0-_de.~/+=="])
def test_a_bare_code_is_taken_for_the_oob_uri_without_a_state(text):
    assert read_pasted(text, OOB) == [("code", text.strip(" '"))]


@pytest.mark.parametrize("page", ["https://login.procore.com/oauth/authorize/native", OOB_REDIRECT_URI])
def test_for_the_oob_uri_an_address_is_taken_too(page):
    assert read_pasted(f"{page}?code=c0de&state=s7ate", OOB) == PAIRS


@pytest.mark.parametrize("text", ["", "two words", "c\u00f6de", "https://login.procore.com/", "http://[x"])
def test_for_the_oob_uri_what_is_no_code_is_refused(text):
    with pytest.raises(PasteError):
        read_pasted(text, OOB)
