"""The web apps of docs/web-apps.md as a person meets them: up, home, out, in again, and no."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.test_walks import ROW
from tests.cli import ROOT, Machine, free_port
from tests.hostile.waiting import stop
from tests.postgres.conftest import Database, database, postgres  # noqa: F401 - fixtures
from tests.postgres.machines import new_key_file

pytestmark = pytest.mark.examples

PAGE = (ROOT / "docs" / "web-apps.md").read_text(encoding="utf-8")
SIGN_UP, SIGN_IN, SIGN_OUT = "Sign Up with Procore", "Sign In with Procore", "Sign Out"
STARTS_WITHIN_S = 60


def blocks(heading: str, language: str) -> list[str]:
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = [each for each in section if each.startswith(heading)]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class WebApp:
    """One that runs: where it is, the machine that it runs on, and the database that it shares, if any."""

    def __init__(self, machine: Machine, port: int, shared: Database | None) -> None:
        self.machine = machine
        self.origin = f"http://localhost:{port}"
        self._shared = shared

    def list_rows(self) -> list[tuple[object, ...]]:
        query = "SELECT * FROM users"
        if self._shared is None:
            return self.machine.sql(query, "demo")
        return self._shared.server.run(query, database=self._shared.name)

    def is_signed_in(self, who: str) -> bool:
        return self.machine.run_here("token", "--account", who).code == 0


@contextmanager
def demo_serving(machine: Machine) -> Iterator[None]:
    serving = machine.start("demo", "serve", "--port", "0", "--json", "--quiet")
    try:
        assert serving.stdout is not None
        machine.variables |= json.loads(serving.stdout.readline())
        yield
    finally:
        stop(serving)


@pytest.fixture(params=["in files", "in PostgreSQL"])
def shared(request: pytest.FixtureRequest, machine: Machine) -> Database | None:
    """The database that keeps the app's users, where that is not the machine's own file."""
    if request.param == "in files":
        return None
    found: Database = request.getfixturevalue("database")
    key = new_key_file(machine.home / "key")
    machine.variables |= {"PROCORE_LOGIN_DB": found.url, "PROCORE_LOGIN_KEY_FILE": str(key)}
    machine.run_here("database", "init").ended()
    return found


@pytest.fixture(params=["Flask", "FastAPI"])
def app(request: pytest.FixtureRequest, machine: Machine, shared: Database | None) -> Iterator[WebApp]:
    """The page's app, started by the page's command, at a `demo serve`."""
    ((code,), (command,)) = blocks(request.param, "python"), blocks(request.param, "sh")
    (machine.home / "app.py").write_text(code, encoding="utf-8")
    port = free_port()
    words = shlex.split(command.replace("8000", str(port)))
    with demo_serving(machine):
        app = WebApp(machine, port, shared)
        variables = {"APP_SECRET": "secret of the test", "APP_REDIRECT_URI": f"{app.origin}/callback"}
        log = (machine.home / "log").open("w")
        with (
            log,
            subprocess.Popen(
                [sys.executable, "-m", *words],
                env=machine.environ() | variables,
                cwd=machine.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
            ) as running,
        ):
            try:
                wait_for(port, running, machine.home / "log")
                yield app
            finally:
                running.terminate()
    assert "Traceback" not in (machine.home / "log").read_text()


def wait_for(port: int, running: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        else:
            return


@pytest.fixture
def allowed_on_console() -> list[str]:
    return ["/favicon.ico"]


def log_in(chromium, email: str | None = None) -> None:
    chromium.wait_for_title("Log in")
    if email is not None:
        chromium.type("#email", email)
    chromium.press("Log in")


def decide(chromium, decision: str) -> None:
    chromium.wait_for_title("Allow access")
    chromium.press(decision)


def read_cookie(chromium, app: WebApp):
    (cookie,) = chromium.cdp("Network.getCookies", urls=[app.origin])["cookies"]
    return cookie


def test_a_person_signs_up_and_out_and_in_again_and_says_no(chromium, app, shared):
    chromium.open(app.origin)
    chromium.press(SIGN_UP)
    chromium.wait_for_title("Log in")
    before = read_cookie(chromium, app)
    log_in(chromium)
    decide(chromium, "Allow")
    chromium.wait_for_title("Home")
    assert ROW in chromium.text
    assert "Companies: Pretend" in chromium.text
    cookie = read_cookie(chromium, app)
    assert cookie["value"] != before["value"]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
    assert app.is_signed_in("11111")
    # Nobody became current; in a shared database the only account is meant.
    assert app.machine.run_here("token").code == (4 if shared is None else 0)

    chromium.press(SIGN_OUT)
    chromium.wait_for_title("Welcome")
    assert not app.is_signed_in("11111")
    chromium.open(f"{app.origin}/home")
    chromium.wait_for_title("Sign in")
    chromium.press(SIGN_IN)
    # Procore remembers who has logged in.
    decide(chromium, "Allow")
    chromium.wait_for_title("Home")
    assert ROW in chromium.text

    chromium.press(SIGN_OUT)
    chromium.press(SIGN_UP)
    decide(chromium, "Deny")
    chromium.wait_for_title("Not signed in")
    assert "You chose Deny. Nothing was saved." in chromium.text
    assert not app.is_signed_in("11111")
    assert [row[1:] for row in app.list_rows()] == [(11111, "joecontractor@procore.com")]


def test_markup_in_an_email_is_text(chromium, app):
    email = "<img/src=x/onerror=alert(1)>&amp;@example.com"
    chromium.open(app.origin)
    chromium.press(SIGN_UP)
    log_in(chromium, email)
    decide(chromium, "Allow")
    chromium.wait_for_title("Home")
    assert email in chromium.text
    assert chromium.elements("img") == 0


def test_a_callback_that_this_browser_did_not_begin_signs_nobody_in_or_out(chromium, app):
    chromium.open(app.origin)
    chromium.press(SIGN_UP)
    chromium.wait_for_title("Log in")
    link = chromium.url
    chromium.open(f"{app.origin}/callback?code=theirs&state=theirs")
    chromium.wait_for_title("Sign in again")
    assert not (app.machine.data / "demo.db").exists()
    # What this browser began goes on.
    chromium.open(link)
    log_in(chromium)
    decide(chromium, "Allow")
    chromium.wait_for_title("Home")
    chromium.open(f"{app.origin}/callback?code=theirs&state=theirs")
    chromium.wait_for_title("Sign in again")
    chromium.open(f"{app.origin}/home")
    chromium.wait_for_title("Home")


def test_the_pages_own_tests_pass(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(blocks("Flask", "python")[0], encoding="utf-8")
    (tmp_path / "test_theirs.py").write_text(blocks("In tests", "python")[0], encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROCORE_", "COV"))}
    options = ["-q", "-p", "procore_cli.testing", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "t")]
    variables = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_theirs.py"],
        cwd=tmp_path,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
