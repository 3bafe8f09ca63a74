"""A person in a real browser at the embedded Procore: up, in, and no."""

from __future__ import annotations

import time

import pytest

from tests.provider import JOE

pytestmark = pytest.mark.chromium

ROW = '[1, 11111, "joecontractor@procore.com"]'
REDIRECT_URIS = (
    "http://127.0.0.1:{port}/callback",
    "http://[::1]:{port}/callback",
    "http://localhost:{port}",
    "http://localhost:{port}/",
    "http://localhost:{port}/home",
    "http://localhost:{port}/signin",
    "http://[::1]:{port}",
    "http://localhost:{port}/callback/",
)


def log_in(chromium, email: str | None = None) -> None:
    """From the demo's login page to its consent page."""
    chromium.wait_for_title("Log in")
    if email is not None:
        chromium.type("#email", email)
    chromium.press("Log in")
    chromium.wait_for_title("Allow access")


def test_a_newcomer_signs_up_from_the_button_to_the_row(chromium, demo, start):
    sign_up = start("signup")
    chromium.open(f"{sign_up.origin}/")
    chromium.press("Sign Up with Procore")
    log_in(chromium)
    chromium.press("Allow")
    chromium.wait_for_title("Signed in")
    assert chromium.url == f"{sign_up.origin}/home"
    assert ROW in chromium.text
    assert JOE["name"] in chromium.text
    assert "You can close this tab" in chromium.text
    profile = sign_up.profile()
    assert (profile["procore_id"], profile["email"], profile["name"]) == (11111, JOE["login"], JOE["name"])


def test_whoever_was_here_before_signs_in_from_the_other_page(chromium, demo, start):
    demo.run("signup")
    sign_in = start("signin")
    chromium.open(f"{sign_in.origin}/")
    chromium.press("Sign in instead")
    chromium.press("Sign In with Procore")
    log_in(chromium)
    chromium.press("Allow")
    chromium.wait_for_title("Signed in")
    assert ROW in chromium.text
    assert sign_in.profile()["signed_up"] is False


def test_a_refusal_is_shown_in_the_browser_and_ends_the_command(chromium, demo, start):
    sign_up = start("signup")
    chromium.open(sign_up.link)
    log_in(chromium)
    chromium.press("Deny")
    chromium.wait_for_title("The sign-in did not work")
    assert "denied" in chromium.text
    assert sign_up.wait() == 4
    assert "denied" in sign_up.err
    assert sign_up.out == ""


@pytest.mark.parametrize("form", REDIRECT_URIS)
def test_a_browser_comes_back_to_every_form_of_loopback_address(chromium, demo, start, form):
    uri = form.format(port=demo.port)
    demo.variables["PROCORE_REDIRECT_URI"] = uri
    sign_up = start("signup")
    chromium.open(sign_up.link)
    log_in(chromium)
    chromium.press("Allow")
    chromium.wait_for_title("Signed in")
    assert chromium.url.startswith(uri[: uri.index(str(demo.port))])
    assert ROW in chromium.text
    assert sign_up.profile()["procore_id"] == 11111


def test_an_email_with_markup_is_text_on_every_page(chromium, demo, start):
    email = "<img/src=x/onerror=alert(1)>&amp;@example.com"
    sign_up = start("signup")
    chromium.open(sign_up.link)
    log_in(chromium, email)
    assert email in chromium.text
    assert chromium.elements("img") == 0
    chromium.press("Allow")
    chromium.wait_for_title("Signed in")
    assert email in chromium.text
    assert chromium.elements("img") == 0
    assert sign_up.profile()["email"] == email


def test_the_command_ends_as_soon_as_the_browser_has_its_page(chromium, demo, start):
    waited_s = []
    for email in ("first@example.com", "second@example.com"):
        chromium.forget()
        sign_up = start("signup")
        chromium.open(sign_up.link)
        log_in(chromium, email)
        chromium.press("Allow")
        chromium.wait_for_title("Signed in")
        loaded_at = time.monotonic()
        assert sign_up.process.wait(5) == 0
        waited_s.append(time.monotonic() - loaded_at)

    # Whatever else the machine does can only add to it.
    assert min(waited_s) < 0.3
