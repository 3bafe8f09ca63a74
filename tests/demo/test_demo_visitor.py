"""The demo user, who signs in by itself: at its own server, over real HTTP, on this machine alone."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from procore_cli.demo.visitor import VisitorOpener, visit
from procore_cli.errors import UnexpectedAnswerError

Script = Callable[[str], tuple[int, dict[str, str], str]]


@dataclass
class Site:
    """A small web site that answers as a test's script says, and remembers what it was asked."""

    port: int = 0
    script: Script = lambda _: (200, {}, "hello")
    asked: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


@pytest.fixture
def site() -> Iterator[Site]:
    it = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            it.asked.append(self.path)
            it.credentials.append(self.headers.get("Cookie", "") + self.headers.get("Authorization", ""))
            status, headers, text = it.script(self.path)
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        it.port = server.server_port
        yield it
        server.shutdown()
        thread.join()


def authorize_url(client, site: Site, **changes: str) -> str:
    return client.url + client.authorize_target(redirect_uri=f"{site.url}/callback", **changes)


def test_the_sample_user_signs_in_and_reads_home(client, site):
    cookie = "session=abc; HttpOnly; SameSite=Lax; Path=/home; Max-Age=60"
    back = (303, {"Location": "/home", "Set-Cookie": cookie}, "")
    site.script = lambda path: back if path.startswith("/callback") else (200, {}, "welcome")
    visit(authorize_url(client, site))

    came_back, home = site.asked
    assert parse_qs(urlsplit(came_back).query)["state"] == ["abc123"]
    assert home == "/home"
    # Home gets the cookie of the callback, and neither gets the pass.
    assert site.credentials == ["", "session=abc"]


def test_whoever_is_not_in_the_servers_process_gets_the_login_page(client):
    for authorization in ("", "Demo-User", "Demo-User sesame", "Bearer sesame"):
        answer = client.get(client.authorize_target(), Authorization=authorization)

        assert answer.headers["Location"].startswith("/login?")


def test_another_process_has_another_pass():
    shown = "from procore_cli.demo.pages import DEMO_USER_PASS as it; print(it)"
    passes = {subprocess.check_output([sys.executable, "-c", shown], timeout=30) for _ in range(2)}

    assert len(passes) == 2


def test_as_an_opener_it_says_what_went_wrong(client, site):
    told = queue.Queue()
    VisitorOpener(told.put).open(authorize_url(client, site, client_id="sesame"))
    error = told.get(timeout=10)

    assert isinstance(error, UnexpectedAnswerError)
    assert "answered with status 400" in error.message
    assert "sesame" not in error.message


def test_it_says_that_it_did_not_come_back(client, site):
    for redirect_uri, why in (
        ("", "callback answered with status 403"),
        ("urn:ietf:wg:oauth:2.0:oob", "does not lead back to the program"),
        ("https://app.example.com/callback", "https://app.example.com/callback is not on this machine"),
    ):
        site.script = lambda _: (403, {}, "")
        url = client.url + client.authorize_target(redirect_uri=redirect_uri or f"{site.url}/callback")

        with pytest.raises(UnexpectedAnswerError) as caught:
            visit(url)
        assert why in caught.value.message
        assert "code=" not in caught.value.message


def test_nothing_but_this_machine_is_spoken_to():
    for url in (
        "https://login.procore.com/oauth/authorize?code=sesame",
        "http://procore.example/?code=sesame",
        "http://localhost.procore.example/?code=sesame",
        "http://localhost@procore.example/?code=sesame",
        "file:///etc/passwd?code=sesame",
        "http://localhost:99999/?code=sesame",
        "http://localhost:1/?code=sesame",
    ):
        with pytest.raises(UnexpectedAnswerError) as caught:
            visit(url)
        assert "sesame" not in caught.value.message


def test_a_redirect_that_leads_astray_ends_the_visit(site):
    for location in ("https://procore.example/?code=sesame", "//procore.example/", "http://[oops", "/\u00e9"):
        site.asked.clear()
        site.script = lambda _, location=location: (302, {"Location": location}, "")

        with pytest.raises(UnexpectedAnswerError) as caught:
            visit(f"{site.url}/start")
        assert "sesame" not in caught.value.message
        assert site.asked == ["/start"]
    site.script = lambda _: (302, {"Location": "/again"}, "")
    site.asked.clear()
    visit(f"{site.url}/start")
    assert len(site.asked) == 3
