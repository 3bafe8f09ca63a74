"""Whole sign-ins with redirect URIs other than the default, and those that are refused at once.

The browser is a thread of the test, which gets the link as `--browser` would; no page is taken on trust.
"""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import pytest

from tests.cli import Machine, Result
from tests.provider import Provider, Request, flat
from tests.stub_browser import Browser, Page
from tests.terminal import Terminal

EMAIL = "joecontractor@procore.com"
ROW = '[1, 11111, "joecontractor@procore.com"]'
ANSWERED_HERE = [
    "http://localhost:{port}",
    "http://localhost:{port}/",
    "http://localhost:{port}/oauth/done",
    "http://localhost:{port}/signin",
    "http://localhost:{port}/home",
    "http://localhost:{port}/callback/",
    "http://127.0.0.1:{port}/callback",
    "http://[::1]:{port}/callback",
    "HTTP://LOCALHOST:{port}/callback",
]
BUTTONS = {"/": "Sign Up with Procore", "/signin": "Sign In with Procore"}
REFUSED = [
    "http://localhost:4567/callback#top",
    "http://joe:hush-password@localhost:4567/callback",
    "http://app.example.com/callback",
    "http://localhost.evil.example:4567/callback",
    "http://localhost:0/callback",
    "http://localhost:65536/callback",
    "localhost:4567/callback",
    "javascript:alert(1)",
    "http://localhost:4567/call\x1b[2Jback",
    "http://localhost:4567/call\u202eback",
    "http://localhost:4567/call back",
    "http://localhost:4567\\callback",
    "http://[::1",
    "http:///callback",
]


@dataclass
class Person:
    """Somebody whose browser opens each link that a command hands to it; `pages` is what it then showed."""

    machine: Machine
    pages: list[Page] = field(default_factory=list)

    def sign_up(self, walk: Callable[[str], Page]) -> Result:
        """Run `signup` with a browser that walks as it is told, and wait for both."""
        mailbox = self.machine.home / "link"
        os.mkfifo(mailbox)
        # Open for both, so that no end waits for the other; sh writes the line in one piece.
        with mailbox.open("rb+", buffering=0) as links, ThreadPoolExecutor(1) as pool:
            walked = pool.submit(self._follow, links.readline, walk)
            command = shlex.join(["sh", "-c", 'echo "$1" > "$0"', str(mailbox)])
            try:
                result = self.machine.run_here("signup", "--json", "--timeout", "20", "--browser", command)
            finally:
                # A command that opened no browser leaves the person without a link.
                links.write(b"\n")
            walked.result(timeout=20)
        return result

    def _follow(self, next_link: Callable[[], bytes], walk: Callable[[str], Page]) -> None:
        link = next_link().decode().strip()
        if link:
            self.pages.append(walk(link))


def exchanged(provider: Provider) -> list[str]:
    """The redirect URI of each exchange."""
    return [request.form["redirect_uri"] for request in provider.requests if request.path == "/oauth/token"]


def after_consent(provider: Provider, link: str) -> str:
    """The address that the provider sends a browser to."""
    asked = Request("GET", "/oauth/authorize", flat(urlsplit(link).query), {}, None)
    return provider.answer(asked).headers["Location"]


def link_on(terminal: Terminal) -> str:
    drawn = terminal.read_until("code_challenge_method=S256")
    return next(line.strip() for line in drawn.splitlines() if "/oauth/authorize?" in line)


def shows_row(page: Page) -> bool:
    return urlsplit(page.url).path == "/home" and ROW in page.text.replace("&quot;", '"')


def assert_signed_up(result: Result, person: Person) -> None:
    assert result.code == 0, result.err
    assert result.json["procore_id"] == 11111
    assert [shows_row(page) for page in person.pages] == [True]


@pytest.mark.parametrize("template", ANSWERED_HERE)
def test_a_sign_in_comes_back_to_the_redirect_uri_as_it_is_written(
    machine: Machine, provider: Provider, template: str
) -> None:
    redirect_uri = template.format(port=machine.port)
    machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri
    person = Person(machine)

    result = person.sign_up(Browser().open)

    assert_signed_up(result, person)
    assert provider.requests[0].query["redirect_uri"] == redirect_uri
    assert exchanged(provider) == [redirect_uri]


@pytest.mark.parametrize("path", ["", "/", "/signin", "/home", "/oauth/done"])
def test_the_button_pages_stay_and_lead_to_a_callback_at_any_path(
    machine: Machine, provider: Provider, path: str
) -> None:
    redirect_uri = f"http://localhost:{machine.port}{path}"
    machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri
    person = Person(machine)

    def by_the_button(link: str) -> Page:
        browser = Browser()
        for button_path, label in BUTTONS.items():
            page = browser.open(urljoin(redirect_uri, button_path))
            assert f">{label}</a>" in page.text
            assert link.replace("&", "&amp;") in page.text
        return browser.open(link)

    result = person.sign_up(by_the_button)

    assert_signed_up(result, person)
    assert exchanged(provider) == [redirect_uri]


