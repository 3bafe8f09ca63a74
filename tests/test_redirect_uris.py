"""Whole sign-ins with redirect URIs other than the default, and those that are refused at once.

The browser is a thread of the test, which gets the link as `--browser` would; no page is taken on trust.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from unittest import mock
from urllib.parse import urljoin, urlsplit

import pytest

import procore_cli.callback.browser as callback_browser
from tests.cli import Machine, Result
from tests.provider import Provider, Request, flat
from tests.stub_browser import Browser, Page
from tests.terminal import Terminal

EMAIL = "joecontractor@procore.com"
ROW = '[1, 11111, "joecontractor@procore.com"]'
ANSWERED_HERE = [
    *("http://localhost:{port}", "http://localhost:{port}/", "http://localhost:{port}/oauth/done"),
    *("http://localhost:{port}/signin", "http://localhost:{port}/home"),
    *("http://localhost:{port}/callback/", "http://127.0.0.1:{port}/callback"),
    *("http://[::1]:{port}/callback", "HTTP://LOCALHOST:{port}/callback"),
]
BUTTONS = {"/": "Sign Up with Procore", "/signin": "Sign In with Procore"}
# Each form is in test_urls.py; what would write to a terminal is here.
REFUSED = [
    *("localhost:4567/callback", "http://joe:hush-password@localhost:4567/callback"),
    *("http://app.example.com/callback", "http://localhost:4567/call\x1b[2Jback"),
    *("http://localhost:4567/call\u202eback", "http://localhost:4567/call back"),
]


def sign_up(machine: Machine, walk: Callable[[str], Page]) -> Result:
    """Run `signup` with a browser that walks as it is told, and that ends where the row is shown."""
    with ThreadPoolExecutor(1) as pool:
        walks: list[Future[Page]] = []

        def start(command: list[str]) -> bool:
            walks.append(pool.submit(walk, command[-1]))
            return True

        with mock.patch.object(callback_browser, "_start", start):
            result = machine.run_here("signup", "--json", "--browser", "true")
        pages = [walked.result(timeout=60) for walked in walks]
    if result.code == 0:
        assert result.json["procore_id"] == 11111
        assert [shows_row(page) for page in pages] == [True]
    return result


def exchanged(provider: Provider) -> list[str]:
    return [request.form["redirect_uri"] for request in provider.requests if request.path == "/oauth/token"]


def after_consent(provider: Provider, link: str) -> str:
    """The address that the provider sends a browser to."""
    asked = Request("GET", "/oauth/authorize", flat(urlsplit(link).query), {}, None)
    return provider.answer(asked).headers["Location"]


def shows_row(page: Page) -> bool:
    return urlsplit(page.url).path == "/home" and ROW in page.text.replace("&quot;", '"')


def test_a_sign_in_comes_back_to_the_redirect_uri_as_it_is_written_past_the_button_pages(machine, provider):
    def by_the_buttons(link: str) -> Page:
        browser = Browser()
        for path, label in BUTTONS.items():
            page = browser.open(urljoin(redirect_uri, path))
            assert f">{label}</a>" in page.text
            assert link.replace("&", "&amp;") in page.text
        return browser.open(link)

    for template in ANSWERED_HERE:
        redirect_uri = template.format(port=machine.port)
        machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri
        provider.requests.clear()
        sign_up(machine, by_the_buttons).ended()
        assert provider.requests[0].query["redirect_uri"] == redirect_uri
        assert exchanged(provider) == [redirect_uri]


def test_the_embedded_procore_sends_people_back_there_too(machine):
    for template in ("http://localhost:{port}", "http://localhost:{port}/home", "http://[::1]:{port}/signin"):
        redirect_uri = template.format(port=machine.port)
        machine.variables = {"PROCORE_ENV": "demo", "PROCORE_REDIRECT_URI": redirect_uri}
        result = sign_up(machine, lambda link: Browser().sign_in(link, EMAIL)).ended()
        assert result.json["environment"] == "demo"


@pytest.mark.parametrize(
    ("redirect_uri", "shown_by_browsers"),
    [
        ("https://app.example.com/callback?team=7", "https://app.example.com/callback?team=7&"),
        ("HTTPS://App.Example.com:443/callback", "https://app.example.com/callback?"),
    ],
)
def test_a_hosted_redirect_uri_is_pasted_as_browsers_show_it(
    machine, provider, redirect_uri, shown_by_browsers
):
    machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri
    with Terminal(machine, "signup") as terminal:
        said = after_consent(provider, terminal.read_link()).removeprefix(f"{redirect_uri}?")
        terminal.type(f"{shown_by_browsers}{said}")
        code = terminal.finish()
    assert code == 0, terminal.drawn
    assert exchanged(provider) == [redirect_uri]


def test_a_code_that_the_embedded_procore_shows_is_enough_for_the_oob_uri(machine):
    machine.variables = {"PROCORE_ENV": "demo", "PROCORE_REDIRECT_URI": "urn:ietf:wg:oauth:2.0:oob"}
    with Terminal(machine, "signup", "--no-browser") as terminal:
        page = Browser().sign_in(terminal.read_link(), EMAIL)
        terminal.read_until("paste the code")
        terminal.type(page.text.partition('class="code">')[2].partition("<")[0])
        code = terminal.finish()
    assert code == 0, terminal.drawn


def test_a_redirect_uri_that_cannot_be_used_exits_3_names_its_source_and_shows_a_good_one(machine, provider):
    assert_refused(machine.run_here("configure", "--redirect-uri", REFUSED[0]), "--redirect-uri")
    assert not (machine.data / "config.toml").exists()
    for redirect_uri in REFUSED:
        machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri
        assert_refused(machine.run_here("signup"), "PROCORE_REDIRECT_URI")
    machine.write(
        "config.toml", '[environments.production]\nredirect_uri = "http://app.example.com/callback"\n'
    )
    machine.variables["PROCORE_REDIRECT_URI"] = ""
    assert_refused(machine.run_here("signup"), "config.toml [environments.production]")
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
