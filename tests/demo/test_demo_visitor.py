"""The demo user, who signs in by itself: at its own server, over real HTTP, on this machine alone."""

from __future__ import annotations

import queue
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from procore_cli.demo.visitor import VisitorOpener, visit
from procore_cli.errors import UnexpectedAnswerError
from tests.api_server import ApiServer, Reply, serving_api


@pytest.fixture
def site():
    """The program that waits, or whoever else is on this machine."""
    with serving_api(ApiServer()) as server:
        yield server


def authorize_url(client, site, **changes):
    return client.url + client.authorize_target(redirect_uri=f"{site.url}/callback", **changes)


def test_the_sample_user_signs_in_and_reads_home(client, site):
    cookie = "session=abc; HttpOnly; SameSite=Lax; Path=/home; Max-Age=60"
    site.plays["/callback"] = lambda _: Reply(303, "", {"Location": "/home", "Set-Cookie": cookie})
    visit(authorize_url(client, site))

    came_back, home = site.requests
    assert parse_qs(urlsplit(came_back.target).query)["state"] == ["abc123"]
    assert home.target == "/home"
    # Home gets the cookie of the callback, and neither gets the pass.
    assert [seen.headers.get("cookie") for seen in site.requests] == [None, "session=abc"]
    assert not [seen for seen in site.requests if "authorization" in seen.headers]


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
        site.always(status=403)
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
        site.requests.clear()
        site.always(status=302, Location=location)

        with pytest.raises(UnexpectedAnswerError) as caught:
            visit(f"{site.url}/start")
        assert "sesame" not in caught.value.message
        assert [seen.target for seen in site.requests] == ["/start"]
    site.always(status=302, Location="/again")
    site.requests.clear()
    visit(f"{site.url}/start")
    assert len(site.requests) == 3
