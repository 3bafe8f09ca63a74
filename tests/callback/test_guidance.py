"""The words for each place that a sign-in may run at."""

from __future__ import annotations

import pytest

from procore_cli.callback.browser import Place
from procore_cli.callback.receiver import Guidance
from procore_cli.config.environments import OOB_REDIRECT_URI
from procore_cli.config.urls import read_redirect_uri

FORWARD = "ssh -L 4567:localhost:4567"
ELSEWHERE = [Place.SSH, Place.WSL, Place.CONTAINER, Place.NO_DISPLAY]


HERE = "http://localhost:4567/callback"
DOCKER = "docker run -it --user $(id -u) --network host -e PROCORE_LOGIN_HOME=/tmp/procore-login"


def guide(place: Place, uri: str = HERE, *, listens: bool = True, pastes: bool = True) -> Guidance:
    return Guidance(read_redirect_uri(uri, "test"), place, listens, pastes)


def told_at(place: Place, uri: str = HERE, *, listens: bool = True, pastes: bool = True) -> str:
    """What is said where nothing opens the link."""
    return guide(place, uri, listens=listens, pastes=pastes).before_link(is_opened=False) or ""


@pytest.mark.parametrize("place", [Place.SSH, Place.NO_DISPLAY])
def test_where_the_page_fails_to_load_the_ways_out_that_are_open_are_named(place):
    told = told_at(place)
    no_terminal = told_at(place, pastes=False)
    no_listener = told_at(place, listens=False)
    assert f"fail to load {HERE}" in told
    assert "Paste its address here, or forward the port first" in told
    assert FORWARD in told
    assert FORWARD in no_terminal
    assert "aste" not in no_terminal
    assert "Paste its address here." in no_listener
    assert "ssh -L" not in no_listener
    assert "ssh -L 9876:localhost:9876" in told_at(place, "http://127.0.0.1:9876/back")


def test_in_wsl_the_browser_of_windows_finds_its_way_back():
    told = told_at(Place.WSL)
    assert "browser of Windows. It finds its way back" in told
    assert "wslview" in told
    assert "finds its way back" not in told_at(Place.WSL, listens=False)


def test_in_a_container_the_hosts_network_or_a_paste_helps():
    told = told_at(Place.CONTAINER)
    assert DOCKER in told
    assert told.endswith("Or paste its address here.")
    assert "aste" not in told_at(Place.CONTAINER, pastes=False)


def test_nothing_is_said_at_a_desk_or_where_a_page_that_always_loads_ends_the_flow():
    uris = ("https://app.example.com/callback", OOB_REDIRECT_URI)
    said = [told_at(place, uri, listens=False) for place in (*ELSEWHERE, Place.DESK) for uri in uris]
    assert [told_at(Place.DESK), *said] == [""] * (len(said) + 1)


def test_where_another_user_was_refused_the_way_out_fits_the_place():
    in_container, at_desk = guide(Place.CONTAINER).foreign(), guide(Place.DESK).foreign()
    assert DOCKER in in_container
    assert "run the command as the user whose browser it is" in at_desk
    assert "paste the address" in in_container
    assert "paste the address" in at_desk


def test_of_a_browser_that_opens_it_is_said_over_ssh_alone():
    assert [place for place in ELSEWHERE if guide(place).before_link(is_opened=True)] == [Place.SSH]
