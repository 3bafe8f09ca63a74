"""Makes docs/images: the pages of a real sign-in in Chromium, and a session on a terminal.

Run `python -m tools.pictures` when a page or a command shows something else; it takes Debian's chromium and
chromium-driver. Each picture carries a digest of what it was made from, so that a test finds a stale one
without them.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.cli import Machine
from tests.hostile.waiting import read_link, stop
from tests.stub_browser import Browser
from tools import session

if TYPE_CHECKING:
    from tests.browser.chromium import Chromium

FOLDER: Final = Path(__file__).parent.parent / "docs" / "images"
# The page that each one shows.
PAGES: Final = {"sign-up": "/", "home": "/home", "home-dark": "/home"}
_WIDTH, _HEIGHT = 540, 580
_USER: Final = "joecontractor@procore.com"
# The header, which comes first, has one length.
_HEADER_END: Final = 33
_KEYWORD: Final = b"tEXtPage\0"
# Another one in each sign-in.
_LINK: Final = re.compile(r"http://[^\"<]+")


def main() -> None:
    """Make all of them."""
    # Who reads the digests need not have selenium.
    from tests.browser.chromium import Chromium

    with tempfile.TemporaryDirectory() as folder:
        pages = read_pages(Machine(Path(folder, "read")))
        chromium = Chromium(Path(folder))
        try:
            with waiting(Machine(Path(folder, "drawn"))) as (origin, _):
                drawn = _draw(chromium, origin)
        finally:
            chromium.close()
    for name, png in drawn.items():
        picture_of(name).write_bytes(_with_digest(png, digest_of(pages[PAGES[name]])))
    session.PICTURE.write_text(session.new_picture(session.record()), encoding="utf-8")


def picture_of(name: str) -> Path:
    """Where the picture lies."""
    return FOLDER / f"{name}.png"


@contextmanager
def waiting(machine: Machine) -> Iterator[tuple[str, str]]:
    """A sign-up against the embedded Procore, waiting for its browser: the listener's origin, the link."""
    process: subprocess.Popen[str] = machine.start("signup", "--env", "demo", "--no-browser")
    try:
        yield f"http://localhost:{machine.port}", read_link(process)
        if process.wait(30) != 0:
            raise SystemExit("the sign-up failed")
    finally:
        stop(process)


def read_pages(machine: Machine) -> dict[str, str]:
    """The pages that are drawn, as they are served now, by their paths."""
    browser = Browser()
    with waiting(machine) as (origin, link):
        return {"/": browser.open(f"{origin}/").text, "/home": browser.sign_in(link, _USER).text}


def digest_of(page: str) -> str:
    """Of a page with its stylesheet, whatever the link in it is."""
    return hashlib.sha256(_LINK.sub("", page).encode()).hexdigest()


def read_digest(png: bytes) -> str:
    """What `_with_digest` wrote; empty where nothing is."""
    found = re.search(re.escape(_KEYWORD) + rb"([0-9a-f]{64})", png)
    return found[1].decode() if found else ""


def _with_digest(png: bytes, digest: str) -> bytes:
    chunk = _KEYWORD + digest.encode()
    length, check = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return png[:_HEADER_END] + length + chunk + check + png[_HEADER_END:]


def _draw(chromium: Chromium, origin: str) -> dict[str, bytes]:
    """Sign up as a person does, and photograph the pages on the way."""
    drawn = {}
    chromium.open(f"{origin}/")
    chromium.wait_until(lambda: "Sign Up with Procore" in chromium.text)
    drawn["sign-up"] = _photograph(chromium, "light")
    for button in ("Sign Up with Procore", "Log in", "Allow"):
        chromium.press(button)
    chromium.wait_until(lambda: "You can close this tab" in chromium.text)
    drawn["home"] = _photograph(chromium, "light")
    drawn["home-dark"] = _photograph(chromium, "dark")
    return drawn


def _photograph(chromium: Chromium, scheme: str) -> bytes:
    chromium.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    size = {"width": _WIDTH, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    chromium.cdp("Emulation.setDeviceMetricsOverride", **size)
    height = chromium.cdp("Page.getLayoutMetrics")["cssContentSize"]["height"]
    chromium.cdp("Emulation.setDeviceMetricsOverride", **size | {"height": height})
    return base64.b64decode(chromium.cdp("Page.captureScreenshot", format="png")["data"])


if __name__ == "__main__":
    main()
