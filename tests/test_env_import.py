"""`configure --import`: what is taken out of a `.env`, what is to be deleted, and what is refused."""

import io
import os

import pytest
from dotenv import dotenv_values

from procore_cli.cli.commands.importing import read_dotenv
from tests.cli import Machine, Result
from tests.provider import CLIENT_ID, CLIENT_SECRET

REDIRECT = "http://localhost:4321/callback"
PLAIN = f"CLIENT_ID={CLIENT_ID}\nCLIENT_SECRET={CLIENT_SECRET}\nREDIRECT_URI={REDIRECT}\n"


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """No app is configured here, and no redirect address."""
    del machine.variables["PROCORE_CLIENT_ID"], machine.variables["PROCORE_CLIENT_SECRET"]
    machine.variables["PROCORE_REDIRECT_URI"] = ""
    return machine


def bring_in(machine: Machine, text: str | bytes, *more: str, mode: int = 0o600) -> Result:
    """Import a file of this text, and see to it that it is not changed."""
    path = machine.home / ".env"
    raw = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(raw)
    path.chmod(mode)
    result = machine.run_here("configure", "--import", str(path), *more)
    assert path.read_bytes() == raw
    assert CLIENT_SECRET not in result.out + result.err
    return result


def kept(machine: Machine) -> str:
    return "\n".join(machine.kept())


def say(result: Result, machine: Machine) -> str:
    """stderr, with the file's path shortened."""
    return result.err.replace(str(machine.home / ".env"), ".env")


def test_id_secret_and_redirect_uri_are_taken_and_checked(machine, provider):
    result = bring_in(machine, PLAIN).ended(0, "Procore knows this app.")
    assert "Delete CLIENT_SECRET from .env: it holds the client secret." in say(result, machine)
    assert (machine.data / "config.toml").read_text() == (
        f'[environments.production]\nclient_id = "{CLIENT_ID}"\nredirect_uri = "{REDIRECT}"\n'
    )
    assert CLIENT_SECRET in kept(machine)
    assert provider.checks[0].form["redirect_uri"] == REDIRECT


def test_our_own_names_win(machine):
    text = f"""# Procore
CLIENT_ID=tutorial
CLIENT_SECRET=tutorials

export PROCORE_CLIENT_ID='{CLIENT_ID}'
PROCORE_CLIENT_SECRET="{CLIENT_SECRET}
"
PROCORE_COMPANY_ID=7
CLIENT_SECRET=
"""
    result = bring_in(machine, text).ended(
        0, "sets PROCORE_CLIENT_ID and CLIENT_ID to different values; the former counts"
    )
    assert SECRETS.format("CLIENT_SECRET, PROCORE_CLIENT_SECRET") in say(result, machine)
    assert "company = 7" in (machine.data / "config.toml").read_text()
    assert CLIENT_SECRET in kept(machine)
    # The same value twice is no contradiction.
    assert "different values" not in bring_in(machine, f"{PLAIN}PROCORE_CLIENT_ID={CLIENT_ID}\n").err


SECRET, SECRETS = (f"Delete {{}} from .env: {what} the client secret." for what in ("it holds", "they hold"))
TOKEN = "Delete {} from .env: it holds a token of Procore's; none was taken."
TOKENS = "Delete {} from .env: they hold tokens of Procore's; none was taken."
TO_DELETE = {
    f"OTHER={CLIENT_SECRET}\n{PLAIN}THIRD='{CLIENT_SECRET} '\nOTHER=1\n": [
        SECRETS.format("OTHER, CLIENT_SECRET, THIRD")
    ],
    f'{PLAIN}PROCORE_CLIENT_SECRET="half of it\n': [SECRETS.format("CLIENT_SECRET, PROCORE_CLIENT_SECRET")],
    f"{PLAIN}PROCORE_REFRESH_TOKEN=shy1\nX_TOKEN=x\nPROCORE_JOES_TOKEN=shy2\nSAME=shy1\nACCESS_TOKEN=shy3": [
        TOKENS.format("PROCORE_REFRESH_TOKEN, PROCORE_JOES_TOKEN, SAME, ACCESS_TOKEN"),
        SECRET.format("CLIENT_SECRET"),
    ],
    f"{PLAIN}PROCORE_REFRESH_TOKEN='shy\n": [
        TOKEN.format("PROCORE_REFRESH_TOKEN"),
        SECRET.format("CLIENT_SECRET"),
    ],
    "CLIENT_ID=x\nPROCORE_ACCESS_TOKEN=shy\n": [TOKEN.format("PROCORE_ACCESS_TOKEN")],
    "CLIENT_ID=x\n": [],
}


