"""The wing put together as a command gets it, in one process and in two."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from procore_cli.storage.files import SecretFiles
from procore_cli.storage.keyring import Keyring
from procore_cli.storage.opening import Storage
from tests.store.store_world import JOE, NOW, new_tokens, run_sql

ROOT = Path(__file__).parents[2]


def test_opening_touches_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    Storage(tmp_path / "home", "production", "file")
    assert list(tmp_path.glob("home*/*")) == []
    assert said == []


def test_the_database_of_an_environment_lies_in_the_data_folder(tmp_path: Path) -> None:
    said: list[str] = []
    home = tmp_path / "data"
    storage = Storage(home, "sandbox", "file", clock=lambda: NOW)
    storage.tokens.save_signin(new_tokens(1), JOE)
    storage.client_secrets.save("client-id", "https://login-sandbox.procore.com", "secret")
    assert sorted(path.name for path in home.iterdir()) == ["locks", "sandbox.db", "secrets"]
    assert [path.stat().st_mode & 0o77 for path in home.rglob("*")] == [0] * len(list(home.rglob("*")))
    assert said == []


def test_another_database_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    run_sql(path, "CREATE TABLE users (id INTEGER PRIMARY KEY, procore_id INTEGER, email varchar(255))")
    path.chmod(0o644)
    storage = Storage(tmp_path / "data", "production", "file", database=path)
    storage.tokens.save_signin(new_tokens(1), JOE)
    assert path.stat().st_mode & 0o777 == 0o644
    assert run_sql(path, "SELECT id, procore_id, email FROM users") == [(1, 11111, JOE.login)]


def test_each_store_is_made_once_and_only_when_it_is_asked_for(tmp_path: Path) -> None:
    stores = Storage(tmp_path, "production", "file").stores
    assert stores("file") is stores("file")
    assert isinstance(stores("file"), SecretFiles)
    assert isinstance(stores("keyring"), Keyring)


PROGRAM = """
import sys
from pathlib import Path
from procore_cli.storage.files import SecretFiles
from procore_cli.storage.keyring import Keyring
from procore_cli.storage.opening import Storage
from tests.store.store_world import JOE, new_tokens

storage = Storage(Path(sys.argv[1]), "production", "keyring")
vault = storage.tokens
if sys.argv[2] == "save":
    vault.prove()
    vault.save_signin(new_tokens(1), JOE)
else:
    assert vault.load(storage.accounts.find_account()).tokens == new_tokens(1)
"""


def test_a_keyring_is_shared_by_processes(tmp_path: Path) -> None:
    variables = {
        **os.environ,
        "PYTHON_KEYRING_BACKEND": "tests.memory_keyring.FolderKeyring",
        "TEST_KEYRING_FOLDER": str(tmp_path / "keyring"),
        "PYTHONPATH": str(ROOT),
    }
    for word in ("save", "load"):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "data"), word]
        subprocess.run(command, env=variables, check=True, cwd=tmp_path)
    (entry,) = (tmp_path / "keyring").iterdir()
    assert entry.read_text().startswith("procore-login/production/")
