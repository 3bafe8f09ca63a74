"""Which browser is opened, and how; and what kind of machine this is."""

import json
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from procore_cli.callback.browser import Browser, Place, find_browser, find_place
from procore_cli.errors import UsageMistakeError

URL = "https://login.procore.com/oauth/authorize?client_id=abc&state=x%20y"
SCREEN = {"DISPLAY": ":0"}
DESKTOP = {"WAYLAND_DISPLAY": "wayland-0", "XDG_CURRENT_DESKTOP": "GNOME"}
RUNDLL = "/mnt/c/Windows/System32/rundll32.exe"


def installed(*names: str) -> Callable[[str], str | None]:
    """A `which` for a machine that has these programs and no others."""
    return lambda name: f"/nowhere/{name}" if name in names else None


def command(
    environ: Mapping[str, str],
    which: Callable[[str], str | None],
    wanted: str | None = None,
    platform: str = "linux",
) -> str | None:
    """The words of the command that opens links."""
    browser = find_browser(wanted, environ, platform, which)
    return " ".join(browser.command).replace("/nowhere/", "") if browser else None


SSH = {"SSH_CONNECTION": "::1 1 ::1 22"}
GONE = {"BROWSER": "gone"}
WSL = {"WSL_DISTRO_NAME": "Debian"}
# What the variables say, which programs there are, and which of them opens the link.
ON_LINUX = [
    ({"BROWSER": "gone %s:tool -a:other"}, "tool other", "tool -a"),
    ({"BROWSER": "tool %s &"}, "tool", "tool %s"),
    ({}, "firefox xdg-open x-www-browser", None),
    ({"DISPLAY": "x"}, "chromium", "chromium"),
    ({"WAYLAND_DISPLAY": "x"}, "chromium", "chromium"),
    ({"DISPLAY": ""}, "firefox", None),
    (SCREEN, "w3m elinks www-browser sensible-browser", None),
    (SSH, "firefox", None),
    (SSH | {"DISPLAY": "localhost:10.0"}, "firefox", "firefox"),
    # A desktop knows its own; without one, xdg-open may end at a text browser, or follow the variable.
    (DESKTOP, "xdg-open firefox w3m", "xdg-open"),
    (SCREEN, "xdg-open", "xdg-open"),
    (SCREEN, "xdg-open w3m", None),
    (SCREEN, "xdg-open w3m firefox", "firefox"),
    (SCREEN | GONE, "xdg-open firefox", "firefox"),
    (DESKTOP | GONE, "xdg-open", "xdg-open"),
    (WSL | SCREEN, "wslview firefox", "wslview"),
    (WSL | SSH, "wslview", None),
    ({"WSL_INTEROP": "/run/WSL/1"} | SSH | SCREEN, "wslview firefox", "firefox"),
]
ELSEWHERE = [
    ("darwin", {}, "open firefox", "open"),
    ("darwin", SSH, "open", None),
    ("win32", SSH, "open", None),
    ("win32", {"BROWSER": "gone;tool"}, "tool", "tool"),
    ("win32", {"SystemRoot": r"D:\Win"}, "", r"D:\Win\System32\rundll32.exe url.dll,FileProtocolHandler"),
]


def test_the_variable_and_the_system_say_which_browser_is_opened():
    cases = [*(("linux", *case) for case in ON_LINUX), *ELSEWHERE]
    found = [
        (platform, environ, names, command(environ, installed(*names.split()), None, platform))
        for platform, environ, names, _ in cases
    ]
    assert found == cases


def test_a_variable_that_names_nothing_usable_is_skipped_and_the_option_wins_over_it():
    which = installed("w3m", "lynx", "links", "firefox", "chromium")
    for value in ("", "gone", ":", "w3m", "lynx %s:links", "'"):
        assert command({"BROWSER": value}, which) is None
        assert command({"BROWSER": value, **SCREEN}, which) == "firefox"
    assert command({"BROWSER": "firefox", **SCREEN}, which, "chromium") == "chromium"
    assert command(SSH, which, "firefox -x") == "firefox -x"


@pytest.mark.parametrize("wanted", ["nonsense", "", "  ", "firefox 'unclosed", "%s", "lynx"])
def test_an_option_that_names_no_program_or_a_text_browser_is_a_usage_mistake(wanted):
    said = "text browser" if wanted == "lynx" else "--browser"
    with pytest.raises(UsageMistakeError, match=said) as caught:
        find_browser(wanted, SCREEN, "linux", installed("firefox", "lynx"))
    assert caught.value.exit_code == 2
    assert "--no-browser" in caught.value.hint


def test_a_path_of_windows_keeps_its_backslashes_and_needs_no_quotes():
    path = r"C:\Program Files\Mozilla Firefox\firefox.exe"
    for wanted, expected in ((path, (path,)), (f'"{path}" -private %s', (path, "-private", "%s"))):
        found = find_browser(wanted, {}, "win32", lambda name: name if name == path else None)
        assert found is not None
        assert found.command == expected


def test_an_alternative_that_leads_to_a_text_browser_is_not_taken(tmp_path):
    text, link = tmp_path / "w3m", tmp_path / "x-www-browser"
    text.touch(mode=0o755)
    link.symlink_to(text)
    assert command(SCREEN, lambda name: shutil.which(name, path=str(tmp_path))) is None
    with pytest.raises(UsageMistakeError):
        find_browser(str(link), {}, "linux", shutil.which)


