"""Which program runs here, in which Python, and on what."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import procore_cli
from procore_cli.cli.doctor.case import Case
from procore_cli.cli.doctor.check import Check, fine


def check_version(_case: Case) -> Iterator[Check]:
    """The versions, and where the program is installed."""
    place = Path(procore_cli.__file__).parent
    yield fine(
        "version",
        f"procore-login {procore_cli.__version__} in {place}; Python {platform.python_version()}"
        f" ({sys.executable}); {platform.system()} {platform.release()} {platform.machine()}",
    )
