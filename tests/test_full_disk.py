"""A disk that fills up during a refresh: what was renewed is kept, and the program says what to do."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Machine
from tests.provider import JOE, Provider
from tests.signed_in import assert_ended, last_token, refreshes, save_tokens, saying


@dataclass
class Disk:
    """Where a test says that it is full, no file can be begun and none gets longer (ENOSPC)."""

    is_full: bool = False


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk, real = Disk(), os.open

    def open_on_it(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if disk.is_full and flags & os.O_CREAT and not Path(path).exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", open_on_it)
    return disk


@pytest.fixture
def machine(machine: Machine, provider: Provider) -> Machine:
    """Joe is signed in, over files."""
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    save_tokens(provider, machine, JOE, store="file")
    return machine


def test_new_tokens_have_their_place_before_they_come(
    machine: Machine, provider: Provider, disk: Disk
) -> None:
    provider.script["/oauth/token"] = lambda _: setattr(disk, "is_full", True)
    refreshed = machine.run_here("refresh", "--json")
    disk.is_full = False
    assert_ended(refreshed)
    assert machine.run_here("token").out.strip() == last_token(provider)
    assert refreshes(provider) == 1
    assert len(list((machine.data / "secrets").iterdir())) == 1


def test_a_place_that_is_not_needed_is_given_back(machine: Machine, provider: Provider) -> None:
    def secrets() -> int:
        return len(list((machine.data / "secrets").iterdir()))

    # A token set of two parts.
    provider.script["/oauth/token"] = saying(provider, access_token="hush-access-" + "x" * 1400)
    assert machine.run_here("refresh").code == 0
    assert secrets() == 2
    provider.script.clear()
    assert machine.run_here("refresh").code == 0
    assert secrets() == 1


def test_without_a_place_for_new_tokens_nothing_is_sent(
    machine: Machine, provider: Provider, disk: Disk
) -> None:
    disk.is_full = True
    refused = machine.run_here("refresh")
    disk.is_full = False
    assert_ended(refused, 6)
    assert "cannot be written: the disk is full." in refused.err
    assert "Make room on it, then try again." in refused.err
    assert refreshes(provider) == 0
    assert machine.run_here("refresh").code == 0


def test_what_is_written_and_cannot_be_listed_needs_room_and_no_sign_in(
    machine: Machine, provider: Provider
) -> None:
    # SQLite writes by itself: a folder in the place of its journal is what keeps it from that here.
    journal = machine.data / "production.db-journal"
    provider.script["/oauth/token"] = lambda _: journal.mkdir()
    failed = machine.run_here("refresh")
    journal.rmdir()
    provider.script.clear()
    printed = machine.run_here("token")
    assert_ended(failed, 6)
    assert "production.db" in failed.err
    assert "sign" not in failed.err.split("Error:")[1]
    assert printed.out.strip() == last_token(provider)
    assert refreshes(provider) == 1
