"""Fields in the order in which they were typed, whichever of the two options they came by."""

from __future__ import annotations

import json

from tests.api.api_machine import Caller, assert_ended
from tests.api.api_server import ApiServer


def test_items_of_a_list_are_put_together_as_they_were_typed(call: Caller, api: ApiServer) -> None:
    api.always(b"{}")
    items = ["-f", "a[][b]=x", "-F", "a[][n]=1", "--raw-field=a[][b]=y", "--field", "a[][n]=2"]

    assert_ended(call("echo", *items))

    assert json.loads(api.last.body) == {"a": [{"b": "x", "n": 1}, {"b": "y", "n": 2}]}


def test_a_query_keeps_the_order_too(call: Caller, api: ApiServer) -> None:
    api.always(b"{}")

    assert_ended(call("echo", "-F", "x[]=1", "-f", "x[]=2", "-X", "GET"))

    assert api.last.target.endswith("?x%5B%5D=1&x%5B%5D=2")
