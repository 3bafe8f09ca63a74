"""The demo user, who signs in by itself: over the same pages, on this machine alone."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from procore_cli.demo.visitor import VisitorOpener, find_form, visit
from procore_cli.errors import UnexpectedAnswerError

Script = Callable[[str], tuple[int, dict[str, str], str]]


@dataclass
class Site:
    """A small web site that answers as a test's script says, and remembers what it was asked."""

    port: int = 0
    script: Script = lambda _: (200, {}, "hello")
    asked: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


@pytest.fixture
def site() -> Iterator[Site]:
    it = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            it.asked.append(f"{self.command} {self.path}")
            it.cookies.append(self.headers.get("Cookie", ""))
            it.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
            status, headers, text = it.script(self.path)
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        it.port = server.server_port
        yield it
        server.shutdown()
        thread.join()


@pytest.fixture
def callback(site: Site) -> Site:
    """The program that waits: a callback that sends the browser on to /home with a cookie."""

    def answer(path: str) -> tuple[int, dict[str, str], str]:
        if path.startswith("/callback"):
            cookie = "session=abc; HttpOnly; SameSite=Lax; Path=/home; Max-Age=60"
            return 303, {"Location": "/home", "Set-Cookie": cookie}, ""
        return 200, {}, "<form action='/elsewhere'></form>welcome"

    site.script = answer
    return site


def authorize_url(client, site: Site, **changes: str) -> str:
    return client.url + client.authorize_target(redirect_uri=f"{site.url}/callback", **changes)


def parameters(asked: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(asked.partition(" ")[2]).query)


def test_the_sample_user_signs_in_and_reads_home(client, callback):
    page = visit(authorize_url(client, callback))

    assert (page.status, page.url) == (200, f"{callback.url}/home")
    assert "welcome" in page.html
    assert parameters(callback.asked[0])["state"] == ["abc123"]
    assert callback.asked[1:] == ["GET /home"]


def test_home_gets_the_cookie_of_the_callback_and_not_that_of_procore(client, callback):
    visit(authorize_url(client, callback))

    assert callback.cookies == ["", "session=abc"]


def test_the_code_belongs_to_the_sample_user(client, callback):
    visit(authorize_url(client, callback))
    code = parameters(callback.asked[0])["code"][0]
    tokens = client.exchange(code, redirect_uri=f"{callback.url}/callback").json()

    assert client.me(tokens["access_token"]).json()["login"] == "joecontractor@procore.com"


def test_the_program_may_exchange_the_code_before_it_answers(client, new_client, site):
    emails = []

    def answer(path: str) -> tuple[int, dict[str, str], str]:
        code = parse_qs(urlsplit(path).query)["code"][0]
        tokens = new_client().exchange(code, redirect_uri=f"{site.url}/callback").json()
        emails.append(new_client().me(tokens["access_token"]).json()["login"])
        return 200, {}, "saved"

    site.script = answer

    assert visit(authorize_url(client, site)).html == "saved"
    assert emails == ["joecontractor@procore.com"]


def test_another_person_can_sign_in(client, callback):
    visit(authorize_url(client, callback), email="second@example.com")
    code = parameters(callback.asked[0])["code"][0]
    tokens = client.exchange(code, redirect_uri=f"{callback.url}/callback").json()

    assert client.me(tokens["access_token"]).json()["login"] == "second@example.com"


def test_the_demo_user_can_say_no(client, callback):
    visit(authorize_url(client, callback), allow=False)

    assert parameters(callback.asked[0])["error"] == ["access_denied"]
    assert "code" not in parameters(callback.asked[0])


def test_what_the_program_answers_is_the_programs_business(client, site):
    site.script = lambda _: (502, {}, "sorry")

    assert visit(authorize_url(client, site)).status == 502


def test_with_the_pasting_urn_the_visit_ends_at_the_code(client):
    page = visit(client.url + client.authorize_target(redirect_uri="urn:ietf:wg:oauth:2.0:oob"))

    assert page.status == 200
    assert "Copy this code" in page.html


def test_as_an_opener_it_does_not_keep_the_program_waiting(client, site):
    asked, go_on = queue.Queue(), threading.Event()

    def answer(path: str) -> tuple[int, dict[str, str], str]:
        asked.put(path)
        go_on.wait(10)
        return 200, {}, ""

    site.script = answer

    assert VisitorOpener(pytest.fail).open(authorize_url(client, site)) is True
    assert asked.get(timeout=10).startswith("/callback?code=")
    go_on.set()


