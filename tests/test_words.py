"""The words for people, as far as a program can judge them: sentence case, one term for each thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from procore_cli.console import Console
from procore_cli.errors import ProcoreLoginError
from tests.error_texts import Text, error_classes, read_modules, read_texts

# What each thing is not called, and where the word is another's: Procore's page, a column, a system's term.
BANNED = {
    r"\b[Ll]og(ged|ging)? (in|out)\b(?! there)": "sign in, sign out",
    r"(?<!procore-)(?<!usable )(?<!network )\blog(in|on|out)\b(?! (page|URL|host|keychain))": "sign-in",
    r"\bsign(ed)? on\b|\bsign-on\b": "sign in",
    r"(?<!-)\b([Cc]lient|[Cc]ompany|Procore|[Aa]pp) IDs?\b": "id",
    r"\bEmail\b|(?<!^)(?<!\.)\bemail\b(?! varchar)|(?<!-)\bmail address": "e-mail",
    r"\bcredential(s)? store\b|\bkey ring\b|\bkeychain\b(?<!login keychain)": "keyring",
    r"\b(redirect|callback) URL\b|\bcallback URI\b": "redirect URI",
    r"\bdeveloper portal\b|\bdeveloper site\b": "Developer Portal",
    r"\b(data|config(uration)?) director(y|ies)\b": "data folder",
    r"\bAPI (key|secret)\b|\bclient key\b|\bapp secret\b": "client id, client secret",
    r"\b(bearer|session|authentication) token\b": "access token",
    r"\busername\b": "user name",
    r"\bauthenticat(e|ed|ing|ion)\b": "sign in",
    r"\b(successful(ly)?|[Pp]lease|sorry|invalid(?!_)|fatal|abort(ed)?)\b(?! report)": "say what happened",
    r"\b[Cc]omputer\b|\bPC\b": "machine",
    r"n't\b": "cannot, does not, is not",
    r"!(?!\.)$|!\s": "no exclamation marks",
}
# A sentence may begin with what is typed or written like this.
_LOWER = ("config.toml", "demo:", "min_ttl", "production,", "production:", "procore-login", "sudo ")
_TYPED = re.compile(r"(procore-login|--\w|https?:|sudo |rm |chmod |sh -c|\?$|:$|[)\]}]$)")
ENDING = {"message", "warning"}


def texts(*kinds: str) -> list[Text]:
    return [text for text in read_texts() if text.kind in kinds]


def sentences(node: ast.expr) -> Iterator[list[ast.expr]]:
    """The parts of a text from left to right, once for each way an `if` inside it can go."""
    if isinstance(node, ast.IfExp):
        yield from sentences(node.body)
        yield from sentences(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield list(node.values)
    elif isinstance(node, ast.BinOp):
        for left in sentences(node.left):
            yield from (left + right for right in sentences(node.right))
    else:
        yield [node]


def fixed(part: ast.expr) -> str:
    """The text of a part, or nothing for a value that is put in."""
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else ""


@pytest.mark.parametrize("pattern", BANNED)
def test_each_thing_has_one_name(pattern: str) -> None:
    found = [
        f"{text.place}: {fragment}  ({BANNED[pattern]})"
        for text in read_texts()
        for fragment in text.fragments
        if re.search(pattern, fragment)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("pattern", BANNED)
def test_the_listeners_pages_use_the_same_names(pattern: str) -> None:
    tree = next(module.tree for module in read_modules() if module.path.match("callback/pages.py"))
    texts = [fixed(node) for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    # Procore's own word, which the tutorial's page shows.
    assert [text for text in texts if text != "login" and re.search(pattern, text)] == []


def test_a_text_begins_with_a_capital_or_with_what_is_put_in() -> None:
    found = [
        f"{text.place}: {start}"
        for text in texts("message", "hint", "warning", "talk", "help")
        for parts in sentences(text.node)
        if (start := fixed(parts[0])) and start[0].islower() and not start.startswith(_LOWER)
    ]
    # Each of these stands in the middle of another text, or in a line of doctor's.
    inner = ("cli/doctor/", "cli/commands/doctor.py", "flows/sign_out.py", "cli/commands/interview.py")
    # And these behind the environment's name.
    named = (
        "client/",
        "callback/authorization_response.py",
        "flows/api_call.py",
        "flows/app_setup.py",
        "flows/credentials.py",
        "auth.py",
    )
    assert [line for line in found if not line.startswith((*inner, *named))] == []


def test_an_error_and_a_warning_end_with_a_full_stop_or_with_what_is_put_in() -> None:
    found = [
        f"{text.place}: {end}"
        for text in texts("message", "warning")
        for parts in sentences(text.node)
        if (end := fixed(parts[-1]).rstrip()) and not end.endswith(".") and not _TYPED.search(end)
    ]
    assert found == []


def test_a_hint_ends_with_a_full_stop_or_with_something_to_type() -> None:
    found = [
        f"{text.place}: {end}"
        for text in texts("hint")
        for parts in sentences(text.node)
        if (end := fixed(parts[-1])) and not end.endswith(".") and not _TYPED.search("".join(text.fragments))
    ]
    assert found == []


def test_what_a_terminal_shows_is_ascii() -> None:
    found = [
        f"{text.place}: {each}" for text in read_texts() for each in text.fragments if not each.isascii()
    ]
    assert found == []


def test_every_error_that_is_made_has_a_hint() -> None:
    hinted = {text.place for text in texts("hint")}
    bare = {text.place for text in texts("message") if text.maker in error_classes()} - hinted
    assert {place.partition(":")[0] for place in bare} <= HINTS_ELSEWHERE, bare


# What others make an error with a hint of; what doctor says of a check that another one spoils.
HINTS_ELSEWHERE = {"client/responses.py", "cli/doctor/network.py", "cli/commands/importing.py"}


@pytest.mark.parametrize("message", ["Nobody is signed in.", "/a/sandbox/b.db cannot be used.", "sandboxes."])
def test_an_error_that_does_not_name_its_environment_gets_its_name(message: str) -> None:
    import io

    stream = io.StringIO()
    console = Console(stream)
    console.environment = "sandbox"
    console.fail(ProcoreLoginError(message, "Look."))
    assert stream.getvalue() == f"Error: sandbox: {message}\nHint: Look.\n"
