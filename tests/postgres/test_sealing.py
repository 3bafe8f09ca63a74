"""Keys, and what they seal: tokens can be opened in the row that they were sealed for, and nowhere else."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from procore_cli.config.shared_database import SharedDatabase
from procore_cli.errors import ConfigurationError, DatabaseError
from procore_cli.models import Me
from procore_cli.storage.postgres.parameters import load_psycopg
from procore_cli.storage.postgres.sealing import read_keys
from tests.hearing import hearing
from tests.postgres.conftest import Database
from tests.postgres.scene import Scene, new_key
from tests.store.store_world import JOE, SECOND

pytestmark = pytest.mark.postgres
RAW = bytes(range(0xE0, 0x100))
STANDARD = base64.b64encode(RAW).decode()


@pytest.fixture
def scene(database: Database, own_world: Path) -> Scene:
    return Scene(database.server, database.name, database.url, own_world / "procore-login").prepare()


def shared(key: str | None = None, file: object = None) -> SharedDatabase:
    return SharedDatabase("postgresql://app:hush@db/fleet", key, None if file is None else str(file))


@pytest.mark.parametrize(
    "text",
    [STANDARD, STANDARD.rstrip("="), STANDARD.translate(str.maketrans("+/", "-_")), f"\n {STANDARD}\n"],
)
def test_a_key_is_taken_in_each_form_of_base64_from_a_text_or_a_file(text: str, tmp_path: Path):
    (tmp_path / "key").write_text(text, "utf-8")
    (tmp_path / "key").chmod(0o440)
    plain = read_keys(shared(STANDARD))
    sealed, key_id = plain.seal("text", b"about")
    with hearing() as said:
        for keys in (read_keys(shared(text)), read_keys(shared(file=tmp_path / "key"))):
            assert keys.open(sealed, key_id, b"about", "joe") == "text"
    assert said == []
    assert RAW not in sealed
    assert key_id.isascii()
    assert len(key_id) == 16
    assert bytes.fromhex(key_id) not in RAW


@pytest.mark.parametrize(
    "text",
    ["", "short", STANDARD[:-4], STANDARD + "AAAA", "é" * 44, f"{STANDARD} {STANDARD[:-8]}", "\0" * 44],
)
def test_a_key_that_is_none_is_told_without_being_shown(text: str, tmp_path: Path):
    (tmp_path / "key").write_text(text, "utf-8")
    for named in (shared(text), shared(file=tmp_path / "key")):
        with pytest.raises(ConfigurationError) as failure:
            read_keys(named)
        assert "openssl rand -base64 32" in failure.value.hint
        for word in text.split():
            assert word not in f"{failure.value} {failure.value.hint}"


@pytest.mark.parametrize("case", ["none", "missing", "a folder", "large"])
def test_a_file_that_cannot_be_a_key_is_named(case: str, tmp_path: Path):
    path = tmp_path / "key"
    if case == "a folder":
        path.mkdir()
    if case == "large":
        path.write_text("A" * 70_000, "utf-8")
    with pytest.raises(ConfigurationError) as failure:
        read_keys(shared(file=None if case == "none" else path))
    assert "hush" not in str(failure.value)
    assert ("There is no key" if case == "none" else str(path)) in failure.value.message


@pytest.mark.parametrize("key", [STANDARD, STANDARD.rstrip("="), f"//{STANDARD[2:]}"])
def test_a_key_in_the_place_of_its_files_path_is_not_shown(key: str):
    with pytest.raises(ConfigurationError, match="holds a key, not the path") as failure:
        read_keys(shared(file=key))
    assert key[2:40] not in f"{failure.value} {failure.value.hint}"


def test_a_path_that_could_be_a_key_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    name = "k" * 43
    Path(name).write_text(STANDARD, "utf-8")
    Path(name).chmod(0o600)
    assert read_keys(shared(file=name)).ids == read_keys(shared(STANDARD)).ids


def test_a_key_that_others_may_read_is_warned_of(tmp_path: Path):
    path = tmp_path / "key"
    path.write_text(STANDARD, "utf-8")
    path.chmod(0o644)
    with hearing() as said:
        read_keys(shared(file=path))
    assert said == [f"The key file {path} is open to other users (mode 0644)."]


@pytest.mark.parametrize("missing", ["cryptography.hazmat.primitives.ciphers.aead", "psycopg"])
def test_a_missing_package_is_told_with_what_installs_it(scene: Scene, missing: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, missing, None)
        with pytest.raises(ConfigurationError) as failure:
            scene.run().prove()
    assert "`pip install '.[postgres]'`" in failure.value.hint


def test_a_psycopg_without_libpq_is_told_with_what_installs_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "psycopg.py").write_text("raise ImportError('no pq wrapper available')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "psycopg")
    with pytest.raises(ConfigurationError, match="libpq") as failure:
        load_psycopg()
    assert "`apt install libpq5`" in failure.value.hint


def test_a_key_is_rotated_by_a_new_one_before_it(scene: Scene):
    joe = scene.sign_in()
    both = scene.with_key(f"{new_key(2)} {new_key(1)}")
    held = both.load(joe)
    both.run().claim(joe, held, "asked").save(both.new_tokens(2))  # type: ignore[union-attr]
    assert scene.with_key(new_key(2)).load(joe).tokens.access_token == "access-2"
    # The machines that have the old one alone say what they miss.
    with pytest.raises(
        DatabaseError, match=r"of joecontractor@procore\.com in production .* not here \(its id is"
    ):
        scene.load(joe)
    assert both.run().web_key.list()[1] == scene.run().web_key.load()


def test_a_sign_in_and_a_sign_out_need_no_former_key(scene: Scene):
    joe = scene.sign_in()
    other = scene.with_key(new_key(3))
    left = other.run().sign_out(joe)
    assert (left.tokens, left.was_live, left.unread is not None) == (None, True, True)
    scene.sign_in()
    with hearing() as said:
        assert other.run().save_signin(other.new_tokens(2), JOE).former is None
    assert "The former tokens could not be read, so they will not be revoked" in said[0]
    assert other.load(joe).tokens.access_token == "access-2"


# What somebody with the table in hand may try: none of it opens.
@pytest.mark.parametrize(
    "change",
    [
        "sealed = (SELECT sealed FROM procore_login_accounts WHERE procore_id = 22222)",
        "generation = 2",
        "client_id = 'another-app'",
        "sealed = set_byte(sealed, 0, get_byte(sealed, 0) # 1)",
        "sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)",
        "sealed = ''",
        "key_id = NULL",
        "key_id = repeat('k', 2000000)",
        "environment = 'sandbox'",
        "procore_id = 33333",
        "company = 77",
    ],
)
def test_what_was_sealed_for_another_row_or_another_state_of_it_is_refused(scene: Scene, change: str):
    scene.sign_in()
    scene.sign_in(2, SECOND)
    scene.sign_in(3, Me(33333, "third@example.com", None))
    scene.sql("DELETE FROM procore_login_accounts WHERE procore_id = 33333")
    scene.sql(f"UPDATE procore_login_accounts SET {change} WHERE procore_id = 11111")
    stores = [scene.run()]
    stores[0].environment = "sandbox" if "environment" in change else "production"
    who = [each.account for each in stores[0].list_known() if each.account.user.procore_id != 22222]
    with pytest.raises(DatabaseError, match="are damaged, or were sealed for another row"):
        stores[0].load(who[0])


def test_a_dump_holds_no_token(scene: Scene):
    scene.sign_in()
    scene.sign_in(2, JOE, 77)
    dump = str(scene.sql("SELECT t::text FROM procore_login_accounts t"))
    hexed = [b"access-1".hex(), b"refresh-2".hex()]
    assert not [word for word in ("access-", "refresh-1", *hexed) if word in dump]
