"""`ProcoreAuth` with requests: what a 401 costs."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from procore_cli import ProcoreAuth, SignInNeededError
from tests.api_server import Reply, Seen
from tests.provider import Answer
from tests.python_api.caller import PATH, get, post, refuse
from tests.signed_in import last_token, refreshes


def test_a_401_costs_one_refresh_and_the_call_is_repeated_whole(machine, provider, api):
    bodies: list[dict[str, Any]] = [
        *({}, {"data": b"bytes"}, {"data": {"a": "b"}}, {"json": {"a": 1}}),
        *({"data": io.BytesIO(b"stream")}, {"files": {"f": b"file"}}),
    ]
    for number, body in enumerate(bodies, 1):
        api.requests.clear()
        api.plays[PATH] = refuse(last_token(provider))
        response = post(api.url + PATH, ProcoreAuth(), **body)
        first, second = api.requests
        assert (response.status_code, [each.status_code for each in response.history]) == (200, [401])
        assert (first.body, first.method) == (second.body, second.method)
        assert bool(first.body) is bool(body)
        assert second.token == last_token(provider) != first.token
        assert refreshes(provider) == number


def test_a_file_is_repeated_from_where_it_stood(machine, provider, api, tmp_path):
    api.plays[PATH] = refuse(last_token(provider))
    (tmp_path / "file").write_text("head tail")
    with (tmp_path / "file").open("rb") as file:
        file.seek(5)
        post(api.url + PATH, ProcoreAuth(), data=file)
    assert [seen.body for seen in api.requests] == [b"tail", b"tail"]


def test_a_stream_that_is_used_up_is_not_repeated_but_the_next_call_has_a_new_token(machine, provider, api):
    api.plays[PATH] = refuse(last_token(provider))
    auth = ProcoreAuth()
    assert [post(api.url + PATH, auth, data=iter([b"a", b"b"])).status_code for _ in range(2)] == [401, 200]
    assert [seen.body for seen in api.requests] == [b"ab", b"ab"]
    assert refreshes(provider) == 1


def test_a_call_that_is_refused_again_is_not_repeated_and_further_ones_cost_no_refresh(
    machine, provider, api
):
    api.plays[PATH] = lambda _: Reply(401, "never")
    auth = ProcoreAuth()
    response = get(api.url + PATH, auth)
    assert (response.status_code, response.text) == (401, "never")
    assert (len(api.requests), refreshes(provider)) == (2, 1)
    assert {get(api.url + PATH, auth).status_code for _ in range(3)} == {401}
    assert refreshes(provider) == 1
    assert get(api.url + "/elsewhere", auth).status_code == 200


def test_a_token_that_was_taken_away_twice_is_renewed_twice(machine, provider, api):
    auth = ProcoreAuth()
    for _ in range(2):
        provider.expire()
        assert get(api.url + PATH, auth).status_code == 200
    assert refreshes(provider) == 2


def test_a_token_that_another_process_renewed_is_taken_at_a_401_without_a_refresh(machine, provider, api):
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    api.plays[PATH] = refuse(last_token(provider))
    assert machine.run_here("refresh").code == 0
    assert get(api.url + PATH, auth).status_code == 200
    assert refreshes(provider) == 1
    assert api.last.token == last_token(provider)


def test_threads_that_are_refused_at_once_share_one_refresh(machine, provider, api):
    auth, old, together = ProcoreAuth(), last_token(provider), threading.Barrier(8)

    def refuse_together(seen: Seen) -> Reply | None:
        if seen.token != old:
            return None
        together.wait(20)
        return Reply(401, "refused")

    api.plays[PATH] = refuse_together
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: get(api.url + PATH, auth).status_code, range(8)))
    assert statuses == [200] * 8
    assert refreshes(provider) == 1


def test_a_refused_refresh_after_a_401_is_an_error_of_ours(machine, provider, api):
    api.plays[PATH] = refuse(last_token(provider))
    provider.script["/oauth/token"] = lambda _: Answer(400, {"error": "invalid_grant"})
    with pytest.raises(SignInNeededError):
        get(api.url + PATH, ProcoreAuth())
