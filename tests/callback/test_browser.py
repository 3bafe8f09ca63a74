"""Which browser is opened, and how."""

from __future__ import annotations

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

from procore_cli.callback.browser import Browser, find_browser
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
) -> tuple[str, ...] | None:
    browser = find_browser(wanted, environ, platform, which)
    return browser.command if browser else None


# --browser


def test_the_option_wins_over_the_variable() -> None:
    which = installed("firefox", "chromium")
    assert command({"BROWSER": "chromium", **SCREEN}, which, "firefox") == ("/nowhere/firefox",)


def test_the_option_needs_no_display() -> None:
    assert command({"SSH_CONNECTION": "a b"}, installed("tool"), "tool -x") == ("/nowhere/tool", "-x")


@pytest.mark.parametrize("wanted", ["nonsense", "", "  ", "firefox 'unclosed", "%s"])
def test_an_option_that_names_no_program_is_a_usage_mistake(wanted: str) -> None:
    with pytest.raises(UsageMistakeError, match="--browser") as caught:
        find_browser(wanted, SCREEN, "linux", installed("firefox"))
    assert caught.value.exit_code == 2
    assert "--no-browser" in caught.value.hint


def test_an_option_that_names_a_text_browser_is_a_usage_mistake() -> None:
    with pytest.raises(UsageMistakeError, match="text browser"):
        find_browser("lynx", SCREEN, "linux", installed("lynx"))


def test_a_path_with_spaces_needs_no_quotes() -> None:
    path = r"C:\Program Files\Mozilla Firefox\firefox.exe"
    assert command({}, lambda name: path if name == path else None, path, "win32") == (path,)


def test_backslashes_of_windows_are_kept_and_its_quotes_removed() -> None:
    path = r"C:\Program Files\b.exe"
    found = command({}, lambda name: path if name == path else None, f'"{path}" -private %s', "win32")
    assert found == (path, "-private", "%s")


# BROWSER


def test_the_first_program_of_the_variable_that_exists_is_taken() -> None:
    assert command({"BROWSER": "gone %s:tool -a:other"}, installed("tool", "other")) == (
        "/nowhere/tool",
        "-a",
    )


def test_the_variable_is_separated_by_semicolons_on_windows() -> None:
    which = installed("tool")
    assert command({"BROWSER": "gone;tool"}, which, platform="win32") == ("/nowhere/tool",)


def test_an_ampersand_at_the_end_of_the_variable_is_dropped() -> None:
    assert command({"BROWSER": "tool %s &"}, installed("tool")) == ("/nowhere/tool", "%s")


@pytest.mark.parametrize("value", ["", "gone", ":", "w3m", "lynx %s:links", "'"])
def test_a_variable_that_names_nothing_usable_is_skipped(value: str) -> None:
    which = installed("w3m", "lynx", "links", "firefox")
    assert command({"BROWSER": value}, which) is None
    assert command({"BROWSER": value, **SCREEN}, which) == ("/nowhere/firefox",)


# What the system has


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_nothing_is_opened_over_ssh_on_macos_and_windows(platform: str) -> None:
    assert command({"SSH_CONNECTION": "::1 1 ::1 22"}, installed("open"), platform=platform) is None


def test_macos_opens_with_its_own_tool() -> None:
    assert command({}, installed("open", "firefox"), platform="darwin") == ("/nowhere/open",)


def test_windows_opens_with_its_own_handler_by_full_path() -> None:
    found = command({"SystemRoot": r"D:\Win"}, installed(), platform="win32")
    assert found == (r"D:\Win\System32\rundll32.exe", "url.dll,FileProtocolHandler")


def test_a_graphical_browser_needs_a_display() -> None:
    assert command({}, installed("firefox", "xdg-open", "x-www-browser")) is None


