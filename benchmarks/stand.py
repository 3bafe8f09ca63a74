"""What the benchmarks run on: an environment with the program in it, a home, a keyring, a pretend Procore.

Refuses to touch what is the user's: everything lies in one scratch folder, which goes when the run ends.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import TextIO, cast
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks import pretend

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "hyperfine": "hyperfine",
    "dbus-run-session": "dbus-daemon",
    "gnome-keyring-daemon": "gnome-keyring",
    "strace": "strace",
    "curl": "curl",
}
WAIT_S = 60


@dataclass(frozen=True)
class Stand:
    """Where a benchmark runs; `environ` is all that a command of it sees."""

    place: Path
    python: Path
    procore: pretend.Procore
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def program(self) -> str:
        """The console script."""
        return str(self.python.with_name("procore-login"))

    @property
    def data(self) -> Path:
        """The data folder that the program takes by itself."""
        return Path(self.environ["HOME"], ".local", "share", "procore-login")

    def having(self, **variables: str) -> Stand:
        """The same with more variables."""
        return replace(self, environ={**self.environ, **variables})

    def run(self, *arguments: str) -> str:
        """Run a command of the program; returns what it prints. Raises SystemExit if it fails."""
        return self.call(self.program, *arguments)

    def call(self, *words: str) -> str:
        """Run any command; returns what it prints. Raises SystemExit if it fails."""
        done = subprocess.run(  # noqa: S603 - our own words
            words, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def sign_in(self, *options: str) -> None:
        """Sign in, as a browser does that needs no time."""
        with subprocess.Popen(  # noqa: S603 - our own program
            [self.program, "signin", "--no-browser", *options],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            said = cast(TextIO, running.stderr)
            heard = ""
            while not (line := said.readline()).startswith("http"):
                heard += line
                if not line:
                    raise SystemExit(f"procore-login showed no link:\n{heard}")
            come_back(line.strip())
            rest = said.read()
        if running.returncode:
            raise SystemExit(f"signin ended with {running.returncode}:\n{rest}")


def come_back(link: str) -> None:
    """Bring a code to the redirect URI that a link names, and look at /home."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    target = urlsplit(asked["redirect_uri"])
    query = urlencode({"code": secrets.token_hex(32), "state": asked["state"]})
    cookie = get(target.port, f"{target.path}?{query}", "")
    get(target.port, "/home", cookie.split(";")[0])


def get(port: int | None, path: str, cookie: str) -> str:
    """Get a page of the listener's; returns the cookie that it sets."""
    browser = HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    browser.request("GET", path, headers={"Host": f"localhost:{port}", "Cookie": cookie})
    answer = browser.getresponse()
    answer.read()
    browser.close()
    if answer.status >= 400:
        raise SystemExit(f"The listener answered {answer.status} to {path.split('?')[0]}")
    return answer.getheader("Set-Cookie", "")


def check_packages() -> None:
    """Raises SystemExit that says what to install, where something is missing."""
    missing = sorted({package for name, package in PACKAGES.items() if not shutil.which(name)})
    if missing:
        raise SystemExit(f"The benchmarks need more than is here. Run: apt-get install {' '.join(missing)}")


def find_python(*versions: str) -> str:
    """The first of these versions that is here and works; else the one that runs this."""
    for version in versions:
        found = [shutil.which(f"python{version}") or ""]
        found += map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        for python in filter(None, found):
            # Shims stand for versions that are not there.
            if not subprocess.run([python, "-c", "import ensurepip"], capture_output=True).returncode:  # noqa: S603
                return python
    return sys.executable


def new_venv(place: Path, python: str, *packages: str) -> Path:
    """Make an environment and install into it, with bytecode, not editable; returns its Python."""
    subprocess.run([python, "-m", "venv", place], check=True)  # noqa: S603 - our own words
    made = place / "bin" / "python"
    install = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--compile"]
    done = subprocess.run([*install, *packages], capture_output=True, text=True)  # noqa: S603 - our own words
    if done.returncode:
        raise SystemExit(f"pip ended with {done.returncode}:\n{done.stderr}")
    return made


def find_free_port() -> int:
    """A port for the listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def new_environ(place: Path, url: str) -> dict[str, str]:
    """Production, as far as the program can tell, on a machine with nothing else on it."""
    kept = {name: value for name, value in os.environ.items() if re.match("PATH$|DBUS_SESSION", name)}
    home, runtime = place / "home", place / "runtime"
    home.mkdir(exist_ok=True)
    runtime.mkdir(mode=0o700, exist_ok=True)
    return kept | {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PROCORE_LOGIN_URL": url,
        "PROCORE_API_URL": url,
        "PROCORE_CLIENT_ID": "benchmark",
        "PROCORE_CLIENT_SECRET": "benchmark",
        "PROCORE_REDIRECT_URI": f"http://localhost:{find_free_port()}/callback",
    }


@contextmanager
def opening_stand(python: str) -> Iterator[Stand]:
    """A stand with the program on `python`, to be opened on a session bus of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, pretend.serving() as procore:
        place = Path(folder)
        environ = new_environ(place, procore.url)
        with keeping_secrets(environ):
            yield Stand(place, new_venv(place / "venv", python, str(ROOT), "httpx"), procore, environ)


@contextmanager
def keeping_secrets(environ: dict[str, str]) -> Iterator[None]:
    """gnome-keyring on this session's bus, unlocked, with nothing in it."""
    command = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
    with subprocess.Popen(  # noqa: S603 - our own words
        command,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as keyring:
        if keyring.stdin is not None:
            with keyring.stdin as stdin:
                stdin.write(b"\n")
        try:
            yield
        finally:
            keyring.terminate()


def describe_machine(python: Path) -> str:
    """One line: processors, system, Python, hyperfine."""
    model = ""
    with Path("/proc/cpuinfo").open() as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "")
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    version = subprocess.check_output([python, "--version"], text=True).strip()  # noqa: S603 - our own words
    timer = subprocess.check_output(["hyperfine", "--version"], text=True).strip()  # noqa: S607
    return f"{cores} cores ({model}), Linux {os.uname().release}, {version}, {timer}"
