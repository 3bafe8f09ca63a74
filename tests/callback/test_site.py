"""What is answered at the port that needs no mention."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from procore_cli.callback.pending import PendingCallback
from procore_cli.callback.site import Request, Site
from procore_cli.config.urls import read_redirect_uri
from tests.callback.listener_stand import AUTHORIZE_URL


@pytest.fixture
def site() -> Site:
    """The pages of a sign-in whose redirect URI is the bare host."""
    redirect = read_redirect_uri("http://localhost", "the test")
    return Site(redirect, AUTHORIZE_URL, PendingCallback("ours"), "production", outcome_timeout_s=0)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "localhost:80", "127.0.0.1:80", "[::1]:80"]
)
def test_port_80_needs_no_mention(site: Site, host: str) -> None:
    assert site.answer(Request("GET", "/", (("host", host),))).status == HTTPStatus.OK


@pytest.mark.parametrize("host", ["localhost:4567", "localhost:", "example.com", "[::1]:443"])
def test_another_port_or_host_is_refused_there_too(site: Site, host: str) -> None:
    assert site.answer(Request("GET", "/", (("host", host),))).status == HTTPStatus.BAD_REQUEST


def test_the_bare_host_takes_the_callback(site: Site) -> None:
    answer = site.answer(Request("GET", "/?code=c0de&state=ours", (("host", "localhost"),)))

    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
