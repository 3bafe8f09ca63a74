"""How long a sign-in takes to end; never how long one takes to start."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from procore_cli.callback import receiver
from tests import terminal as terminal_module
from tests.children import TAKE_TERMINAL
from tests.cli import PATIENCE_S, browser, command
from tests.hostile.waiting import start_sign_in
from tests.stub_browser import Browser
from tests.terminal import Terminal

# Of a wait of five minutes; not less, for all that else the machine does.
AT_ONCE_S = 5


def test_ctrl_c_typed_while_a_paste_is_possible_ends_the_wait_at_once(machine, monkeypatch):
    led = [sys.executable, "-c", TAKE_TERMINAL, *command()]
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


def test_a_second_ctrl_c_during_the_exchange_ends_it_at_once_and_tells_the_tab(machine, provider):
    arrived, go_on = threading.Event(), threading.Event()
    provider.script["/oauth/token"] = lambda _: arrived.set() or (go_on.wait(PATIENCE_S) and None)
    sign_in = start_sign_in(machine, provider)
    with sign_in.process as process, ThreadPoolExecutor(1) as pool:
        tab = pool.submit(Browser().open, sign_in.link)
        assert arrived.wait(PATIENCE_S)
        began = time.monotonic()
        # Until it ends: of two that come at once it may see one.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        took_s = time.monotonic() - began
        go_on.set()
        page = tab.result(PATIENCE_S)
    assert process.returncode == 130
    assert took_s < AT_ONCE_S
    assert "The terminal stopped waiting" in page.text


def test_once_home_has_been_served_nothing_is_waited_for_and_the_port_is_free(machine, monkeypatch):
    monkeypatch.setattr(receiver, "HOME_TIMEOUT_S", PATIENCE_S)
    began = time.monotonic()
    codes = [machine.run_here("signup", "--browser", browser("--just-open")).code for _ in range(2)]
    assert codes == [0, 0]
    assert time.monotonic() - began < PATIENCE_S
