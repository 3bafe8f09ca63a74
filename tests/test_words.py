"""The words for people, as far as a program can judge them: sentence case, one term for each thing."""

import ast
import re
from collections.abc import Iterator

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
_TYPED = re.compile(r"(procore-login|--\w|https?:|sudo |rm |chmod |sh -c|\?$|:$|[)\]}`]$)")


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


def misnamed() -> Iterator[str]:
    for text in read_texts():
        for fragment in text.fragments:
            for pattern, name in BANNED.items():
                if re.search(pattern, fragment):
                    yield f"{text.place}: {fragment}  ({name})"
    tree = next(module.tree for module in read_modules() if module.path.match("callback/pages.py"))
    for node in ast.walk(tree):
        # Procore's own word, which the tutorial's page shows.
        if isinstance(node, ast.Constant) and (shown := fixed(node)) != "login":
            yield from (f"{shown}  ({name})" for pattern, name in BANNED.items() if re.search(pattern, shown))


# Each of these stands in the middle of another text, in a line of doctor's, or behind the environment's name.
INNER = (
    *("cli/doctor/", "cli/commands/doctor.py", "flows/sign_out.py", "cli/commands/interview.py", "client/"),
    *("callback/authorization_response.py", "flows/api_call.py", "flows/app_setup.py"),
    *("flows/credentials.py", "library/token_cache.py"),
)


def without_a_capital() -> Iterator[str]:
    for text in texts("message", "hint", "warning", "talk", "help"):
        for parts in sentences(text.node):
            start = fixed(parts[0])
            if start[:1].islower() and not start.startswith(_LOWER) and not text.place.startswith(INNER):
                yield f"{text.place}: {start}"


def without_an_end() -> Iterator[str]:
    """What ends neither with a full stop nor with what is put in, nor, of a hint, with what is typed."""
    for text in texts("message", "warning", "hint"):
        for parts in sentences(text.node):
            end = fixed(parts[-1]).rstrip()
            typed = "".join(text.fragments) if text.kind == "hint" else end
            if end and not end.endswith(".") and not _TYPED.search(typed):
                yield f"{text.place}: {end}"


def without_a_hint() -> Iterator[str]:
    hinted = {text.place for text in texts("hint")}
    bare = {text.place for text in texts("message") if text.maker in error_classes()} - hinted
    yield from (place for place in bare if place.partition(":")[0] not in HINTS_ELSEWHERE)


# What others make an error with a hint of; what doctor says of a check that another one spoils.
HINTS_ELSEWHERE = {"client/responses.py", "cli/doctor/network.py", "cli/commands/importing.py"}


def test_what_people_read_is_whole_sentences_in_ascii_with_one_name_for_each_thing():
    foreign = [f"{text.place}: {it}" for text in read_texts() for it in text.fragments if not it.isascii()]
    wrong = [*foreign, *misnamed(), *without_a_capital(), *without_an_end(), *without_a_hint()]
    assert not wrong, "\n".join(wrong)
