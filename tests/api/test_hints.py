"""What is said after an error answer: its status first, and nothing that is not so."""

from __future__ import annotations

import pytest

from tests.api.api_machine import Caller, assert_ended
from tests.api.api_server import ApiServer, Reply


@pytest.mark.parametrize("arguments", [(), ("--silent",)])
def test_an_error_whose_body_breaks_off_keeps_its_status(
    call: Caller, api: ApiServer, arguments: tuple[str, ...]
) -> None:
    api.play = lambda _: Reply(422, b'{"errors": "od', length=1000)

    called = call("x", *arguments)

    assert_ended(called, 5)
    assert called.out == (b"" if arguments else b'{"errors": "od')
    assert "Procore answered 422" in called.err


@pytest.mark.parametrize(
    ("reply", "arguments", "hint"),
    [
        (Reply(422, {"errors": "odd"}), (), "The body on standard output says"),
        (Reply(422), (), "--include shows the headers"),
        (Reply(422, {"errors": "odd"}), ("--silent",), "without --silent"),
        (Reply(422, {"errors": "odd"}), ("-X", "HEAD"), "--include shows the headers"),
        (Reply(304), ("-H", "If-None-Match: x"), "Nothing has changed"),
    ],
)
def test_a_hint_names_a_body_that_is_there_alone(
    call: Caller, api: ApiServer, reply: Reply, arguments: tuple[str, ...], hint: str
) -> None:
    api.play = lambda _: reply

    called = call("x", *arguments)

    assert_ended(called, 5)
    assert hint in called.err
    assert ("body on standard output" in called.err) == (hint.startswith("The body"))


@pytest.mark.parametrize(
    ("header", "is_about_token"),
    [("Host: x", False), ("Content-Length: 1", False), ("Authorization: Bearer x", True)],
)
def test_a_header_of_the_programs_own_is_refused_with_its_own_hint(
    call: Caller, api: ApiServer, header: str, is_about_token: bool
) -> None:
    called = call("x", "-H", header)

    assert_ended(called, 2)
    assert ("token" in called.err) is is_about_token
    assert ("Leave it out" in called.err) is not is_about_token
    assert api.requests == []
