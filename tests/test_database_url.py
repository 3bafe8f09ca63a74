"""PROCORE_LOGIN_DB names a database that machines share: which URLs will do, and what is shown of one."""

from pathlib import Path

import pytest

from procore_cli.config.settings import Overrides, Settings, load_settings
from procore_cli.errors import ConfigurationError

ESCAPED = "have to be written as %40"
NO_HOST = "its host is not one, or its port is not a number"
# A URL, what is shown of it, and whether a password is in it.
GOOD = [
    ("postgresql://db.example/fleet", "postgresql://db.example/fleet", False),
    ("postgres://app@db.example:6432/fleet", "postgres://db.example:6432/fleet", False),
    ("postgresql://app:hush@db.example/fleet", "postgresql://db.example/fleet", True),
    ("postgresql://app:hu%40sh@db.example", "postgresql://db.example", True),
    # libpq cuts at the first @, whatever stands before it.
    ("postgresql://app:hu#s?h@db.example/fleet", "postgresql://db.example/fleet", True),
    ("postgresql://app:@db.example/fleet", "postgresql://db.example/fleet", False),
    ("postgresql:///fleet?host=/run/postgresql", "postgresql:///fleet", False),
    ("postgresql://%2Frun%2Fpostgresql/fleet", "postgresql://%2Frun%2Fpostgresql/fleet", False),
    ("postgresql://a:5432,[::1]:5433,b/fleet", "postgresql://a:5432,[::1]:5433,b/fleet", False),
    ("postgresql://db.example/fleet?password=hush", "postgresql://db.example/fleet", True),
    ("postgresql://db.example/?sslmode=require&sslpasswor%64=hush", "postgresql://db.example/", True),
    ("postgresql://db.example/fleet?user=joe@hush", "postgresql://db.example/fleet", False),
]
BAD = [
    ("postgresql://app:hush@db.example:five/fleet", NO_HOST),
    ("postgresql://app:hush@db.example:65536/fleet", NO_HOST),
    ("postgresql://app:hush@db.example:0/fleet", NO_HOST),
    ("postgresql://app:hush@[db.example]/fleet", NO_HOST),
    ("postgresql://app:hu@sh@db.example/fleet", ESCAPED),
    ("postgresql://app:hu/sh@db.example/fleet", ESCAPED),
    ("postgresql://app:hush@db.example/fleet#hush", ESCAPED),
    # libpq would take it for a user's name, which the server repeats.
    ("postgresql://db.example?password=hush@app", ESCAPED),
    ("postgresql://app:hu%sh@db.example/fleet", "begins no two hexadecimal digits"),
    ("postgresql://app:hu%00sh@db.example/fleet", "begins no two hexadecimal digits"),
    ("postgresql://app:hu sh@db.example/fleet", "a character that a URL cannot have"),
    ("postgresql://app:hush@db.example/fleet\n", "a character that a URL cannot have"),
]


def load(tmp_path: Path, asked: Overrides = Overrides(), **variables: str) -> Settings:  # noqa: B008 - frozen
    return load_settings(asked, {"PROCORE_LOGIN_HOME": str(tmp_path), **variables})


@pytest.mark.parametrize(("url", "shown", "has_password"), GOOD)
def test_a_url_is_shown_without_what_may_be_secret(tmp_path, url, shown, has_password):
    settings = load(tmp_path, PROCORE_LOGIN_DB=url, PROCORE_LOGIN_KEY="hush-key")
    assert settings.shared is not None
    assert (settings.shared.url, settings.shared.key) == (url, "hush-key")
    assert (settings.shared.shown, settings.shared.has_password) == (shown, has_password)
    assert settings.describe()["database"] == (shown, "PROCORE_LOGIN_DB")
    told = repr(settings) + repr(settings.describe())
    assert "hu" not in told
    assert "hush-key" not in told
    # No file takes its place by mistake.
    assert settings.named_database is None
    with pytest.raises(AssertionError):
        _ = settings.database


@pytest.mark.parametrize(("url", "words"), BAD)
def test_a_url_with_a_mistake_ends_with_3_and_is_not_repeated(tmp_path, url, words):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, PROCORE_LOGIN_DB=url)
    assert words in caught.value.message
    assert (caught.value.exit_code, caught.value.source) == (3, "PROCORE_LOGIN_DB")
    assert not any(part in str(caught.value) + caught.value.hint for part in ("hu", "app", "db.example"))


URL = {"PROCORE_LOGIN_DB": "postgresql://db.example/fleet"}


@pytest.mark.parametrize(
    ("variables", "source"),
    [
        ({"PROCORE_LOGIN_STORE": "keyring"}, "PROCORE_LOGIN_STORE"),
        ({"PROCORE_LOGIN_KEY": "hush", "PROCORE_LOGIN_KEY_FILE": "/x"}, "PROCORE_LOGIN_KEY"),
    ],
)
def test_two_variables_that_say_different_things_end_with_3_where_the_database_is_shared(
    tmp_path, variables, source
):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, **URL, **variables)
    assert (caught.value.exit_code, caught.value.source) == (3, source)
    assert "hush" not in str(caught.value) + caught.value.hint
    assert load(tmp_path, **variables).shared is None


def test_the_variables_of_a_shared_database_are_known_and_a_near_miss_is_named(tmp_path, caplog):
    load(tmp_path, **URL, PROCORE_LOGIN_KEY_FILE="/run/secrets/procore", PROCORE_LOGIN_KEYFILE="x")
    (record,) = caplog.records
    assert "PROCORE_LOGIN_KEYFILE is not one that this program knows" in record.message
    assert "Did you mean PROCORE_LOGIN_KEY_FILE?" in record.message


def test_tokens_are_said_to_lie_where_they_do(tmp_path):
    kept = load(tmp_path, Overrides(account="1"), **URL, PROCORE_ACCESS_TOKEN="x").describe()["access token"]
    assert kept.source.startswith("the shared database;")
