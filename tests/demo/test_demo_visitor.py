"""The demo user, who signs in by itself: at its own server, over real HTTP, on this machine alone."""

from __future__ import annotations

import queue
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from procore_cli.demo.visitor import VisitorOpener, visit
from procore_cli.errors import UnexpectedAnswerError
from tests.api_server import Reply


def authorize_url(client, elsewhere, **changes):
    return client.url + client.authorize_target(redirect_uri=f"{elsewhere.url}/callback", **changes)


def test_the_sample_user_signs_in_and_reads_home(client, elsewhere):
    cookie = "session=abc; HttpOnly; SameSite=Lax; Path=/home; Max-Age=60"
    elsewhere.plays["/callback"] = lambda _: Reply(303, "", {"Location": "/home", "Set-Cookie": cookie})
    visit(authorize_url(client, elsewhere))

    came_back, home = elsewhere.requests
    assert parse_qs(urlsplit(came_back.target).query)["state"] == ["abc123"]
    assert home.target == "/home"
    # Home gets the cookie of the callback, and neither gets the pass.
    assert [seen.headers.get("cookie") for seen in elsewhere.requests] == [None, "session=abc"]
    assert not [seen for seen in elsewhere.requests if "authorization" in seen.headers]


def test_whoever_is_not_in_the_servers_process_gets_the_login_page(client):
    for authorization in ("", "Demo-User", "Demo-User sesame", "Bearer sesame"):
        answer = client.get(client.authorize_target(), Authorization=authorization)

        assert answer.headers["Location"].startswith("/login?")


def test_another_process_has_another_pass():
    shown = "from procore_cli.demo.pages import DEMO_USER_PASS as it; print(it)"
    passes = {subprocess.check_output([sys.executable, "-c", shown], timeout=30) for _ in range(2)}

    assert len(passes) == 2


def test_as_an_opener_it_says_what_went_wrong(client, elsewhere):
    told = queue.Queue()
    VisitorOpener(told.put).open(authorize_url(client, elsewhere, client_id="sesame"))
    error = told.get(timeout=10)

    assert isinstance(error, UnexpectedAnswerError)
    assert "answered with status 400" in error.message
    assert "sesame" not in error.message


def test_it_says_that_it_did_not_come_back(client, elsewhere):
    for redirect_uri, why in (
        ("", "callback answered with status 403"),
        ("urn:ietf:wg:oauth:2.0:oob", "does not lead back to the program"),
        ("https://app.example.com/callback", "https://app.example.com/callback is not on this machine"),
    ):
        elsewhere.always(status=403)
        url = client.url + client.authorize_target(redirect_uri=redirect_uri or f"{elsewhere.url}/callback")

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


def test_a_redirect_that_leads_astray_ends_the_visit(elsewhere):
    for location in ("https://procore.example/?code=sesame", "//procore.example/", "http://[oops", "/\u00e9"):
        elsewhere.requests.clear()
        elsewhere.always(status=302, Location=location)

        with pytest.raises(UnexpectedAnswerError) as caught:
            visit(f"{elsewhere.url}/start")
        assert "sesame" not in caught.value.message
        assert [seen.target for seen in elsewhere.requests] == ["/start"]
    elsewhere.always(status=302, Location="/again")
    elsewhere.requests.clear()
    visit(f"{elsewhere.url}/start")
    assert len(elsewhere.requests) == 3
