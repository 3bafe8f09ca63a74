"""`ProcoreAuth` with requests: what a 401 costs."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from procore_cli import ProcoreAuth, SignInNeededError
from tests.api_server import Call
from tests.provider import Answer
from tests.python_api.caller import PATH, get, post, refuse
from tests.signed_in import last_token, refreshes


def test_a_401_costs_one_refresh_and_the_call_is_repeated_whole(machine, provider, api):
    bodies: list[dict[str, Any]] = [
        {},
        {"data": b"bytes"},
        {"data": {"a": "b"}},
        {"json": {"a": 1}},
        {"data": io.BytesIO(b"stream")},
        {"files": {"f": b"file"}},
    ]
    for number, body in enumerate(bodies, 1):
        api.calls.clear()
        api.script[PATH] = refuse(last_token(provider))

        response = post(api.url + PATH, ProcoreAuth(), **body)

        first, second = api.calls
        assert response.status_code == 200
        assert [each.status_code for each in response.history] == [401]
        assert (first.body, first.method) == (second.body, second.method)
        assert bool(first.body) is bool(body)
        assert second.token == last_token(provider) != first.token
        assert refreshes(provider) == number


def test_a_file_is_repeated_from_where_it_stood(machine, provider, api, tmp_path):
    api.script[PATH] = refuse(last_token(provider))
    (tmp_path / "file").write_text("head tail")
    with (tmp_path / "file").open("rb") as file:
        file.seek(5)
        post(api.url + PATH, ProcoreAuth(), data=file)
    assert [call.body for call in api.calls] == [b"tail", b"tail"]


def test_a_stream_that_is_used_up_is_not_repeated_but_the_next_call_has_a_new_token(machine, provider, api):
    api.script[PATH] = refuse(last_token(provider))
    auth = ProcoreAuth()
    first = post(api.url + PATH, auth, data=iter([b"a", b"b"]))
    second = post(api.url + PATH, auth, data=iter([b"a", b"b"]))
    assert [first.status_code, second.status_code] == [401, 200]
    assert [call.body for call in api.calls] == [b"ab", b"ab"]
    assert refreshes(provider) == 1


def test_a_call_that_is_refused_again_is_not_repeated_again(machine, provider, api):
    api.script[PATH] = lambda _: Answer(401, "never")
    response = get(api.url + PATH, ProcoreAuth())
    assert (response.status_code, response.text) == (401, "never")
    assert (len(api.calls), refreshes(provider)) == (2, 1)


def test_where_no_token_will_do_not_every_call_costs_a_refresh(machine, provider, api):
    api.script[PATH] = lambda _: Answer(401, "never")
    auth = ProcoreAuth()
    assert {get(api.url + PATH, auth).status_code for _ in range(4)} == {401}
    assert refreshes(provider) == 1
    assert get(api.url + "/elsewhere", auth).status_code == 200


def test_a_token_that_was_taken_away_twice_is_renewed_twice(machine, provider, api):
    auth = ProcoreAuth()
    for _ in range(2):
        provider.expire()
        assert get(api.url + PATH, auth).status_code == 200
    assert refreshes(provider) == 2


def test_a_token_that_another_process_renewed_is_taken_at_a_401_without_another_refresh(
    machine, provider, api
):
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    api.script[PATH] = refuse(last_token(provider))
    assert machine.run_here("refresh").code == 0
    assert get(api.url + PATH, auth).status_code == 200
    assert refreshes(provider) == 1
    assert api.calls[-1].token == last_token(provider)


def test_threads_that_are_refused_at_once_share_one_refresh(machine, provider, api):
    auth, old, together = ProcoreAuth(), last_token(provider), threading.Barrier(8)

    def refuse_together(call: Call) -> Answer | None:
        if call.token != old:
            return None
        together.wait(20)
        return Answer(401, "refused")

    api.script[PATH] = refuse_together
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: get(api.url + PATH, auth).status_code, range(8)))
    assert statuses == [200] * 8
    assert refreshes(provider) == 1


def test_a_refused_refresh_after_a_401_is_an_error_of_ours(machine, provider, api):
    api.script[PATH] = refuse(last_token(provider))
    provider.script["/oauth/token"] = lambda _: Answer(400, {"error": "invalid_grant"})
    with pytest.raises(SignInNeededError):
        get(api.url + PATH, ProcoreAuth())
