"""What the site sees of a request."""

from __future__ import annotations

import pytest

from procore_cli.callback.site import Request


def test_a_target_is_a_path_and_a_query() -> None:
    request = Request("GET", "/callback?code=1&state=2?", ())

    assert (request.path, request.query) == ("/callback", "code=1&state=2?")


def test_every_header_of_a_name_is_seen() -> None:
    request = Request("GET", "/", (("cookie", "a=b"), ("host", "localhost"), ("cookie", "c=d")))

    assert request.all_of("cookie") == ["a=b", "c=d"]


@pytest.mark.parametrize("target", ["/", "/callback?code=a%20b", "//evil.example/", "/a'b"])
def test_a_path_is_a_plain_target(target: str) -> None:
    assert Request("GET", target, ()).has_plain_target


@pytest.mark.parametrize(
    "target",
    ["http://localhost:4567/", "localhost:4567", "*", "/a#b", "/caf\xe9", "/a\x1f", "callback"],
)
def test_anything_else_is_not_a_plain_target(target: str) -> None:
    assert not Request("GET", target, ()).has_plain_target
