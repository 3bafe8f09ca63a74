"""A person in a real browser: up, in and no; back in the hash, slowly, twice, with other connections open."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from procore_cli.callback.sockets import read_tables
from tests.provider import JOE, Answer, Provider, Request

pytestmark = pytest.mark.chromium

ROW = '[1, 11111, "joecontractor@procore.com"]'
ALLOWED, SIGN_UP = "Signed in", "Sign Up with Procore"


def log_in(chromium, email: str | None = None) -> None:
    """Through the demo's login and consent pages."""
    chromium.wait_for_title("Log in")
    if email is not None:
        chromium.type("#email", email)
    chromium.press("Log in")
    chromium.wait_for_title("Allow access")
    if email is not None:
        assert email in chromium.text
        assert chromium.elements("img") == 0
    chromium.press("Allow")
    chromium.wait_for_title(ALLOWED)


def assert_signed_in(chromium, sign_in, production: Provider | None = None) -> None:
    """The browser shows the row, and the command its profile; the code was exchanged once."""
    chromium.wait_for_title(ALLOWED)
    assert ROW in chromium.text
    assert sign_in.profile()["procore_id"] == 11111
    assert production is None or production.count("/oauth/token") == 1


def test_a_newcomer_signs_up_from_the_button_to_the_row(chromium, demo, start):
    sign_up = start("signup")
    chromium.open(f"{sign_up.origin}/")
    chromium.press(SIGN_UP)
    log_in(chromium)
    assert chromium.url == f"{sign_up.origin}/home"
    for words in (ROW, JOE["name"], "You can close this tab"):
        assert words in chromium.text
    profile = sign_up.profile()
    assert [profile[key] for key in ("procore_id", "email", "name")] == list(JOE.values())


def test_whoever_is_at_a_dead_end_finds_the_way_to_the_button(chromium, demo, start, allowed_on_console):
    allowed_on_console += ["403 (Forbidden)", "404 (Not Found)"]
    sign_up = start("signup")
    for path, title in (("/home", "Nobody has signed in here"), ("/nowhere", "There is no such page")):
        chromium.open(f"{sign_up.origin}{path}")
        chromium.wait_for_title(title)
        chromium.press("begin on the first page")
        chromium.wait_for_title(SIGN_UP)
    chromium.press(SIGN_UP)
    log_in(chromium)
    assert_signed_in(chromium, sign_up)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        *(("localhost", path) for path in ("", "/", "/callback/", "/home", "/signin")),
        *(("127.0.0.1", "/callback"), ("[::1]", "/callback"), ("[::1]", "")),
    ],
)
def test_a_browser_comes_back_to_every_form_of_loopback_address(chromium, demo, start, host, path):
    origin = f"http://{host}:{demo.port}"
    demo.variables["PROCORE_REDIRECT_URI"] = origin + path
    sign_up = start("signup")
    chromium.open(sign_up.link)
    log_in(chromium)
    assert chromium.url.startswith(origin)
    assert_signed_in(chromium, sign_up)


def test_an_email_with_markup_is_text_on_every_page(chromium, demo, start):
    email = "<img/src=x/onerror=alert(1)>&amp;@example.com"
    sign_up = start("signup")
    chromium.open(sign_up.link)
    log_in(chromium, email)
    assert email in chromium.text
    assert chromium.elements("img") == 0
    assert sign_up.profile()["email"] == email


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
    assert_signed_in(chromium, sign_up, production)
    assert "#" in redirects.addresses[0]
    assert chromium.url == f"{origin}/home"


def test_a_refusal_in_the_hash_is_carried_over_too(chromium, production, start):
    production.deny = True
    Redirects(production, lambda address: address.replace("?", "#", 1))
    sign_up = start()
    chromium.open(sign_up.link)
    chromium.wait_for_title("You chose Deny")
    assert "Nothing was saved." in chromium.text
    assert (sign_up.wait(), sign_up.out, "denied" in sign_up.err) == (4, "", True)


def test_a_browser_that_keeps_no_cookies_is_told_that_the_sign_in_is_complete(tmp_path, production, start):
    from tests.browser.chromium import Chromium

    with closing(Chromium(tmp_path / "browser", keeps_cookies=False)) as chromium:
        sign_up = start()
        chromium.open(sign_up.link)
        chromium.wait_for_title("The sign-in is complete")
        assert (
            "This browser keeps no cookies for localhost: the terminal says who signed in." in chromium.text
        )
        assert "Joe" not in chromium.text
    assert sign_up.profile()["procore_id"] == 11111


def test_reload_and_back_after_the_end_exchange_nothing(chromium, production, start, allowed_on_console):
    allowed_on_console.append("ERR_CONNECTION_REFUSED")
    redirects = Redirects(production)
    sign_up = start()
    chromium.open(f"{sign_up.origin}/")
    chromium.press(SIGN_UP)
    chromium.wait_for_title(ALLOWED)
    assert sign_up.profile()["signed_up"] is True
    chromium.reload()
    chromium.wait_until(lambda: "refused to connect" in chromium.text)
    chromium.back()
    # From Chromium's memory, or from a listener that has gone.
    chromium.wait_until(lambda: chromium.url == f"{sign_up.origin}/")
    chromium.open_tab(redirects.addresses[0])
    chromium.wait_until(lambda: "refused to connect" in chromium.text)
    assert production.count("/oauth/token") == 1


def test_who_starts_again_while_procore_is_slow_is_signed_in_once(chromium, production, start, slow_exchange):
    sign_up = start()
    chromium.open(f"{sign_up.origin}/")
    chromium.press(SIGN_UP)
    chromium.wait_until(lambda: production.count("/oauth/token") == 1)
    chromium.reload()
    chromium.press(SIGN_UP)
    chromium.wait_until(lambda: production.count("/oauth/authorize") == 2)
    assert sign_up.process.poll() is None
    slow_exchange.set()
    assert_signed_in(chromium, sign_up, production)


def test_connections_opened_ahead_and_the_favicon_disturb_nothing(
    chromium, machine, production, start, allowed_on_console
):
    hints = "".join(
        f'<link rel="preconnect" href="http://{host}:{machine.port}"{mode}>'
        for host in ("localhost", "127.0.0.1", "[::1]")
        for mode in ("", " crossorigin")
    )
    redirects = Redirects(production)

    def show_login(request: Request) -> Answer:
        target = redirects(request).headers["Location"]
        page = f'<title>Login</title>{hints}<link rel="icon" href="data:,"><a href="{target}">Allow</a>'
        return Answer(200, page, {"Content-Type": "text/html"})

    production.script["/oauth/authorize"] = show_login
    allowed_on_console.append("/favicon.ico")
    sign_up = start()
    chromium.open(f"{sign_up.origin}/favicon.ico")
    chromium.wait_for_title("There is no such page")
    chromium.open(f"{sign_up.origin}/")
    chromium.press(SIGN_UP)
    chromium.wait_for_title("Login")
    chromium.wait_until(lambda: find_connections(machine.port) > 1)
    chromium.press("Allow")
    assert_signed_in(chromium, sign_up, production)
    assert len(redirects.addresses) == 1


def find_connections(port: int) -> int:
    """How many connections to a port are open, as /proc tells it."""
    return len(re.findall(rf": [0-9A-F]+:{port:04X} \S+ 01 ", read_tables()))
