"""Signing in where the browser is elsewhere: the address is pasted; what is shown while a sign-in waits."""

import socket
from unittest import mock

from tests.cli import free_port
from tests.provider import Provider, Request, flat
from tests.stub_browser import Browser
from tests.terminal import Terminal


def address_after_consent(provider: Provider, terminal: Terminal) -> str:
    """Where a browser on another machine ends after the link that the terminal shows."""
    link = terminal.read_link()
    answer = provider.answer(Request("GET", "/oauth/authorize", flat(link.partition("?")[2]), {}, None))
    return answer.headers["Location"]


def test_a_pasted_address_signs_in_without_a_listener(machine, provider):
    with Terminal(machine, "signup", "--paste") as terminal:
        address = address_after_consent(provider, terminal)
        terminal.read_until("paste the address of the last page")
        terminal.type(address)
        code = terminal.finish()
    assert code == 0, terminal.drawn
    assert "Signed up as joecontractor@procore.com" in terminal.drawn


def test_what_is_no_end_of_this_sign_in_is_told_apart_and_the_right_paste_is_taken_while_the_listener_waits(
    machine, provider
):
    with Terminal(machine, "signup", "--no-browser") as terminal:
        address = address_after_consent(provider, terminal)
        for pasted, said in {
            "https://elsewhere.example.com/callback?code=x&state=y": "the address of another page",
            "": f"{machine.redirect_uri}?code=...&state=...",
            f"{machine.redirect_uri}?code=x&state=wrong": "belongs to another sign-in",
            terminal.read_link(): "That is the link to open, not",
            address.replace("?", f"?more={'x' * 5000}&"): "The terminal cut that at 4095 characters",
        }.items():
            terminal.type(pasted)
            terminal.read_until(said)
        terminal.type(address)
        code = terminal.finish()
    assert code == 0, terminal.drawn
    assert provider.count("/oauth/token") == 1


def test_over_ssh_or_where_the_port_is_taken_pasting_is_left_and_said_before_the_link(machine, provider):
    tunnel = f"ssh -L {machine.port}:localhost:{machine.port}"
    for port, variables, said in (
        (free_port(), {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, ("over SSH", tunnel)),
        (machine.port, {}, ("is in use",)),
    ):
        with (
            mock.patch.dict(machine.variables, variables),
            socket.create_server(("127.0.0.1", port)),
            Terminal(machine, "signup") as terminal,
        ):
            terminal.type(address_after_consent(provider, terminal))
            assert terminal.finish() == 0, terminal.drawn
        link = terminal.drawn.index("/oauth/authorize?")
        assert [words for words in said if words not in terminal.drawn[:link]] == []


def test_pasting_without_a_terminal_ends_with_4(machine):
    for redirect_uri in ("urn:ietf:wg:oauth:2.0:oob", "https://app.example.com/callback"):
        machine.variables["PROCORE_REDIRECT_URI"] = redirect_uri
        machine.run_here("signup").ended(4, "terminal")


def test_while_a_paste_is_possible_nothing_moves_and_the_time_is_told_once(machine):
    with Terminal(machine, "signup", "--no-browser", term="xterm") as terminal:
        terminal.read_until("min left.")
        Browser().open(terminal.read_link())
        assert terminal.finish() == 0, terminal.drawn
    assert "paste its address here. 5:00 min left." in terminal.drawn
    assert "\r " not in terminal.drawn
