"""Which keyring is taken where others are installed too: the platform's, or the one that the user names.

keyrings.alt is among the tests' requirements for these; without it they could not fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import keyring.backend
import keyring.core
import pytest

from procore_cli.storage import keyring as keyrings
from procore_cli.storage.keyring import Keyring
from tests.cli import ROOT, Machine, Result, browser
from tests.provider import Provider

SIGN_UP = ("signup", "--json", "--browser", browser("--just-open"))
PLAINTEXT = "keyrings.alt.file.PlaintextKeyring"
NULL = "keyring.backends.null.Keyring"
FAIL = "keyring.backends.fail.Keyring"
CHAINER = "keyring.backends.chainer.ChainerBackend"


@pytest.fixture
def no_platform_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """This system's own keyring is not there."""
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    monkeypatch.setitem(keyrings._PLATFORM_BACKENDS, sys.platform, (FAIL,))


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Nobody has named a keyring here."""
    machine.variables["PYTHON_KEYRING_BACKEND"] = ""
    return machine


# keyring takes keyrings.alt's where there is nothing else, and where there is a second one the chain of both.
QUESTION = """
import keyring, tests.memory_keyring
chain = keyring.get_keyring()
for found in (chain, *chain.backends):
    print(type(found).__module__, type(found).__name__, sep=".")
"""


def ask_keyring(machine: Machine) -> list[str]:
    """What the package keyring would take if it was asked, without a bus."""
    environ = {**machine.environ(), "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    del environ["PYTHON_KEYRING_BACKEND"]
    found = subprocess.run(
        [sys.executable, "-c", QUESTION], env=environ, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return found.stdout.split()


def files(machine: Machine) -> list[Path]:
    return [path for path in machine.home.rglob("*") if path.is_file()]


def assert_refused_before_the_browser(result: Result, provider: Provider, sign: str) -> None:
    assert (result.code, result.out) == (6, ""), result.err
    assert sign in result.err
    assert provider.requests == []


def test_keyrings_that_happen_to_be_installed_are_refused(
    machine: Machine, provider: Provider, no_platform_keyring: None
) -> None:
    taken, *others = ask_keyring(machine)
    assert taken == CHAINER
    assert PLAINTEXT in others or not sys.platform.startswith("linux")
    result = machine.run_here(*SIGN_UP)
    assert_refused_before_the_browser(result, provider, "There is no keyring here")
    assert "plaintext" not in result.err.casefold()
    assert files(machine) == []


@pytest.fixture(params=["variable", "keyringrc.cfg"])
def name_backend(request: pytest.FixtureRequest, machine: Machine) -> Callable[[str], None]:
    """Names a backend to keyring, in each of the two places."""

    def name(backend: str) -> None:
        if request.param == "variable":
            machine.variables["PYTHON_KEYRING_BACKEND"] = backend
            return
        with mock.patch.dict(os.environ, machine.environ(), clear=True):
            path = keyring.core._config_path()
        assert machine.home in path.parents
        path.parent.mkdir(parents=True)
        path.write_text(f"[backend]\ndefault-keyring = {backend}\n")

    return name


def test_a_plaintext_keyring_that_the_user_names_is_used(
    machine: Machine, name_backend: Callable[[str], None]
) -> None:
    name_backend(PLAINTEXT)
    runs = [machine.run_here(*arguments) for arguments in (SIGN_UP, ["whoami"], ["refresh"], ["token"])]
    assert [run.code for run in runs] == [0] * 4, [run.err for run in runs]
    kept = [path.name for path in files(machine) if path.name.startswith("keyring_pass")]
    assert kept == ["keyring_pass.cfg"]


@pytest.mark.parametrize(
    ("backend", "sign"),
    [(NULL, "did not keep what was written"), (FAIL, f"keyring is configured to use {FAIL}")],
)
def test_a_useless_keyring_that_the_user_names_is_found_out_before_the_browser(
    machine: Machine, provider: Provider, backend: str, sign: str, name_backend: Callable[[str], None]
) -> None:
    name_backend(backend)
    result = machine.run_here(*SIGN_UP)
    assert_refused_before_the_browser(result, provider, sign)
    # It is traced to the setting that names it.
    named = machine.variables["PYTHON_KEYRING_BACKEND"] == FAIL
    assert ("Hint: Correct or remove PYTHON_KEYRING_BACKEND; or " in result.err) is named
    assert machine.run_here("whoami").code == 4


@pytest.mark.parametrize("named", ["", "tests.memory_keyring.MemoryKeyring"])
def test_keyrings_slow_discovery_is_never_run(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    asked: list[str] = []
    slow = [
        (keyring.backend.metadata, "entry_points"),
        (keyring.backend, "get_all_keyring"),
        (keyring.core, "init_backend"),
        (keyring.core, "get_keyring"),
    ]
    for owner, name in slow:
        monkeypatch.setattr(owner, name, lambda *_, name=name, **__: asked.append(name) or [])
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", named)
    usable = ("no.such.Keyring", FAIL, "tests.memory_keyring.MemoryKeyring")
    monkeypatch.setitem(keyrings._PLATFORM_BACKENDS, sys.platform, usable)
    assert Keyring().find_backend_name() == "tests.memory_keyring.MemoryKeyring"
    assert asked == []


def test_without_a_home_folder_there_is_no_keyringrc_and_the_platforms_keyring_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("PYTHON_KEYRING_BACKEND")
    monkeypatch.setattr(keyring.core, "load_config", fail)
    monkeypatch.setitem(
        keyrings._PLATFORM_BACKENDS, sys.platform, (FAIL, "tests.memory_keyring.MemoryKeyring")
    )

    assert Keyring().find_backend_name() == "tests.memory_keyring.MemoryKeyring"
