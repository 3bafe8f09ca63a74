"""What a callback says (RFC 6749, section 4.1.2): whether it answers our link; its code, or its refusal."""

from __future__ import annotations

import hmac

from procore_cli.errors import ConsentDeniedError, UnexpectedAnswerError

Pairs = list[tuple[str, str]]

_LONGEST_DESCRIPTION = 300


def is_ours(pairs: Pairs, state: str, *, bare_code: bool = False) -> bool:
    """Whether a callback's query answers our link: our `state` once, and one `code` or one `error`, not both.

    A doubled or an empty parameter makes it somebody else's (RFC 6749, section 3.1). `bare_code`: what the
    person copied from a page of Procore's comes without a state.
    """
    if bare_code and [name for name, _ in pairs] == ["code"]:
        return bool(pairs[0][1])
    states = _values(pairs, "state")
    if len(states) != 1 or not hmac.compare_digest(_encoded(states[0]), _encoded(state)):
        return False
    codes, errors = _values(pairs, "code"), _values(pairs, "error")
    return len(codes) + len(errors) == 1 and all(codes + errors)


def read_callback(pairs: Pairs) -> str:
    """The authorization code of a callback that `is_ours`.

    Raises ConsentDeniedError for `access_denied`, UnexpectedAnswerError for any other error
    (RFC 6749, section 4.1.2.1).
    """
    errors = _values(pairs, "error")
    if not errors:
        return _values(pairs, "code")[0]
    reason = ": ".join([*errors, *_values(pairs, "error_description")[:1]])[:_LONGEST_DESCRIPTION]
    if errors == ["access_denied"]:
        raise ConsentDeniedError(
            f"the sign-in was denied at Procore ({reason}).",
            "Run the command again and choose Allow on Procore's page.",
        )
    raise UnexpectedAnswerError(
        f"Procore ended the sign-in with an error ({reason}).",
        "Try again later; if it happens again, compare the app's settings in the Developer Portal.",
    )


def _values(pairs: Pairs, name: str) -> list[str]:
    return [value for key, value in pairs if key == name]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
