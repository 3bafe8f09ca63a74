"""`config.toml`: what is read, what is refused, and what is kept when it is written."""

from pathlib import Path

import pytest

from procore_cli.config.config_file import (
    APP_KEYS,
    AppConfig,
    Config,
    Edits,
    load_config,
    new_text,
    save_text,
)
from procore_cli.errors import BrokenConfigError, DataFolderError, UnknownEnvironmentError
from tests.hearing import hearing


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def save_values(folder: Path, edits: Edits) -> None:
    save_text(folder, new_text(folder, edits))


def edits(name: str, **values: str | int | None) -> Edits:
    of_app = ("environments", name)
    return {(*of_app, key) if key in APP_KEYS else (key,): value for key, value in values.items()}


def test_every_setting_is_read_and_unknown_keys_are_named(data_folder):
    assert load_config(data_folder) == Config()
    write(
        data_folder,
        'environment = "sandbox"\nstore = "file"\ncolour = "blue"\n[environments.mars]\nclient_id = "x"\n'
        '[environments.sandbox]\nclient_id = "id"\nredirect_uri = "http://localhost:9/x"\ncompany = 7\n'
        "shade = 1\n",
    )
    config = load_config(data_folder)
    assert (config.environment, config.store) == ("sandbox", "file")
    assert config.app("sandbox") == AppConfig("id", "http://localhost:9/x", 7)
    assert config.app("production") == AppConfig()
    assert config.unknown == ("colour", "environments.mars", "environments.sandbox.shade")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("client_id = = 1", "config.toml, line 1, column 13"),
        ('x = "a"\ny = [1,', "config.toml, at its end"),
        ("[environments]\nsandbox = 3\n", "environments.sandbox"),
        ('[environments.sandbox]\ncompany = "7"\n', "environments.sandbox.company"),
        ("[environments.sandbox]\ncompany = true\n", "environments.sandbox.company"),
        ("[environments.sandbox]\nclient_id = 5\n", "environments.sandbox.client_id"),
        ("environment = 1", "environment"),
        ('store = "cloud"', "store"),
        ("x = " + "[" * 100_000, "cannot be read: it is nested too deep"),
        ("x = " + "9" * 5_000, "cannot be read: a number in it has too many digits"),
        ("[environments.sandbox]\ncompany = 0x" + "f" * 5_000, "sandbox.company is not the id"),
        ("[environments.sandbox]\ncompany = -7", "sandbox.company is not the id"),
        ('[environments.sandbox]\nclient_id = "a b"', "sandbox.client_id holds a space"),
        ('[environments.sandbox]\nclient_id = "a\\n"', "sandbox.client_id holds a space"),
        ("x\0 = 1", "config.toml, line 1, column 2"),
        ("x = 1\ry = 2", "config.toml, line 1, column 6"),
        ('x = "\\ud800"', "config.toml, line 1"),
        ("a = 1\na = 2\n", "config.toml, line 2"),
        ("\r", "config.toml, line 1"),
        ('environment = "\udcff"', "not UTF-8"),
        ('store = "postgresql://joe:hush@db.example/x?password=hush"', 'store is "db.example/x"'),
    ],
)
def test_a_broken_file_is_named_with_the_place_and_left_untouched(data_folder, text, place):
    raw = text.encode(errors="surrogateescape")
    path = write(data_folder, "")
    path.write_bytes(raw)
    with pytest.raises(BrokenConfigError) as caught:
        load_config(data_folder)
    with pytest.raises(BrokenConfigError):
        save_values(data_folder, edits("sandbox", client_id="new"))
    assert place in caught.value.message
    assert "hush" not in caught.value.message
    assert caught.value.exit_code == 3
    assert path.read_bytes() == raw


def test_an_unknown_default_environment_exits_2_and_suggests_the_nearest(data_folder):
    write(data_folder, 'environment = "sandbx"')
    with pytest.raises(UnknownEnvironmentError) as caught:
        load_config(data_folder)
    assert caught.value.exit_code == 2
    assert "Did you mean sandbox?" in caught.value.hint


def test_saving_keeps_comments_order_and_unknown_keys(data_folder):
    write(
        data_folder,
        '# mine\ncolour = "blue"\n\n[environments.sandbox]\n# the app\nclient_id = "old"\nshade = 1\n',
    )
    save_values(data_folder, edits("sandbox", client_id="new", company=7, environment="sandbox"))
    save_values(data_folder, edits("federal", redirect_uri="http://localhost:9/", store="file"))
    text = (data_folder / "config.toml").read_text()
    assert text.startswith('# mine\ncolour = "blue"\n')
    assert '# the app\nclient_id = "new"\nshade = 1\ncompany = 7\n' in text
    config = load_config(data_folder)
    assert (config.environment, config.store) == ("sandbox", "file")
    assert config.app("federal") == AppConfig(redirect_uri="http://localhost:9/")


def test_a_mode_that_is_too_open_is_tightened_and_reported_and_a_link_is_refused(data_folder, tmp_path):
    path = write(data_folder, "", mode=0o644)
    with hearing() as said:
        load_config(data_folder)
    assert path.stat().st_mode & 0o777 == 0o600
    (line,) = said
    assert "644" in line
    path.rename(tmp_path / "elsewhere.toml")
    path.symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(DataFolderError):
        load_config(data_folder)


