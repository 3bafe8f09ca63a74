"""Each picture of docs/images is what `python -m tools.pictures` would make now; needs no browser for it."""

import sys

import pytest

from tests.cli import Machine, free_port
from tools import pictures, session

AGAIN = "run: python -m tools.pictures"


def test_the_pictures_of_pages_show_the_pages_that_are_served_now(tmp_path):
    pages = pictures.read_pages(Machine(tmp_path / "machine"))
    for name, path in pictures.PAGES.items():
        png = pictures.picture_of(name).read_bytes()
        assert pictures.read_digest(png) == pictures.digest_of(pages[path]), f"{name}: {AGAIN}"


@pytest.mark.skipif(sys.platform != "linux", reason="a browser would open")
def test_the_picture_of_a_session_shows_what_the_commands_say_now():
    recorded = session.record(variables={"PROCORE_REDIRECT_URI": f"http://localhost:{free_port()}/callback"})
    assert session.read_digest(session.PICTURE.read_text("utf-8")) == session.digest_of(recorded), AGAIN


def test_every_picture_is_one_that_the_command_makes():
    made = {session.PICTURE, *map(pictures.picture_of, pictures.PAGES)}
    assert set(pictures.FOLDER.iterdir()) == made
