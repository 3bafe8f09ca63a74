"""How long a sign-in takes to end; never how long one takes to start."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from types import TracebackType
from urllib.parse import urlsplit

import pytest

from procore_cli.callback import receiver
from tests import terminal as terminal_module
from tests.cli import Machine, browser, command
from tests.provider import Provider, Request, flat
from tests.stub_browser import Browser, Page
from tests.terminal import Terminal

PATIENCE_S = 60
# Of a wait of five minutes; not less, for all that else the machine does.
AT_ONCE_S = 5
# A terminal turns Ctrl-C into a signal for those alone whose controlling terminal it is.
TAKE_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
BECOME_COMMAND = "os.execv(sys.argv[1], sys.argv[1:])"


class Waiting:
    """A `signup` that has shown its `link` and waits; `code` and `err` are known after `seconds_to_end`."""

    def __init__(self, machine: Machine, *options: str) -> None:
        self._process = machine.start("signup", "--json", "--no-browser", *options)
        self.link = ""
        self.err = ""

    def __enter__(self) -> Waiting:
        assert self._process.stderr is not None
        self.link = next((line.strip() for line in self._process.stderr if "/oauth/authorize?" in line), "")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    @property
    def code(self) -> int | None:
        return self._process.returncode

    def press_ctrl_c(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def press_ctrl_c_again_and_again(self) -> None:
        """Until the process ends: of two that come at once it may see one."""
        while self._process.poll() is None:
            self.press_ctrl_c()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)

    def seconds_to_end(self) -> float:
        """Wait for the end; returns how long that took."""
        began = time.monotonic()
        self._process.wait(PATIENCE_S)
        took_s = time.monotonic() - began
        assert self._process.stderr is not None
        self.err = self._process.stderr.read()
        return took_s


def after_consent(provider: Provider, link: str) -> str:
    """The address that the provider sends a browser to."""
    asked = Request("GET", "/oauth/authorize", flat(urlsplit(link).query), {}, None)
    return provider.answer(asked).headers["Location"]


def stall(arrived: threading.Event, go_on: threading.Event) -> None:
    """A Procore that takes its time, and then behaves."""
    arrived.set()
    assert go_on.wait(PATIENCE_S)


@contextmanager
def ask(port: int, target: str, headers: Mapping[str, str] | None = None) -> Iterator[HTTPConnection]:
    """A tab that has sent its request and not yet read the answer."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as tab:
        tab.request("GET", target, headers=headers or {})
        yield tab


def is_home(page: Page) -> bool:
    return urlsplit(page.url).path == "/home" and "joecontractor@procore.com" in page.text


def test_ctrl_c_ends_the_wait_at_once_and_the_next_sign_in_has_the_port(machine: Machine) -> None:
    with Waiting(machine) as stopped:
        stopped.press_ctrl_c()
        took_s = stopped.seconds_to_end()
    with Waiting(machine) as next_one:
        home = Browser().open(next_one.link)
        next_one.seconds_to_end()

    assert took_s < AT_ONCE_S
    assert stopped.code == 130
    assert "Traceback" not in stopped.err
    assert next_one.code == 0
    assert is_home(home)


def test_ctrl_c_typed_while_a_paste_is_possible_ends_the_wait_at_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    led = [sys.executable, "-c", TAKE_TERMINAL + BECOME_COMMAND, *command()]
    monkeypatch.setattr(terminal_module, "command", lambda: led)
    with Terminal(machine, "signup", "--paste") as terminal:
        terminal.read_until("paste the address")
        began = time.monotonic()
        terminal.type("\x03")
        code = terminal.finish()
        took_s = time.monotonic() - began

    assert code == 130
    assert took_s < AT_ONCE_S
    assert "Stopped." in terminal.drawn


def test_a_second_ctrl_c_during_the_exchange_ends_it_at_once_and_tells_the_tab(
    machine: Machine, provider: Provider
) -> None:
    arrived, go_on = threading.Event(), threading.Event()
    provider.script["/oauth/token"] = lambda _: stall(arrived, go_on)
    with Waiting(machine) as process, ThreadPoolExecutor(1) as pool:
        tab = pool.submit(Browser().open, process.link)
        assert arrived.wait(PATIENCE_S)
        began = time.monotonic()
        process.press_ctrl_c_again_and_again()
        process.seconds_to_end()
        took_s = time.monotonic() - began
        go_on.set()
        page = tab.result(PATIENCE_S)

    assert process.code == 130
    assert took_s < AT_ONCE_S
    assert "The terminal stopped waiting" in page.text


def test_a_timeout_of_a_second_takes_a_second_and_is_named(machine: Machine, provider: Provider) -> None:
    began = time.monotonic()
    result = machine.run_here("signup", "--no-browser", "--timeout", "1")
    took_s = time.monotonic() - began

    assert result.code == 4
    assert 1 <= took_s < PATIENCE_S
    assert "within 1 s" in result.err
    assert provider.requests == []


def test_once_home_has_been_served_nothing_is_waited_for_and_the_port_is_free(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "HOME_TIMEOUT_S", PATIENCE_S)
    began = time.monotonic()

    codes = [machine.run_here("signup", "--browser", browser("--just-open")).code for _ in range(2)]

    assert codes == [0, 0]
    assert time.monotonic() - began < PATIENCE_S


def test_a_browser_that_never_asks_for_home_costs_two_seconds(machine: Machine) -> None:
    began = time.monotonic()
    result = machine.run_here("signup", "--browser", browser("--just-open", "--stay-away-from-home"))
    took_s = time.monotonic() - began

    assert result.code == 0, result.err
    assert receiver.HOME_TIMEOUT_S == 2
    assert 2 <= took_s < PATIENCE_S


def test_a_slow_exchange_keeps_both_tabs_and_is_not_repeated(machine: Machine, provider: Provider) -> None:
    arrived, go_on = threading.Event(), threading.Event()
    provider.script["/oauth/token"] = lambda _: stall(arrived, go_on)
    with Waiting(machine) as process:
        callback = after_consent(provider, process.link).partition(str(machine.port))[2]
        with ask(machine.port, callback) as first:
            assert arrived.wait(PATIENCE_S)
            with ask(machine.port, callback) as second:
                go_on.set()
                answers = [tab.getresponse() for tab in (first, second)]
        cookie = answers[1].headers["Set-Cookie"].partition(";")[0]
        with ask(machine.port, "/home", {"Cookie": cookie}) as tab:
            home = tab.getresponse().read().decode()
        process.seconds_to_end()

    assert [(answer.status, answer.headers["Location"]) for answer in answers] == [(303, "/home")] * 2
    assert "joecontractor@procore.com" in home
    assert process.code == 0
    assert provider.count("/oauth/token") == 1
