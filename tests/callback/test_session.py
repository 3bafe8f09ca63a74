"""The cookie that opens `/home`."""

from __future__ import annotations

from procore_cli.callback.site import COOKIE_NAME, HomeSession


def crumb(session: HomeSession) -> str:
    return session.cookie.partition(";")[0]


def test_a_browser_with_the_cookie_is_in_the_session() -> None:
    session = HomeSession()

    assert session.is_in([crumb(session)])


def test_the_cookie_is_for_home_alone_and_out_of_reach_of_scripts() -> None:
    _, *attributes = HomeSession().cookie.split("; ")

    assert attributes == ["HttpOnly", "SameSite=Lax", "Path=/home", "Max-Age=60"]


def test_the_key_has_at_least_128_bits_and_is_another_one_each_time() -> None:
    key = crumb(HomeSession()).partition("=")[2]

    assert len(key) * 6 >= 128
    assert crumb(HomeSession()) != crumb(HomeSession())


def test_another_programs_cookie_of_the_same_name_does_not_hide_ours() -> None:
    session = HomeSession()

    assert session.is_in([f"{COOKIE_NAME}=theirs; other=1; {crumb(session)}; {COOKIE_NAME}=last"])
    assert session.is_in([f"{COOKIE_NAME}=theirs", crumb(session)])


def test_nobody_else_is_in_the_session() -> None:
    session = HomeSession()
    key = crumb(session).partition("=")[2]

    for headers in (
        [],
        [""],
        [COOKIE_NAME],
        [f"{COOKIE_NAME}="],
        [f"{COOKIE_NAME}={key}x"],
        [f"{COOKIE_NAME}={key[:-1]}"],
        [f"other={key}"],
        [f"{COOKIE_NAME}=\xe9"],
        [crumb(HomeSession())],
    ):
        assert not session.is_in(headers)