def test_every_line_with_a_secret_or_a_token_is_named_and_no_token_is_taken(machine):
    for text, to_delete in TO_DELETE.items():
        result = bring_in(machine, text, "--no-check", mode=0o644).ended()
        said = say(result, machine)
        assert said.count("Delete ") == len(to_delete), said
        assert all(each in said for each in to_delete), said
        assert "can read .env (mode 0644)" in said
        assert "shy" not in said + kept(machine)
        assert ("holds no client secret; only the rest was taken" in said) is ("SECRET" not in text)
    assert "can read" not in bring_in(machine, PLAIN, "--no-check").err


def test_a_secret_alone_belongs_to_the_id_that_is_set_and_an_option_goes_before_the_file(machine):
    text = f"CLIENT_SECRET={CLIENT_SECRET}\nPROCORE_COMPANY_ID=7\n"
    bring_in(machine, text).ended(3)
    machine.run_here("configure", "--client-id", CLIENT_ID).ended()
    bring_in(machine, text, "--company", "8").ended()
    assert CLIENT_SECRET in kept(machine)
    assert "company = 8" in (machine.data / "config.toml").read_text()


def test_standard_input_and_a_pipe_of_the_shells_are_read_and_nothing_is_to_delete(machine):
    reader, writer = os.pipe()
    os.write(writer, PLAIN.encode())
    os.close(writer)
    assert machine.run_here("configure", "--import", f"/dev/fd/{reader}").code == 0
    os.close(reader)
    assert machine.run_here("configure", "--remove", "--yes").code == 0
    result = machine.run("configure", "--import", "-", stdin=PLAIN).ended()
    assert "Delete" not in result.err
    assert CLIENT_SECRET in kept(machine)


def test_a_file_that_cannot_be_used_changes_nothing(machine):
    for text, words in [
        (PLAIN.replace(CLIENT_SECRET, "wrong").encode(), "The client id comes from .env."),
        (b"", "neither a client id nor a client secret"),
        (b"CLIENT_ID=\nCLIENT_SECRET=\n", "neither"),
        (b"REDIRECT_URI=http://localhost/\n", "neither"),
        (b"CLIENT_ID=\xff\n", "not UTF-8 text (byte 10)"),
        (b"CLIENT_ID=a\0b\n", "not a text file"),
        (b"#" * (1024 * 1024 + 1), "larger than 1 MiB"),
        (b'CLIENT_ID=x\nCLIENT_SECRET="hu\nsh"\n', ".env: CLIENT_SECRET cannot be used"),
        (b"CLIENT_ID=x\nCLIENT_SECRET='hu\x1bsh'\n", "control character"),
        (b'CLIENT_ID="a b"\n', "CLIENT_ID cannot be used"),
        (b"CLIENT_ID=x\nREDIRECT_URI=http://example.com/\n", "REDIRECT_URI in .env"),
        (b"CLIENT_ID=x\nPROCORE_COMPANY_ID=seven\n", "PROCORE_COMPANY_ID cannot be used"),
        (b'CLIENT_SECRET="hush\n', ".env: a client secret is named there"),
        (
            b'CLIENT_ID=x\nPROCORE_CLIENT_SECRET="half of it\n',
            ".env: a client secret is named there, but the line cannot be read.",
        ),
        *(
            (
                f"{PLAIN}HALF=hush\n{name}=${{HALF}}${{PROCORE_THEIRS}}\n".encode(),
                f".env: {name} refers to another name (${{...}}), which is not looked up.",
            )
            for name in ("CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI", "PROCORE_COMPANY_ID")
        ),
    ]:
        machine.variables["PROCORE_THEIRS"] = "hush"
        result = bring_in(machine, text).ended(3, "Hint: ")
        assert words in say(result, machine)
        assert "Delete" not in result.err
        assert "sh" not in result.err.replace("should", "").replace("hush", "sh") or "hu" not in result.err
        assert (kept(machine), (machine.data / "config.toml").exists()) == ("", False)