@pytest.mark.parametrize("display", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_display_and_a_graphical_browser_are_enough(display: str) -> None:
    assert command({display: "x"}, installed("chromium")) == ("/nowhere/chromium",)


def test_a_display_that_is_set_but_empty_is_none() -> None:
    assert command({"DISPLAY": ""}, installed("firefox")) is None


def test_a_display_without_a_browser_is_not_enough() -> None:
    assert command(SCREEN, installed("w3m", "elinks", "www-browser", "sensible-browser")) is None


def test_a_forwarded_display_counts_over_ssh() -> None:
    environ = {"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "a"}
    assert command(environ, installed("firefox")) == ("/nowhere/firefox",)


def test_a_desktop_knows_its_own_default_browser() -> None:
    assert command(DESKTOP, installed("xdg-open", "firefox", "w3m")) == ("/nowhere/xdg-open",)


def test_without_a_desktop_xdg_open_is_taken_where_it_cannot_end_at_a_text_browser() -> None:
    assert command(SCREEN, installed("xdg-open")) == ("/nowhere/xdg-open",)
    assert command(SCREEN, installed("xdg-open", "w3m")) is None
    assert command(SCREEN, installed("xdg-open", "w3m", "firefox")) == ("/nowhere/firefox",)


def test_without_a_desktop_xdg_open_would_follow_a_variable_that_names_nothing() -> None:
    environ = {"BROWSER": "gone", **SCREEN}
    assert command(environ, installed("xdg-open", "firefox")) == ("/nowhere/firefox",)
    assert command({"BROWSER": "gone", **DESKTOP}, installed("xdg-open")) == ("/nowhere/xdg-open",)


def test_an_alternative_that_leads_to_a_text_browser_is_not_taken(tmp_path: Path) -> None:
    text, link = tmp_path / "w3m", tmp_path / "x-www-browser"
    text.touch(mode=0o755)
    link.symlink_to(text)
    assert command(SCREEN, lambda name: shutil.which(name, path=str(tmp_path))) is None
    with pytest.raises(UsageMistakeError):
        find_browser(str(link), {}, "linux", shutil.which)


def test_wsl_opens_on_the_windows_side() -> None:
    wsl = {"WSL_DISTRO_NAME": "Debian", **SCREEN}
    assert command(wsl, installed("wslview", "firefox")) == ("/nowhere/wslview",)
    handler = command(wsl, lambda name: RUNDLL if name == "rundll32.exe" else None)
    assert handler == (RUNDLL, "url.dll,FileProtocolHandler")


def test_wsl_over_ssh_has_only_what_its_own_display_shows() -> None:
    wsl = {"WSL_INTEROP": "/run/WSL/1", "SSH_CONNECTION": "a"}
    assert command(wsl, installed("wslview")) is None
    assert command({**wsl, **SCREEN}, installed("wslview", "firefox")) == ("/nowhere/firefox",)


# Opening

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


def test_the_address_is_appended_in_one_piece(stub: Stub) -> None:
    assert stub.open("--new-window")
    assert stub.seen()["argv"] == ["--new-window", URL]


def test_the_address_takes_the_place_of_its_mark(stub: Stub) -> None:
    assert stub.open("'--url=%s' -- '$(exit 1); a b'")
    assert stub.seen()["argv"] == [f"--url={URL}", "--", "$(exit 1); a b"]


def test_a_browser_has_its_own_session_and_nothing_of_our_terminal(
    stub: Stub, capfd: pytest.CaptureFixture[str]
) -> None:
    with stdin_holding(b"typed ahead"):
        assert stub.open()
    seen = stub.seen()
    assert seen["sid"] == seen["pid"]
    assert seen["stdin"] == ""
    assert capfd.readouterr() == ("", "")


def test_a_browser_that_stays_open_is_not_waited_for(stub: Stub) -> None:
    # The stub ends at our word alone, which comes after `open` has returned.
    assert stub.open()
    assert stub.seen()["argv"] == [URL]


def test_a_browser_that_has_ended_leaves_no_zombie(stub: Stub) -> None:
    before = set(threading.enumerate())
    assert stub.open()
    new = set(threading.enumerate()) - before
    pid = stub.seen()["pid"]
    for thread in new:
        thread.join(timeout=20)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_a_program_that_cannot_be_started_is_no_success(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\0\1\2")
    garbage.chmod(0o755)
    assert not Browser("garbage", (str(garbage),)).open(URL)
    assert not Browser("gone", (str(tmp_path / "gone"),)).open(URL)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "--help", "", "urn:a"])
def test_only_web_addresses_are_opened(url: str, stub: Stub) -> None:
    assert not Browser("stub", (sys.executable, str(stub.script))).open(url)
    assert stub.open()
    assert stub.seen()["argv"] == [URL]


def test_the_name_is_fit_for_people() -> None:
    which = installed("firefox", "xdg-open")
    names = [
        b.name
        for b in (find_browser("firefox", {}, "linux", which), find_browser(None, DESKTOP, "linux", which))
        if b
    ]
    assert names == ["firefox", "the default browser"]
