"""What the Python API refuses at once, in its own terms."""

from __future__ import annotations

from typing import Any

import pytest

from procore_cli import ProcoreAuth, UsageMistakeError, get_token


def test_a_time_or_a_company_that_is_none_is_refused():
    wrong_times: list[Any] = ["x", -1, 1.5, None, True]
    wrong_companies: list[Any] = [0, -1, True, "123", 1.5]
    for min_ttl in wrong_times:
        with pytest.raises(UsageMistakeError, match="min_ttl"):
            get_token(min_ttl=min_ttl)
        with pytest.raises(UsageMistakeError, match="min_ttl"):
            ProcoreAuth(min_ttl=min_ttl)
    for company in wrong_companies:
        with pytest.raises(UsageMistakeError):
            ProcoreAuth(company=company)


def test_an_unknown_environment_is_named_with_the_argument_it_came_from():
    with pytest.raises(UsageMistakeError, match=r"\(from env=\)"):
        get_token("nope")
