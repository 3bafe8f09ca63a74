"""Base URLs and redirect URIs."""

import pytest

from procore_cli.config.urls import find_origin, read_base_url, read_redirect_uri
from procore_cli.errors import BadUrlError


def test_a_redirect_uri_says_where_to_listen_or_that_it_is_for_pasting():
    for text, host, port, path, on_loopback in (
        ("http://localhost:4567/callback", "localhost", 4567, "/callback", True),
        ("http://localhost", "localhost", 80, "/", True),
        ("http://localhost/", "localhost", 80, "/", True),
        ("http://127.0.0.1:9000/back/", "127.0.0.1", 9000, "/back/", True),
        ("http://[::1]:9000/home", "::1", 9000, "/home", True),
        ("HTTP://LOCALHOST:9000/Callback", "localhost", 9000, "/Callback", True),
        ("http://localhost:/callback", "localhost", 80, "/callback", True),
        ("http://localhost:9000/..well/a.b", "localhost", 9000, "/..well/a.b", True),
        ("https://app.example.com/callback", "app.example.com", 443, "/callback", False),
        ("https://app.example.com/callback?team=7", "app.example.com", 443, "/callback", False),
    ):
        it = read_redirect_uri(text, "test")
        assert (it.text, it.host, it.port, it.path) == (text, host, port, path)
        assert (it.on_loopback, it.is_oob) == (on_loopback, False), text
    oob = read_redirect_uri("urn:ietf:wg:oauth:2.0:oob", "test")
    assert (oob.on_loopback, oob.is_oob) == (False, True)


def read_login_url(text: str) -> str:
    return read_base_url(text, "login URL", "PROCORE_LOGIN_URL", "https://login.procore.com")


NO_REDIRECT_URIS = (
    *("http://example.com/callback", "ftp://localhost/callback", "localhost:4567/callback"),
    *("http://localhost:4567/callback?x=1", "http://localhost:4567/callback#x"),
    *("http://localhost:0/callback", "http://localhost:+80/callback", "http://localhost:port/callback"),
    *("http://localhost\\callback", "http://localhost:4567/c\nallback", "http://lócalhost:4567/"),
    *("http://localhost:4567/a/../callback", "http://localhost:4567/%2E%2e"),
    *("http://localhost.evil.example:4567/callback", "http://127.0.0.2:4567/callback", "http://[::1"),
    *("http://[::1]evil.example/", "http:///callback", "https://app.example.com/callback?code=hunter2"),
    *("https://app.example.com/callback?state=", "javascript:alert(1)", ""),
)


# What may be a secret in it is left out.
SHOWN = {
    "http://joe:hunter2@localhost:4567/callback": "(localhost:4567/callback)",
    "http://joe:hunt?er2@localhost:4567/callback": "(localhost:4567/callback)",
    "http://localhost:4567/callback?code=hunter2": "(http://localhost:4567/callback)",
    "http://localhost:4567/callback#code=hunter2": "(http://localhost:4567/callback)",
}


def test_what_cannot_be_a_redirect_uri_is_refused_by_name_and_no_secret_in_it_is_shown():
    for text in (*NO_REDIRECT_URIS, *SHOWN):
        with pytest.raises(BadUrlError) as caught:
            read_redirect_uri(text, "PROCORE_REDIRECT_URI")
        assert "PROCORE_REDIRECT_URI" in caught.value.message
        assert "http://localhost:4567/callback" in caught.value.hint
        assert SHOWN.get(text, "") in caught.value.message
        assert "hunt" not in caught.value.message
        assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("read", "url", "read_as"),
    [
        (read_login_url, "https://Login.Example.com/", "https://login.example.com"),
        (read_login_url, "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (read_login_url, "http://localhost:8080/", "http://localhost:8080"),
        (read_login_url, "http://[::1]:8080", "http://[::1]:8080"),
        (find_origin, "https://login.procore.com", "https://login.procore.com"),
        (find_origin, "https://login.procore.com:443/x", "https://login.procore.com"),
        (find_origin, "https://LOGIN.procore.com:8443", "https://login.procore.com:8443"),
        (find_origin, "http://[::1]:80/x", "http://[::1]"),
    ],
)
def test_a_base_url_and_an_origin_are_scheme_host_and_port(read, url, read_as):
    assert read(url) == read_as


def test_what_cannot_be_a_base_url_is_refused():
    for text in (
        *("http://example.com", "https://example.com/path", "https://example.com?x", "example.com"),
        *("https://", "http://[::1]evil.example"),
    ):
        with pytest.raises(BadUrlError, match="PROCORE_LOGIN_URL") as caught:
            read_login_url(text)
        assert "https://login.procore.com" in caught.value.hint
