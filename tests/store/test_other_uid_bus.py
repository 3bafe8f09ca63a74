"""A session bus that somebody else has put where the user's own would be: never asked, whatever it offers.

Refuses to pretend the other user: the socket is really theirs, which takes root.
"""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from procore_cli.storage import keyring
from tests.cli import Machine, browser
from tests.provider import Provider
from tests.store.gnome_stand import opening_desktop

pytestmark = pytest.mark.other_uid

SOMEBODY = 4711


def test_a_bus_of_another_users_is_not_asked(tmp_path: Path, provider: Provider) -> None:
    place = tmp_path / "run" / str(os.getuid())
    place.mkdir(parents=True)
    with opening_desktop(tmp_path / "desktop", socket_path=place / "bus") as desktop:
        desktop.start_keyring()
        os.chown(place / "bus", SOMEBODY, SOMEBODY)
        machine = Machine(tmp_path / "machine", {"PYTHON_KEYRING_BACKEND": ""})
        machine.point_at(provider)

        with mock.patch.object(keyring.use_own_bus, "__defaults__", (place.parent,)):
            refused = machine.run_here("signup", "--browser", browser("--just-open"))
        os.chown(place / "bus", os.getuid(), os.getgid())
        with mock.patch.object(keyring.use_own_bus, "__defaults__", (place.parent,)):
            signed_up = machine.run_here("signup", "--browser", browser("--just-open"))

    assert (refused.code, signed_up.code) == (6, 0), refused.err + signed_up.err
    assert "There is no keyring here" in refused.err