def test_as_an_opener_it_says_what_went_wrong(client, site):
    told = queue.Queue()
    VisitorOpener(told.put).open(authorize_url(client, site, client_id="sesame"))
    error = told.get(timeout=10)

    assert isinstance(error, UnexpectedAnswerError)
    assert "answered with status 400" in error.message
    assert "sesame" not in error.message


@pytest.mark.parametrize(
    ("status", "redirect_uri", "why"),
    [
        (403, "", "callback answered with status 403"),
        (200, "urn:ietf:wg:oauth:2.0:oob", "does not lead back to the program"),
    ],
)
def test_as_an_opener_it_says_that_it_did_not_come_back(client, site, status, redirect_uri, why):
    told = queue.Queue()
    site.script = lambda _: (status, {}, "")
    url = client.url + client.authorize_target(redirect_uri=redirect_uri or f"{site.url}/callback")
    VisitorOpener(told.put).open(url)
    error = told.get(timeout=10)

    assert isinstance(error, UnexpectedAnswerError)
    assert why in error.message
    assert "code=" not in error.message


def test_a_page_keeps_code_and_address_out_of_its_repr(client, callback):
    assert repr(visit(authorize_url(client, callback))) == "Page(status=200)"


def test_an_error_page_of_procore_ends_the_visit(client, site):
    with pytest.raises(UnexpectedAnswerError, match="answered with status 400"):
        visit(authorize_url(client, site, client_id="wrong"))
    assert site.asked == []


def test_an_email_that_procore_refuses_ends_the_visit(client, site):
    with pytest.raises(UnexpectedAnswerError, match="answered with status 422"):
        visit(authorize_url(client, site), email="nobody")


@pytest.mark.parametrize(
    "url",
    [
        "https://login.procore.com/oauth/authorize?code=sesame",
        "http://procore.example/?code=sesame",
        "http://localhost.procore.example/?code=sesame",
        "http://localhost@procore.example/?code=sesame",
        "file:///etc/passwd?code=sesame",
        "http://localhost:99999/?code=sesame",
    ],
)
def test_nothing_but_this_machine_is_spoken_to(url):
    with pytest.raises(UnexpectedAnswerError) as caught:
        visit(url)
    assert "sesame" not in caught.value.message


@pytest.mark.parametrize(
    "location", ["https://procore.example/?code=sesame", "//procore.example/", "http://[oops", "/\u00e9"]
)
def test_a_redirect_that_leads_astray_ends_the_visit(site, location):
    site.script = lambda _: (302, {"Location": location}, "")

    with pytest.raises(UnexpectedAnswerError) as caught:
        visit(f"{site.url}/start")
    assert "sesame" not in caught.value.message
    assert site.asked == ["GET /start"]


def test_a_form_that_leads_astray_is_not_sent(site):
    site.script = lambda _: (200, {}, '<form action="http://procore.example/"></form>')

    with pytest.raises(UnexpectedAnswerError, match="is not on this machine"):
        visit(f"{site.url}/start")


def test_redirects_without_end_are_given_up(site):
    site.script = lambda _: (302, {"Location": "/again"}, "")

    with pytest.raises(UnexpectedAnswerError, match="one page too many"):
        visit(f"{site.url}/start")
    assert len(site.asked) == 12


def test_forms_without_end_are_given_up(site):
    site.script = lambda _: (200, {}, "<form></form>")

    with pytest.raises(UnexpectedAnswerError, match="one page too many"):
        visit(f"{site.url}/start")


def test_where_nobody_listens_the_visit_ends(server):
    url = server.url
    server.close()

    with pytest.raises(UnexpectedAnswerError, match="gives no answer"):
        visit(f"{url}/oauth/authorize?code=sesame")


def test_only_the_chosen_button_is_sent(site):
    form = """<form action="/sent"><input name="email" value="filled in">
    <input type="hidden" name="a" value="&amp;">
    <input type="submit"><button name="decision" value="allow">Yes</button>
    <button name="decision" value="deny">No</button></form><input name="outside" value="x">"""
    site.script = lambda path: (200, {}, "" if path == "/sent" else form)
    visit(f"{site.url}/start", email="second@example.com", allow=False)

    assert site.asked == ["GET /start", "POST /sent"]
    assert parse_qs(site.bodies[1]) == {"email": ["second@example.com"], "a": ["&"], "decision": ["deny"]}


def test_the_first_form_of_a_page_counts():
    form = find_form(
        '<form action="/one"><a name="top"></a><input name="a"></form>'
        '<form action="/two"><input name="b"></form>'
    )

    assert (form.action, form.fields) == ("/one", {"a": ""})


def test_a_page_may_have_no_form():
    assert find_form("<p>hello") is None
