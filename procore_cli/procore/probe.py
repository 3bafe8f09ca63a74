"""Whether Procore knows an app: what its token endpoint says to a code that cannot exist; spends nothing."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TYPE_CHECKING

from procore_cli.procore.answers import find_error_code, read_reason
from procore_cli.procore.messages import new_state

if TYPE_CHECKING:
    from collections.abc import Collection

    from procore_cli.procore.answers import Answer


class Verdict(Enum):
    """What the answer says of client id and client secret."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Probe:
    """An answer of the token endpoint; `words` are for people."""

    verdict: Verdict
    words: str


def new_impossible_code() -> str:
    """An authorization code that no server has given out."""
    return f"procore-login-check-{new_state()}"


def read_probe(answer: Answer, sent: Collection[str] = ()) -> Probe:
    """What an answer to `new_impossible_code` means (RFC 6749, section 5.2).

    The app is looked at before the code: `invalid_grant` says that it is right. `sent` are secrets that the
    words may not repeat. Raises nothing.
    """
    # A failing server's word is not taken for a verdict.
    error = find_error_code(answer.body) if 400 <= answer.status < 500 else None
    verdicts = {"invalid_grant": Verdict.ACCEPTED, "invalid_client": Verdict.REFUSED}
    verdict = verdicts.get(error or "", Verdict.UNCLEAR)
    reason = read_reason(answer.body, sent) if verdict is Verdict.UNCLEAR else error
    return Probe(verdict, f"{answer.status}, {reason}")


def find_date(answer: Answer) -> float | None:
    """What the server's clock says (seconds, UTC), None where it does not say (RFC 9110, section 6.6.1)."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