NASTY = {
    "nothing": "",
    "a comment alone": "# only a comment",
    "a byte order mark": '\ufeffstore = "file"\n',
    "CRLF": '# hi\r\nstore = "file"\r\n\r\n[environments.production]\r\nclient_id = "x"\r\n',
    "no line end at the end": '[environments.production]\nclient_id = "x"',
    "an inline table": 'environments = {production = {client_id="x"}}\n',
    "an inline table of another": 'environments = {sandbox = {client_id="x"}} # c\n',
    "an inline table in a table": '[environments]\nproduction = {client_id="x"}\n',
    "dotted keys": 'environments.production.client_id = "x" # mine\nfoo = 1\n',
    "dotted keys in a table": '[environments]\nproduction.client_id = "x" # mine\n\n[foo]\na = 1\n',
    "arrays": "xs = [1,\n 2, # two\n]\n[[aot]]\na = 1\n[[aot]]\na = 2\n",
    "tables out of order": '[environments.production]\nclient_id = "x"\n[mine]\n[environments.sandbox]\n',
    "a table's own comments": "[environments]\n# all\n[environments.production]\ncompany = 1 # a\n# b\n[z]\n",
    "other values": "x = inf\ny = 1.10\nd = 1979-05-27T07:32:00Z\n",
    "an empty table": "[environments.production]\n",
    "an empty table above ours": '[environments.production]\nclient_id = "x"\n[environments]\n# all\n',
    "quoted keys": '["environments"."production"]\n"client_id" = \'x\'\n',
    "a table below ours": "[environments.production.deep]\na = 1\n",
    "strings of many lines": 'a = """\n[environments.production]\nclient_id = "no"\n"""\n',
}
NEW = edits("production", client_id="new", company=7, store="keyring", environment="sandbox")
GONE = dict.fromkeys(["client_id", "company", "redirect_uri", "store", "environment"])


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_whatever_the_file_looks_like_a_change_changes_nothing_else(data_folder, text):
    path = write(data_folder, "")
    path.write_bytes(text.encode())
    before = load_config(data_folder)
    save_values(data_folder, NEW)
    changed, set_to = path.read_bytes(), load_config(data_folder)
    save_values(data_folder, NEW)
    assert path.read_bytes() == changed
    save_values(data_folder, edits("production", **GONE))
    removed = load_config(data_folder)
    assert (set_to.environment, set_to.store) == ("sandbox", "keyring")
    assert set_to.app("production") == AppConfig("new", None, 7)
    assert removed.app("production") == AppConfig()
    assert (removed.environment, removed.store) == (None, None)
    for config in (set_to, removed):
        assert config.unknown == before.unknown
        assert all(config.app(name) == before.app(name) for name in ("sandbox", "federal"))
    for comment in ("# hi", "# c", "# two", "# all", "# b", "# only a comment", "y = 1.10"):
        assert (comment in text) is (comment in path.read_text())


def test_a_new_file_is_private_and_line_ends_and_the_byte_order_mark_are_kept(data_folder):
    path = data_folder / "config.toml"
    save_values(data_folder, edits("sandbox", company=7))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (
        b"[environments.sandbox]\ncompany = 7\n",
        0o600,
    )
    path.write_bytes(b"\xef\xbb\xbf# hi\r\na = 1\r\n")
    save_values(data_folder, edits("sandbox", company=7))
    assert path.read_bytes() == b"\xef\xbb\xbf# hi\r\na = 1\r\n\r\n[environments.sandbox]\r\ncompany = 7\r\n"


def test_an_empty_table_goes_unless_somebody_wrote_into_it(data_folder):
    mine = "[environments.sandbox]\n# mine\ncompany = 1\n\n[environments.federal]\ncompany = 2\nshade = 3\n"
    path = write(data_folder, mine + "\n[environments.monthly] # so\ncompany = 3\n")
    save_values(data_folder, edits("production", company=7))
    for name in ("production", "sandbox", "federal", "monthly"):
        save_values(data_folder, edits(name, **GONE))
    text = path.read_text()
    assert (
        text == "[environments.sandbox]\n# mine\n\n[environments.federal]\nshade = 3\n\n"
        "[environments.monthly] # so\n"
    )


def test_what_changes_nothing_writes_nothing(data_folder):
    path = write(data_folder, '[environments.sandbox]\nclient_id = "x"\n')
    before = path.stat()
    save_values(data_folder, edits("sandbox", client_id="x"))
    save_values(data_folder, edits("federal", **GONE))
    assert path.stat() == before


@pytest.mark.parametrize(
    ("text", "spoil"),
    [
        ("a = 1\n", lambda _: ""),
        ("a = 1\n", lambda _: "a = = 1"),
        ("a = 1\n", lambda _: 1 / 0),
        # Dotted keys of another, others out of order, a value that does not equal itself.
        ('environments.sandbox.client_id = "x" # mine\nfoo = 1\n', None),
        ('[environments.federal]\nclient_id = "x"\n[mine]\n[environments.sandbox]\n', None),
        ("x = nan\n", None),
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_left_to_an_editor(data_folder, monkeypatch, text, spoil):
    path = write(data_folder, text)
    if spoil:
        monkeypatch.setattr("tomlkit.dumps", spoil)
    with pytest.raises(BrokenConfigError, match="nothing was changed") as caught:
        save_values(data_folder, NEW)
    assert "with an editor" in caught.value.hint
    assert path.read_text() == text
