"""What a sign-in adds to Procore's two answers, from the callback to the prompt: python benchmarks/sign_in.py

Plays Procore and the browser itself on loopback, and looks at the clock wherever one of them hears of the
program. Keeps the tokens in files, or with --store keyring in this session's keyring, and signs out.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TextIO, cast
from urllib.parse import parse_qs, urlencode, urlsplit

STAGES = (
    ("callback sent", "token asked", "until the exchange is asked for"),
    ("token told", "me asked", "until /me is asked for"),
    ("me told", "callback answered", "tokens and row saved, browser sent on"),
    ("callback answered", "home told", "until the browser has /home"),
    ("home told", "ended", "until the prompt"),
)
PATHS = {"/oauth/token": "token", "/rest/v1.0/me": "me", "/oauth/revoke": "revoke"}


@dataclass(frozen=True)
class Run:
    """One sign-in: when what happened, and from when to when Procore took to answer (seconds)."""

    moments: dict[str, float]
    answers: list[tuple[float, float]]


class Procore(ThreadingHTTPServer):
    """Takes every code; `moments` are seconds by the name of what happened."""

    daemon_threads = True

    def __init__(self, answer_s: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer_s = answer_s
        self.moments: dict[str, float] = {}
        self.answers: list[tuple[float, float]] = []

    def note(self, what: str) -> None:
        """It happens now; the last time counts."""
        self.moments[what] = time.perf_counter()


class Handler(BaseHTTPRequestHandler):
    """The token endpoint, the revocation endpoint and `/me`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Procore

    def do_POST(self) -> None:
        """Give tokens, or take one back."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        code = form.get("code", ["procore-login-check-"])[0]
        if self.path == "/oauth/token" and code.startswith("procore-login-check-"):
            self._send(400, {"error": "invalid_grant"})
        else:
            tokens = {name: secrets.token_hex(350) for name in ("access_token", "refresh_token")}
            self._answer({**tokens, "token_type": "Bearer", "expires_in": 5400})

    def do_GET(self) -> None:
        """Say who it is."""
        self._answer({"id": 11111, "login": "joecontractor@procore.com", "name": "Joe Contractor"})

    def _answer(self, body: object) -> None:
        name, began = PATHS[self.path], time.perf_counter()
        self.server.note(f"{name} asked")
        time.sleep(self.server.answer_s)
        # Before it is sent: afterwards the program may be on its way already.
        self.server.answers.append((began, time.perf_counter()))
        self.server.note(f"{name} told")
        self._send(200, body)

    def _send(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing about each request."""


def find_free_port() -> int:
    """A port for the listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def sign_in(environ: dict[str, str], procore: Procore, person_s: float) -> Run:
    """Sign in once, as a browser does that needs `person_s` seconds; returns what was heard, and when."""
    procore.moments, procore.answers = {}, []
    screen, terminal = pty.openpty()
    threading.Thread(target=drain, args=(screen,), daemon=True).start()
    with subprocess.Popen(  # noqa: S603 - our own program
        [*program(), "signin", "--no-browser"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        os.close(terminal)
        said = cast(TextIO, running.stderr)
        heard = ""
        while not heard.startswith("http"):
            heard = said.readline() or sys.exit("procore-login ended before it showed a link")
        time.sleep(person_s)
        come_back(heard.strip(), procore)
        rest = said.read()
        if running.wait():
            raise SystemExit(f"procore-login ended with {running.returncode}: {rest}")
        procore.note("ended")
    return Run(procore.moments, procore.answers)


def come_back(link: str, procore: Procore) -> None:
    """Bring a code to the redirect URI, and go on to /home."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    target = urlsplit(asked["redirect_uri"])
    query = urlencode({"code": secrets.token_hex(32), "state": asked["state"]})
    procore.note("callback sent")
    cookie = get(target.port, f"{target.path}?{query}", "").split(";")[0]
    procore.note("callback answered")
    get(target.port, "/home", cookie)
    procore.note("home told")


def get(port: int | None, path: str, cookie: str) -> str:
    """Get a page of the listener's; returns the cookie that it sets."""
    browser = HTTPConnection("127.0.0.1", port, timeout=60)
    browser.request("GET", path, headers={"Host": f"localhost:{port}", "Cookie": cookie})
    answer = browser.getresponse()
    answer.read()
    browser.close()
    if answer.status >= 400:
        raise SystemExit(f"The listener answered {answer.status}")
    return answer.getheader("Set-Cookie", "")


def drain(screen: int) -> None:
    """Read what is drawn, until nobody draws any more."""
    with open(screen, "rb", buffering=0) as file:
        try:
            while file.read(65536):
                pass
        except OSError:
            return


def program() -> list[str]:
    """The console script of the environment that runs this."""
    script = Path(sys.executable).with_name("procore-login")
    return [str(script)] if script.exists() else [sys.executable, "-m", "procore_cli"]


def added_ms(run: Run, begin: str, end: str) -> float:
    """From one moment to another, without what Procore took in between; milliseconds."""
    first, last = run.moments[begin], run.moments[end]
    waited = sum(told - asked for asked, told in run.answers if first <= asked and told <= last)
    return (last - first - waited) * 1000


def new_environ(store: str, url: str, home: str) -> dict[str, str]:
    """What the program sees: this session's keyring, and nothing else of this user's."""
    port = find_free_port()
    kept = {name: value for name, value in os.environ.items() if re.match("PATH$|LANG$|DBUS_|XDG_RUN", name)}
    return kept | {
        "HOME": home,
        "TERM": "xterm-256color",
        "PROCORE_LOGIN_HOME": f"{home}/data",
        "PROCORE_LOGIN_STORE": store,
        "PROCORE_LOGIN_URL": url,
        "PROCORE_API_URL": url,
        "PROCORE_CLIENT_ID": "benchmark",
        "PROCORE_CLIENT_SECRET": "benchmark",
        "PROCORE_REDIRECT_URI": f"http://localhost:{port}/callback",
    }


def main() -> None:
    """Sign in some times, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--store", choices=("file", "keyring"), default="file")
    parser.add_argument("--answer-ms", type=float, default=100, help="what each answer of Procore's takes")
    parser.add_argument("--person-ms", type=float, default=1000, help="how long the person is at the browser")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, Procore(given.answer_ms / 1000) as procore:
        threading.Thread(target=procore.serve_forever, daemon=True).start()
        environ = new_environ(given.store, f"http://127.0.0.1:{procore.server_port}", home)
        runs = [sign_in(environ, procore, given.person_ms / 1000) for _ in range(given.runs)]
        if given.store == "keyring":
            subprocess.run([*program(), "signout"], env=environ, check=True, capture_output=True)  # noqa: S603
        procore.shutdown()
    sys.stdout.write(f"{'milliseconds, without Procore':42}{'least':>8}{'median':>8}{'most':>8}\n")
    for begin, end, words in (*STAGES, ("callback sent", "ended", "all: from the callback to the prompt")):
        took = sorted(added_ms(run, begin, end) for run in runs)
        sys.stdout.write(f"{words:42}{took[0]:8.1f}{took[len(took) // 2]:8.1f}{took[-1]:8.1f}\n")


if __name__ == "__main__":
    main()
