"""What the Python API refuses at once, in its own terms."""

from __future__ import annotations

from typing import Any

import pytest

from procore_cli import ProcoreAuth, UsageMistakeError, get_token


@pytest.mark.parametrize("min_ttl", ["x", -1, 1.5, None, True])
def test_a_time_that_is_none_is_refused(min_ttl: Any) -> None:
    with pytest.raises(UsageMistakeError, match="min_ttl"):
        get_token(min_ttl=min_ttl)
    with pytest.raises(UsageMistakeError, match="min_ttl"):
        ProcoreAuth(min_ttl=min_ttl)


def test_an_unknown_environment_is_named_with_the_argument_it_came_from() -> None:
    with pytest.raises(UsageMistakeError, match=r"\(from env=\)"):
        get_token("nope")