def test_a_callback_at_home_shows_the_row_to_the_browser_that_signed_in_alone(
    machine: Machine, provider: Provider
) -> None:
    home = f"http://localhost:{machine.port}/home"
    machine.variables["PROCORE_REDIRECT_URI"] = home
    person = Person(machine)

    def beside_a_stranger(link: str) -> Page:
        browser, stranger = Browser(stay_away_from_home=True), Browser()
        before = browser.open(home)
        browser.open(after_consent(provider, link))
        assert "11111" not in before.text + stranger.open(home).text
        return browser.open(home)

    assert_signed_up(person.sign_up(beside_a_stranger), person)


@pytest.mark.parametrize(
    "template", ["http://localhost:{port}", "http://localhost:{port}/home", "http://[::1]:{port}/signin"]
)
def test_the_embedded_procore_sends_people_back_there_too(machine: Machine, template: str) -> None:
    redirect_uri = template.format(port=machine.port)
    machine.variables = {"PROCORE_ENV": "demo", "PROCORE_REDIRECT_URI": redirect_uri}
    person = Person(machine)

    result = person.sign_up(lambda link: Browser().sign_in(link, EMAIL))

    assert_signed_up(result, person)
    assert result.json["environment"] == "demo"


def is_free(port: int) -> bool:
    """Whether a port is to be had on both loopback addresses."""
    try:
        with ExitStack() as stack:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
            stack.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("redirect_uri", ["http://localhost", "http://localhost/callback"])
def test_port_80_signs_in_where_the_system_allows_it_and_else_exits_7_with_a_way_out(
    machine: Machine, provider: Provider, redirect_uri: str
) -> None:
    machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri
    person = Person(machine)
    free_before = is_free(80)

    result = person.sign_up(Browser().open)

    # Another program may take the port, or give it back, between the look and the command.
    if result.code == 7:
        assert not free_before or "is in use" in result.err
        assert "port 80 " in result.err
        assert "Hint: " in result.err
        assert "--paste" in result.err
        assert provider.requests == []
    else:
        assert_signed_up(result, person)
        assert exchanged(provider) == [redirect_uri]


@pytest.mark.parametrize(
    ("redirect_uri", "shown_by_browsers"),
    [
        ("https://app.example.com/callback?team=7", "https://app.example.com/callback?team=7&"),
        ("https://app.example.com", "https://app.example.com/?"),
        ("HTTPS://App.Example.com:443/callback", "https://app.example.com/callback?"),
        ("https://localhost:4567/callback", "https://localhost:4567/callback?"),
    ],
)
def test_a_hosted_redirect_uri_is_pasted_as_browsers_show_it(
    machine: Machine, provider: Provider, redirect_uri: str, shown_by_browsers: str
) -> None:
    machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri
    with Terminal(machine, "signup") as terminal:
        said = after_consent(provider, link_on(terminal)).removeprefix(f"{redirect_uri}?")
        terminal.type(f"{shown_by_browsers}{said}")
        code = terminal.finish()

    assert code == 0, terminal.drawn
    assert exchanged(provider) == [redirect_uri]


def test_a_code_that_the_embedded_procore_shows_is_enough_for_the_oob_uri(machine: Machine) -> None:
    machine.variables = {"PROCORE_ENV": "demo", "PROCORE_REDIRECT_URI": "urn:ietf:wg:oauth:2.0:oob"}
    with Terminal(machine, "signup", "--no-browser") as terminal:
        page = Browser().sign_in(link_on(terminal), EMAIL)
        terminal.type(page.text.partition('class="code">')[2].partition("<")[0])
        code = terminal.finish()

    assert code == 0, terminal.drawn


@pytest.mark.parametrize("redirect_uri", REFUSED)
def test_a_redirect_uri_that_cannot_be_used_exits_3_and_shows_a_good_one(
    machine: Machine, provider: Provider, redirect_uri: str
) -> None:
    machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri

    result = machine.run_here("signup")

    assert_refused(result, "PROCORE_REDIRECT_URI")
    assert provider.requests == []


def assert_refused(result: Result, source: str) -> None:
    """Exit 3, where it came from, and what a good one looks like; nothing that a terminal would obey."""
    assert result.code == 3, result.err
    error, hint = (line for line in result.err.splitlines() if line.startswith(("Error: ", "Hint: ")))
    assert f"URL from {source} cannot be used" in error
    assert "http://localhost:4567/callback" in hint
    assert result.out == ""
    assert result.err.replace("\n", "").isprintable()
    assert "hush" not in result.err


def test_a_redirect_uri_of_config_toml_is_refused_under_that_name(machine: Machine) -> None:
    machine.data.mkdir(mode=0o700)
    config = machine.data / "config.toml"
    config.write_text('[environments.production]\nredirect_uri = "http://app.example.com/callback"\n')
    config.chmod(0o600)
    machine.variables["PROCORE_REDIRECT_URI"] = ""

    assert_refused(machine.run_here("signup"), "config.toml [environments.production]")


def test_a_redirect_uri_that_configure_is_given_is_refused_under_that_name(machine: Machine) -> None:
    result = machine.run_here("configure", "--redirect-uri", "localhost:4567/callback")

    assert_refused(result, "--redirect-uri")
    assert not (machine.data / "config.toml").exists()
