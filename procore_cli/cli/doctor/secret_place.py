"""Where tokens are kept: which keyring, whether it is locked, and whether it keeps what it is given."""

from __future__ import annotations

from collections.abc import Iterator

from procore_cli.cli.doctor.case import Case
from procore_cli.cli.doctor.check import Check, failed, fine, unchecked, warning
from procore_cli.cli.doctor.database_file import WRITING
from procore_cli.cli.doctor.in_force import DATA_FOLDER
from procore_cli.errors import BusyError, DatabaseError, StorageError

_NAME = "keyring"
_PROOF = "keyring proof"


def check_keyring(case: Case) -> Iterator[Check]:
    """The backend in use, and its lock."""
    if "PROCORE_LOGIN_STORE" in case.in_force.faults:
        case.broken.add(_NAME)
        yield unchecked(_NAME, "PROCORE_LOGIN_STORE names no store")
        return
    if "config" in case.in_force.faults and case.settings.sources["store"] == "default":
        case.broken.add(_NAME)
        yield unchecked(_NAME, "config.toml, which may name the store, cannot be read")
        return
    if case.settings.store == "file" and DATA_FOLDER in case.in_force.faults:
        yield unchecked(_NAME, "there is no data folder, in whose files tokens are kept")
        return
    if case.settings.store == "file":
        yield _check_files(case)
        return
    from procore_cli.storage import keyring

    try:
        backend = keyring.Keyring(case.teller.say).find_backend_name()
        locked = keyring.find_lock_state(backend)
    except StorageError as error:
        case.broken.add(_NAME)
        yield failed(_NAME, error)
        return
    named = "PYTHON_KEYRING_BACKEND names" if case.environ.get("PYTHON_KEYRING_BACKEND") else "in use:"
    states = {None: "", True: "; it is locked now, and asks to be unlocked", False: "; unlocked"}
    yield fine(_NAME, f"{named} {backend}{states[locked]}")


def check_proof(case: Case) -> Iterator[Check]:
    """A value as large as a token set, written, read back and deleted, as before a sign-in."""
    for needed in ("data folder", "database", WRITING, _NAME):
        if needed in case.broken:
            words = "database cannot be written" if needed == WRITING else f"{needed} cannot be used"
            yield unchecked(_PROOF, f"the {words}")
            return
    try:
        case.storage.vault.prove()
    except BusyError as error:
        yield warning(_PROOF, error.message, error.hint)
    except StorageError as error:
        case.broken.add("database" if isinstance(error, DatabaseError) else _NAME)
        yield failed(_PROOF, error)
    else:
        yield fine(_PROOF, "a value as large as a token set was written, read back and deleted")


def _check_files(case: Case) -> Check:
    source = case.settings.sources["store"]
    where = case.settings.folder / "secrets"
    return fine(_NAME, f"not used: tokens are kept in files that only you can read, in {where} ({source})")
