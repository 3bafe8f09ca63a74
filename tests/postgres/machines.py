"""Machines that share a database, and the key that opens its tokens."""

import base64
import secrets
from pathlib import Path

from tests.cli import Machine
from tests.provider import Provider


def new_machine(home: Path, url: str, provider: Provider) -> Machine:
    """A machine that has never been used, pointed at a provider and a database, with a key of its own."""
    machine = Machine(home, {"PROCORE_LOGIN_DB": url})
    machine.point_at(provider)
    machine.variables["PROCORE_LOGIN_KEY_FILE"] = str(new_key_file(home / "key"))
    return machine


def new_key_file(path: Path, *others: str) -> Path:
    """A file with a new key, the first one, and with others."""
    path.write_text("\n".join([base64.b64encode(secrets.token_bytes(32)).decode(), *others]))
    path.chmod(0o600)
    return path
