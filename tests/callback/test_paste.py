"""What a pasted address must look like."""

import pytest

from procore_cli.callback.paste import LONGEST_PASTE, PasteError, read_pasted
from procore_cli.config.environments import DEFAULT_REDIRECT_URI, OOB_REDIRECT_URI
from procore_cli.config.urls import read_redirect_uri

REDIRECT = read_redirect_uri(DEFAULT_REDIRECT_URI, "test")
OOB = read_redirect_uri(OOB_REDIRECT_URI, "test")
GOOD = "http://localhost:4567/callback?code=c0de&state=s7ate"
PAIRS = [("code", "c0de"), ("state", "s7ate")]
COPIED = [
    *(GOOD, f"  {GOOD}\r\n", f'"{GOOD}"', f"<{GOOD}>", f"\u201c{GOOD}\u201d ", f"\x1b[200~{GOOD}\x1b[201~"),
    *(GOOD.replace("?", "#"), GOOD.replace("?", "?#"), GOOD + "#_=_", GOOD.replace("c0de", "%630de")),
    *(GOOD.replace("http://localhost", "HTTP://LocalHost"), GOOD.replace("http://", "")),
]
FOLLOWING = [
    ("http://localhost", "http://localhost/"),
    ("http://localhost", "http://localhost:80"),
    ("http://[::1]:4567/cb", "http://[::1]:4567/cb"),
    ("https://app.example.com/cb/", "https://app.example.com:443/cb/"),
    ("HTTP://localhost:80/a", "http://localhost/a"),
]


def test_an_address_is_read_however_it_was_copied_and_follows_the_redirect_uri():
    assert [text for text in COPIED if read_pasted(text, REDIRECT) != PAIRS] == []
    for redirect, address in FOLLOWING:
        assert read_pasted(f"{address}?code=c0de&state=s7ate", read_redirect_uri(redirect, "test")) == PAIRS


def test_parameters_are_decoded_and_keep_their_order_and_their_doubles():
    for query, pairs in (
        (
            "state=a%2Bb&code=%C3%A9+x&code=&error",
            [("state", "a+b"), ("code", "\u00e9 x"), ("code", ""), ("error", "")],
        ),
        ("error=access_denied&state=s", [("error", "access_denied"), ("state", "s")]),
    ):
        assert read_pasted(f"{DEFAULT_REDIRECT_URI}?{query}", REDIRECT) == pairs


ELSEWHERE = [
    *("https://localhost:4567/callback?code=c0de", "http://127.0.0.1:4567/callback?code=c0de"),
    *("http://localhost/callback?code=c0de", "http://localhost:4568/callback?code=c0de"),
    *("http://localhost:4567/Callback?code=c0de", "http://localhost:4567?code=c0de"),
    "http://evil@localhost:4567/callback?code=c0de",
    "https://login.procore.com/oauth/authorize?redirect_uri=http://localhost:4567/callback&code=c0de",
    "?code=c0de&state=s7ate",
]


def test_anything_but_an_address_of_the_redirect_uri_is_refused():
    for address in ELSEWHERE:
        with pytest.raises(
            PasteError,
            match=r"^That is (the address of another page|the right page by|the link to open|no address)",
        ):
            read_pasted(address, REDIRECT)


HERE = "http://localhost:4567/callback"
USELESS = {
    "^$": ("", ' "" \n'),
    "a character": tuple(f"{HERE}?code=c0{odd}de" for odd in (" ", "\x00", "\x1b[31m", "\u202e")),
    "no address": tuple(
        f"http://{at}/callback?code=c0de" for at in ("localhost:99999", "localhost:x", "[::1")
    ),
    "no code=": (HERE, f"{HERE}?state=s7ate&Code=c0de", f"{HERE}?state=s7ate#code=c0de"),
    "no state=": (f"{HERE}?code=c0de", f"{HERE}#code=c0de&State=s7ate"),
    "cannot be read": (f"{HERE}?code=%ff%fe", f"{HERE}?code=c0de" + "&a=b" * 200),
    "too long": (f"{HERE}?code=" + "c" * LONGEST_PASTE,),
}


def test_what_cannot_be_used_is_refused_with_a_reason_that_repeats_none_of_it():
    for why, texts in USELESS.items():
        for text in texts:
            with pytest.raises(PasteError, match=why) as caught:
                read_pasted(text, REDIRECT)
            assert "c0" not in str(caught.value)
            assert "\n" not in str(caught.value)


def test_what_is_not_where_the_browser_ended_is_named():
    for address, what in (
        ("https://login.procore.com/oauth/authorize?client_id=c0de&state=s7ate", "the link to open, not"),
        ("http://127.0.0.1:4568/oauth/authorize?code=c0de", "the link to open, not"),
        ("https://login.procore.com/?code=c0de", "the address of another page."),
        ("http://localhost:4567/home?code=c0de", "the address of another page."),
        ("localhost:4568/callback?code=c0de", "the address of another page."),
        ("c0de", "no address."),
    ):
        with pytest.raises(PasteError, match=f"^That is {what}"):
            read_pasted(address, REDIRECT)


def test_for_the_oob_uri_a_bare_code_or_an_address_is_taken_and_nothing_else():
    for text in ("c0de", " 'c0de' ", "c0-_de.~/+=="):
        assert read_pasted(text, OOB) == [("code", text.strip(" '"))]
    for page in ("https://login.procore.com/oauth/authorize/native", OOB_REDIRECT_URI):
        assert read_pasted(f"{page}?code=c0de&state=s7ate", OOB) == PAIRS
        assert read_pasted(f"{page}?code=c0de", OOB) == [("code", "c0de")]
    for text in ("", "two words", "c\u00f6de", "https://login.procore.com/", "http://[x"):
        with pytest.raises(PasteError):
            read_pasted(text, OOB)
