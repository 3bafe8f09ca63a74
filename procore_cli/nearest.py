"""What somebody may have meant by a word that is not known; refuses to guess where nothing is near."""

from __future__ import annotations

from collections.abc import Iterable


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` abbreviates, or is a misspelling of; None if there is none."""
    typed = word.casefold()
    names = list(known)
    # An abbreviation ("prod") is farther from its word than difflib looks.
    begun = [name for name in names if len(typed) > 1 and name.startswith(typed)]
    if begun:
        return begun[0]
    from difflib import get_close_matches

    near = get_close_matches(typed, names, n=1)
    return near[0] if near else None
