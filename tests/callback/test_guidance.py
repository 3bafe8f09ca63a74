"""The words for each place that a sign-in may run at."""

from __future__ import annotations

import pytest

from procore_cli.callback.browser import Place
from procore_cli.callback.receiver import Guidance
from procore_cli.config.environments import OOB_REDIRECT_URI
from procore_cli.config.urls import read_redirect_uri

FORWARD = "ssh -L 4567:localhost:4567"
ELSEWHERE = [Place.SSH, Place.WSL, Place.CONTAINER, Place.NO_DISPLAY]


def told_at(
    place: Place, uri: str = "http://localhost:4567/callback", *, listens: bool = True, pastes: bool = True
) -> str:
    """What is said where nothing opens the link."""
    guidance = Guidance(read_redirect_uri(uri, "test"), place, listens, pastes)
    return guidance.before_link(is_opened=False) or ""


@pytest.mark.parametrize("place", [Place.SSH, Place.NO_DISPLAY])
def test_where_the_page_fails_to_load_both_ways_out_are_named(place: Place) -> None:
    told = told_at(place)

    assert "fail to load http://localhost:4567/callback" in told
    assert "Paste its address here, or forward the port first" in told
    assert FORWARD in told


@pytest.mark.parametrize("place", [Place.SSH, Place.NO_DISPLAY])
def test_only_the_ways_that_are_open_are_named(place: Place) -> None:
    no_terminal = told_at(place, pastes=False)
    no_listener = told_at(place, listens=False)

    assert FORWARD in no_terminal
    assert "aste" not in no_terminal
    assert "Paste its address here." in no_listener
    assert "ssh -L" not in no_listener


def test_the_forwarded_port_is_that_of_the_redirect_uri() -> None:
    assert "ssh -L 9876:localhost:9876" in told_at(Place.SSH, "http://127.0.0.1:9876/back")


def test_in_wsl_the_browser_of_windows_finds_its_way_back() -> None:
    told = told_at(Place.WSL)

    assert "browser of Windows. It finds its way back" in told
    assert "wslview" in told
    assert "finds its way back" not in told_at(Place.WSL, listens=False)


def test_in_a_container_the_hosts_network_or_a_paste_helps() -> None:
    told = told_at(Place.CONTAINER)

    assert "docker run -it --user $(id -u) --network host -e PROCORE_LOGIN_HOME=/tmp/procore-login" in told
    assert told.endswith("Or paste its address here.")
    assert "aste" not in told_at(Place.CONTAINER, pastes=False)


@pytest.mark.parametrize("place", [*ELSEWHERE, Place.DESK])
@pytest.mark.parametrize("uri", ["https://app.example.com/callback", OOB_REDIRECT_URI])
def test_nothing_is_said_where_a_page_that_always_loads_ends_the_flow(place: Place, uri: str) -> None:
    assert told_at(place, uri, listens=False) == ""


@pytest.mark.parametrize(
    ("place", "way"),
    [
        (Place.CONTAINER, "docker run -it --user $(id -u) --network host"),
        (Place.DESK, "run the command as the user whose browser it is"),
    ],
)
def test_where_another_user_was_refused_the_way_out_fits_the_place(place: Place, way: str) -> None:
    guidance = Guidance(read_redirect_uri("http://localhost:4567/callback", "test"), place, True, True)

    assert way in guidance.foreign()
    assert "paste the address" in guidance.foreign()


def test_at_a_desk_nothing_is_said() -> None:
    assert told_at(Place.DESK) == ""


@pytest.mark.parametrize("place", ELSEWHERE)
def test_of_a_browser_that_opens_it_is_said_over_ssh_alone(place: Place) -> None:
    guidance = Guidance(
        read_redirect_uri("http://localhost:4567/callback", "test"), place, listens=True, pastes=True
    )

    assert (guidance.before_link(is_opened=True) is not None) == (place is Place.SSH)
