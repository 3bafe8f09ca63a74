"""Which program can show a page to the person, what stands between it and this process, and starting it.

Refuses text browsers and shells; it never waits for the program and lets nothing that it prints through.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import ClassVar

from procore_cli.errors import NoThreadError, UsageMistakeError
from procore_cli.threads import start

# What Docker and Podman leave in their containers.
_MARKS = (".dockerenv", "run/.containerenv")
# What systemd-nspawn, Podman and LXC, Kubernetes, and GitHub's Codespaces set.
_VARIABLES = ("container", "KUBERNETES_SERVICE_HOST", "CODESPACES")
Which = Callable[[str], "str | None"]
_TEXT = frozenset(
    {"browsh", "edbrowse", "elinks", "links", "links2", "lynx", "netrik", "retawq", "w3m", "www-browser"}
)
_GRAPHICAL = (
    "x-www-browser",
    "firefox",
    "firefox-esr",
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "microsoft-edge",
    "microsoft-edge-stable",
    "brave-browser",
    "brave",
    "vivaldi",
    "vivaldi-stable",
    "opera",
    "librewolf",
    "epiphany",
    "konqueror",
    "falkon",
    "gnome-www-browser",
)
_WINDOWS_HANDLER = "url.dll,FileProtocolHandler"
_DEFAULT = "the default browser"


class Place(Enum):
    """What stands between this process and a browser."""

    DESK = "a browser of this machine"
    SSH = "an SSH connection"
    WSL = "Windows is outside"
    CONTAINER = "a container"
    NO_DISPLAY = "no display"


def find_place(environ: Mapping[str, str], platform: str, root: Path = Path("/")) -> Place:
    """Judge by variables and files what kind of machine this is; `platform` is sys.platform.

    SSH counts first: whoever sits elsewhere has no use for what is true of the machine itself.
    """
    if environ.get("SSH_CONNECTION"):
        return Place.SSH
    if platform in ("win32", "darwin"):
        return Place.DESK
    if is_wsl(environ):
        return Place.WSL
    if any(environ.get(name) for name in _VARIABLES) or any((root / mark).exists() for mark in _MARKS):
        return Place.CONTAINER
    return Place.DESK if has_display(environ) else Place.NO_DISPLAY


def is_wsl(environ: Mapping[str, str]) -> bool:
    """Whether this is Linux inside Windows."""
    return bool(environ.get("WSL_DISTRO_NAME") or environ.get("WSL_INTEROP"))


def has_display(environ: Mapping[str, str]) -> bool:
    """Whether a graphical program could show itself (X11 or Wayland)."""
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


@dataclass(frozen=True)
class Browser:
    """A program that shows a page: its name for people, and its command."""

    name: str
    command: tuple[str, ...]
    signs_in_itself: ClassVar[bool] = False

    def open(self, url: str) -> bool:
        """Start the browser on an http or https URL; True if it could be started, not that it shows."""
        if not url.startswith(("http://", "https://")):
            return False
        program, *arguments = self.command
        if any("%s" in argument for argument in arguments):
            return _start([program, *(argument.replace("%s", url) for argument in arguments)])
        return _start([program, *arguments, url])


def find_browser(
    wanted: str | None, environ: Mapping[str, str], platform: str, which: Which
) -> Browser | None:
    """The browser to open on this machine, or None where none can be opened.

    `wanted` is the option `--browser`, `platform` is sys.platform, `which` finds a program as shutil.which
    does. Raises UsageMistakeError if `wanted` names no program, or a text browser.
    """
    if wanted is not None:
        return _read_wanted(wanted, platform, which)
    named = find_in_variable(environ.get("BROWSER", ""), platform, which)
    return named or _find_of_system(environ, platform, which)


def _read_wanted(wanted: str, platform: str, which: Which) -> Browser:
    browser = _find_command(wanted, platform, which)
    if browser is None:
        raise UsageMistakeError(
            f"There is no program as --browser names it: {wanted}",
            "Name a program that is installed (%s stands for the address), or use --no-browser.",
        )
    if _is_text(browser):
        raise UsageMistakeError(
            f"A text browser cannot be used for signing in: {wanted}",
            "Use --no-browser, and open the printed address in a browser on any machine.",
        )
    return browser


def find_in_variable(value: str, platform: str, which: Which) -> Browser | None:
    """The first graphical browser of those that the variable BROWSER names, or None."""
    for text in value.split(";" if platform == "win32" else ":"):
        browser = _find_command(text, platform, which)
        if browser and not _is_text(browser):
            return browser
    return None


def _find_command(text: str, platform: str, which: Which) -> Browser | None:
    text = text.strip()
    # A path with spaces in it may stand there unquoted.
    command = [text] if text and which(text) else _split(text, platform)
    program = which(command[0]) if command else None
    if program is None:
        return None
    return Browser(Path(program).name, (program, *command[1:]))


def _split(text: str, platform: str) -> list[str]:
    on_windows = platform == "win32"
    try:
        # An old habit ends BROWSER with `&`; every browser is started in the background here.
        words = shlex.split(text.removesuffix("&"), posix=not on_windows)
    except ValueError:
        return []
    return [word.strip('"') for word in words] if on_windows else words


def _is_text(browser: Browser) -> bool:
    # Debian's alternatives are links: x-www-browser may well end at w3m.
    program = Path(browser.command[0])
    return not _TEXT.isdisjoint({program.stem.lower(), program.resolve().stem.lower()})


def _find_of_system(environ: Mapping[str, str], platform: str, which: Which) -> Browser | None:
    is_remote = bool(environ.get("SSH_CONNECTION"))
    if platform in ("win32", "darwin") and is_remote:
        return None
    if platform == "win32":
        # By full path: a search on Windows would begin in the current folder.
        root = environ.get("SystemRoot") or environ.get("SYSTEMROOT") or r"C:\Windows"
        return Browser(_DEFAULT, (rf"{root}\System32\rundll32.exe", _WINDOWS_HANDLER))
    if platform == "darwin":
        return _find_opener(which, "open")
    windows = None
    if is_wsl(environ) and not is_remote:
        windows = _find_opener(which, "wslview") or _find_opener(which, "rundll32.exe", _WINDOWS_HANDLER)
    if windows or not has_display(environ):
        return windows
    return _find_on_display(environ, which)


def _find_on_display(environ: Mapping[str, str], which: Which) -> Browser | None:
    opener = _find_opener(which, "xdg-open") if _xdg_open_is_safe(environ, which) else None
    if opener:
        return opener
    for name in _GRAPHICAL:
        program = which(name)
        browser = Browser(name, (program,)) if program else None
        if browser and not _is_text(browser):
            return browser
    return None


def _xdg_open_is_safe(environ: Mapping[str, str], which: Which) -> bool:
    # Without a desktop it follows BROWSER (which named nothing usable), then takes what is installed.
    if environ.get("XDG_CURRENT_DESKTOP"):
        return True
    return not environ.get("BROWSER") and not any(which(name) for name in _TEXT)


def _find_opener(which: Which, program_name: str, *arguments: str) -> Browser | None:
    program = which(program_name)
    return Browser(_DEFAULT, (program, *arguments)) if program else None


def _start(command: list[str]) -> bool:
    # Its import takes as long as a third of a bare Python's start, and doctor only looks.
    import subprocess

    try:
        child = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # Windows has no sessions; there a group of its own keeps our Ctrl-C from it.
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError:
        return False
    # Collects the exit code whenever it comes: no zombie, and nobody waits. One until our end does no harm.
    with suppress(NoThreadError):
        start(threading.Thread(target=child.wait, name="browser", daemon=True))
    return True