def test_what_is_no_file_is_named(machine):
    for name, words in [("missing", "no such file"), (".", "is a directory"), ("a\0b", "no file's name")]:
        machine.run_here("configure", "--import", str(machine.home / name)).ended(3, words)


def test_lines_that_cannot_be_read_are_named_without_noise(machine, caplog):
    bring_in(machine, PLAIN + "\n\n'broken\n").ended(0, "there are lines that could not be read")
    assert caplog.records == []


FILES = [
    PLAIN,
    "A=1\r\nB=2\r\n",
    "A=1\rB=2",
    "\n\n A = b # c\n",
    "A=b#c\nB='x # y'\nC=\"x\\ny\"\nD='x\\ny'\n",
    "export A=1\nA=2\nB\n",
    "A=1\nB=${A}2\nC=${MISSING:-d}\nD=$A\nE=${HOME}\nF='${A}'\n",
    "A=\nB=''\n",
    'A="multi\nline"\nB=3\n',
    "A='unclosed\nB=1\n",
    "'A'=1\n=2\nB = 3 4 \n",
    "A=1\n\n# end",
    "Ä=ö\n",
]


def test_a_file_is_read_as_python_dotenv_reads_it_but_stays_as_small_as_it_is_and_shows_no_secret():
    for text in FILES:
        ours = read_dotenv("", text).in_force
        theirs = dotenv_values(stream=io.StringIO(text, newline=""), interpolate=False)
        assert ours == {name: value or "" for name, value in theirs.items()}
    # Lines that refer to each other.
    text = "A0=0123456789\n" + "".join(f"A{n + 1}=${{A{n}}}${{A{n}}}\n" for n in range(40))
    assert sum(len(value) for value in read_dotenv("", text).in_force.values()) < len(text)
    file = read_dotenv(".env", "CLIENT_SECRET=hush\nCLIENT_SECRET='hush")
    assert (len(file.settings), "hush" in file.unread, "hush" in repr(file)) == (1, True, False)


@pytest.mark.parametrize(
    ("setting", "environment"),
    [
        ("PROCORE_BASE_URL=https://sandbox.procore.com", "sandbox"),
        ("PROCORE_LOGIN_URL='https://login-sandbox.procore.com/'", "sandbox"),
        ("PROCORE_API_URL=https://API-monthly.procore.com:443/rest/v1.0", "monthly"),
        ("PROCORE_OAUTH_BASE_URL=login.procoregov.com", "federal"),
        ("BASE_URL=https://sandbox.procore.com", "sandbox"),
        ("PROCORE_SANDBOX_URL=https://sandbox.procore.com\nPROCORE_PROD_URL=https://api.procore.com", ""),
        ("PROCORE_BASE_URL=https://sandbox.procore.com\nPROCORE_BASE_URL=https://api.procore.com", ""),
        ("PROCORE_BASE_URL=https://sandbox.procore.com.example.com", ""),
        ("PROCORE_BASE_URL=http://[", ""),
    ],
)
def test_a_file_that_speaks_of_another_environment_is_refused(machine, setting, environment):
    text = f"{PLAIN}{setting}\n"
    if environment:
        result = bring_in(machine, text).ended(
            3,
            f"which is {environment}, not production. Nothing was saved.",
            f"procore-login configure --env {environment} --import {machine.home / '.env'}",
        )
        assert f".env: {setting.partition('=')[0]} is at " in say(result, machine)
        assert "Error: production:" not in result.err
        assert (kept(machine), (machine.data / "config.toml").exists()) == ("", False)
    bring_in(machine, text, "--no-check", "--env", environment or "production").ended()