def test_wsl_without_wslview_opens_with_the_handler_of_windows():
    handler = command(WSL | SCREEN, lambda name: RUNDLL if name == "rundll32.exe" else None)
    assert handler == f"{RUNDLL} url.dll,FileProtocolHandler"


STUB = """
import json, os, socket, sys
print("noise", flush=True); print("noise", file=sys.stderr, flush=True)
seen = {"argv": sys.argv[1:], "pid": os.getpid(), "sid": os.getsid(0), "stdin": sys.stdin.read()}
with socket.create_connection(("127.0.0.1", PORT), timeout=20) as line:
    line.recv(1)
    line.sendall(json.dumps(seen).encode())
"""


class Stub(NamedTuple):
    """A browser that talks, calls us, waits for our word, and then tells what it was started with."""

    script: Path
    server: socket.socket

    def open(self, arguments: str = "") -> bool:
        browser = find_browser(f"{sys.executable} {self.script} {arguments}", {}, sys.platform, shutil.which)
        assert browser is not None
        return browser.open(URL)

    def seen(self) -> dict[str, Any]:
        line, _ = self.server.accept()
        with line, line.makefile("rb") as answer:
            line.settimeout(20)
            line.sendall(b"!")
            seen: dict[str, Any] = json.load(answer)
        return seen


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[Stub]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        script = tmp_path / "stub.py"
        script.write_text(STUB.replace("PORT", str(server.getsockname()[1])))
        yield Stub(script, server)


@contextmanager
def stdin_holding(typed: bytes) -> Iterator[None]:
    former = os.dup(0)
    reading, writing = os.pipe()
    os.write(writing, typed)
    os.close(writing)
    os.dup2(reading, 0)
    os.close(reading)
    try:
        yield
    finally:
        os.dup2(former, 0)
        os.close(former)


def test_the_address_is_appended_or_takes_the_place_of_its_mark_in_one_piece(stub):
    assert stub.open("--new-window")
    assert stub.seen()["argv"] == ["--new-window", URL]
    assert stub.open("'--url=%s' -- '$(exit 1); a b'")
    assert stub.seen()["argv"] == [f"--url={URL}", "--", "$(exit 1); a b"]


def test_a_browser_has_its_own_session_and_nothing_of_our_terminal(stub, capfd):
    with stdin_holding(b"typed ahead"):
        assert stub.open()
    seen = stub.seen()
    assert seen["sid"] == seen["pid"]
    assert seen["stdin"] == ""
    assert capfd.readouterr() == ("", "")


def test_a_browser_is_not_waited_for_and_leaves_no_zombie(stub):
    before = set(threading.enumerate())
    # The stub ends at our word alone, which comes after `open` has returned.
    assert stub.open()
    new = set(threading.enumerate()) - before
    pid = stub.seen()["pid"]
    for thread in new:
        thread.join(timeout=20)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_a_program_that_cannot_be_started_is_no_success(tmp_path):
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\0\1\2")
    garbage.chmod(0o755)
    assert not Browser("garbage", (str(garbage),)).open(URL)
    assert not Browser("gone", (str(tmp_path / "gone"),)).open(URL)


def test_only_web_addresses_are_opened(stub):
    for url in ("file:///etc/passwd", "javascript:alert(1)", "--help", "", "urn:a"):
        assert not Browser("stub", (sys.executable, str(stub.script))).open(url)
    assert stub.open()
    assert stub.seen()["argv"] == [URL]


def test_the_name_is_fit_for_people():
    which = installed("firefox", "xdg-open")
    for wanted, environ, name in (("firefox", {}, "firefox"), (None, DESKTOP, "the default browser")):
        browser = find_browser(wanted, environ, "linux", which)
        assert browser is not None
        assert browser.name == name


PLACES = [
    (SCREEN, "linux", Place.DESK),
    ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", Place.DESK),
    ({}, "linux", Place.NO_DISPLAY),
    ({}, "darwin", Place.DESK),
    ({}, "win32", Place.DESK),
    (SSH | SCREEN, "linux", Place.SSH),
    (SSH, "darwin", Place.SSH),
    (SSH, "win32", Place.SSH),
    (SSH | {"WSL_DISTRO_NAME": "Debian"}, "linux", Place.SSH),
    ({"WSL_DISTRO_NAME": "Debian"}, "linux", Place.WSL),
    ({"WSL_INTEROP": "x"} | SCREEN, "linux", Place.WSL),
    ({"container": "podman"}, "linux", Place.CONTAINER),
    ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "linux", Place.CONTAINER),
    ({"CODESPACES": "true"} | SCREEN, "linux", Place.CONTAINER),
    ({"container": "", "SSH_CONNECTION": ""}, "linux", Place.NO_DISPLAY),
]


def test_variables_and_an_engines_file_tell_the_place(tmp_path):
    found = [(environ, platform, find_place(environ, platform, tmp_path)) for environ, platform, _ in PLACES]
    assert found == PLACES
    (tmp_path / "run").mkdir()
    for mark in (tmp_path / ".dockerenv", tmp_path / "run/.containerenv"):
        mark.touch()
        assert find_place(SCREEN, "linux", tmp_path) is Place.CONTAINER
        mark.unlink()
