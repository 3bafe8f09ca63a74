"""How a real browser comes back from Procore: in the hash, slowly, twice, with other connections open."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator

import pytest

from procore_cli.callback.sockets import read_tables
from tests.provider import Answer, Provider, Request

pytestmark = pytest.mark.chromium

ROW = '[1, 11111, "joecontractor@procore.com"]'
GONE = "ERR_CONNECTION_REFUSED"


class Redirects:
    """Plays `/oauth/authorize`: remembers the addresses that browsers are sent to, changed."""

    def __init__(self, provider: Provider, change: Callable[[str], str] = str) -> None:
        self.addresses: list[str] = []
        self._authorize = provider._authorize
        self._change = change
        provider.script["/oauth/authorize"] = self

    def __call__(self, request: Request) -> Answer:
        answer = self._authorize(request)
        answer.headers["Location"] = self._change(answer.headers["Location"])
        self.addresses.append(answer.headers["Location"])
        return answer


@pytest.fixture
def slow_exchange(production: Provider) -> Iterator[threading.Event]:
    """Procore takes its time to exchange a code: until the event is set."""
    released = threading.Event()

    def wait(_: Request) -> None:
        assert released.wait(20)

    production.script["/oauth/token"] = wait
    yield released
    released.set()


@pytest.mark.parametrize(
    ("path", "sent_to"),
    [
        ("/callback", "/callback#"),
        ("/callback", "/#"),
        ("", "#"),
        ("/signin", "/signin#"),
        ("/home", "/home#"),
    ],
)
def test_a_code_in_the_hash_is_carried_over_under_the_pages_own_policy(
    chromium, machine, production, start, path, sent_to
):
    origin = f"http://localhost:{machine.port}"
    machine.variables["PROCORE_REDIRECT_URI"] = origin + path
    redirects = Redirects(production, lambda address: f"{origin}{sent_to}{address.partition('?')[2]}")
    sign_up = start()
    chromium.open(sign_up.link)
    chromium.wait_for_title("Signed in")
    assert "#" in redirects.addresses[0]
    assert chromium.url == f"{origin}/home"
    assert ROW in chromium.text
    assert sign_up.profile()["procore_id"] == 11111
    assert production.count("/oauth/token") == 1


def test_a_refusal_in_the_hash_is_carried_over_too(chromium, production, start):
    production.deny = True
    Redirects(production, lambda address: address.replace("?", "#", 1))
    sign_up = start()
    chromium.open(sign_up.link)
    chromium.wait_for_title("The sign-in did not work")
    assert "denied" in chromium.text
    assert sign_up.wait() == 4


def test_reload_and_back_after_the_end_exchange_nothing_again(
    chromium, production, start, allowed_on_console
):
    allowed_on_console.append(GONE)
    redirects = Redirects(production)
    sign_up = start()
    chromium.open(f"{sign_up.origin}/")
    chromium.press("Sign Up with Procore")
    chromium.wait_for_title("Signed in")
    assert sign_up.profile()["signed_up"] is True

    chromium.reload()
    chromium.wait_until(lambda: "refused to connect" in chromium.text)
    chromium.back()
    # From Chromium's memory, or from a listener that has gone.
    chromium.wait_until(lambda: chromium.url == f"{sign_up.origin}/")
    chromium.open_tab(redirects.addresses[0])
    chromium.wait_until(lambda: "refused to connect" in chromium.text)

    assert production.count("/oauth/token") == 1


def test_a_slow_procore_keeps_the_tab_until_home(chromium, production, start, slow_exchange):
    sign_up = start()
    chromium.open_tab(sign_up.link)
    chromium.wait_until(lambda: production.count("/oauth/token") == 1)
    assert not sign_up.has_ended
    slow_exchange.set()
    chromium.wait_for_title("Signed in")
    assert ROW in chromium.text
    assert sign_up.profile()["procore_id"] == 11111
    assert production.count("/oauth/token") == 1


def test_whoever_starts_again_while_procore_is_slow_is_signed_in_once(
    chromium, production, start, slow_exchange
):
    sign_up = start()
    chromium.open(f"{sign_up.origin}/")
    chromium.press("Sign Up with Procore")
    chromium.wait_until(lambda: production.count("/oauth/token") == 1)
    chromium.reload()
    chromium.press("Sign Up with Procore")
    chromium.wait_until(lambda: production.count("/oauth/authorize") == 2)
    slow_exchange.set()
    chromium.wait_for_title("Signed in")
    assert ROW in chromium.text
    assert sign_up.profile()["procore_id"] == 11111
    assert production.count("/oauth/token") == 1


def test_two_tabs_on_one_sign_in_both_end_well(chromium, production, start, slow_exchange):
    sign_up = start()
    first = chromium.open_tab(sign_up.link)
    chromium.wait_until(lambda: production.count("/oauth/token") == 1)
    second = chromium.open_tab(sign_up.link)
    chromium.wait_until(lambda: production.count("/oauth/authorize") == 2)
    slow_exchange.set()
    for tab in (first, second):
        chromium.switch(tab)
        chromium.wait_for_title("Signed in")
        assert ROW in chromium.text
    assert sign_up.profile()["procore_id"] == 11111
    assert production.count("/oauth/token") == 1


def test_connections_opened_ahead_and_the_favicon_disturb_nothing(
    chromium, machine, production, start, allowed_on_console
):
    hints = "".join(
        f'<link rel="preconnect" href="http://{host}:{machine.port}"{mode}>'
        for host in ("localhost", "127.0.0.1", "[::1]")
        for mode in ("", " crossorigin")
    )
    redirects = Redirects(production)
    authorize = production.script["/oauth/authorize"]

    def show_login(request: Request) -> Answer:
        target = authorize(request).headers["Location"]
        page = f'<title>Login</title>{hints}<link rel="icon" href="data:,"><a href="{target}">Allow</a>'
        return Answer(200, page, {"Content-Type": "text/html"})

    production.script["/oauth/authorize"] = show_login
    allowed_on_console.append("/favicon.ico")
    sign_up = start()

    chromium.open(f"{sign_up.origin}/favicon.ico")
    chromium.wait_for_title("There is no such page")
    chromium.open(f"{sign_up.origin}/")
    chromium.press("Sign Up with Procore")
    chromium.wait_for_title("Login")
    chromium.wait_until(lambda: find_connections(machine.port) > 1)
    chromium.press("Allow")
    chromium.wait_for_title("Signed in")

    assert len(redirects.addresses) == 1
    assert sign_up.profile()["procore_id"] == 11111
    assert production.count("/oauth/token") == 1


def find_connections(port: int) -> int:
    """How many connections to a port are open, as /proc tells it."""
    return len(re.findall(rf": [0-9A-F]+:{port:04X} \S+ 01 ", read_tables()))
