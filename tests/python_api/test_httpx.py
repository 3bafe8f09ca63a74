"""`ProcoreAuth` with httpx, sync and async: one renewal and one repetition after a 401, like requests."""

import asyncio
import io
import threading

import httpx
import pytest
import trio

from procore_cli import ProcoreAuth, SignInNeededError
from tests.api_server import Reply
from tests.python_api.caller import PATH, refuse
from tests.signed_in import last_token, refreshes


class Client:
    """A client of either kind, asked from a test that is neither."""

    def __init__(self, is_async, **options):
        self.is_async = is_async
        self.options = {"auth": ProcoreAuth(company=123), "trust_env": False, **options}

    def __call__(self, *calls, method="GET", **options):
        """The statuses of calls that one client makes, one after the other."""
        if not self.is_async:
            with httpx.Client(**self.options) as client:
                return [client.request(method, url, **options).status_code for url in calls]

        async def ask():
            async with httpx.AsyncClient(**self.options) as client:
                return [(await client.request(method, url, **options)).status_code for url in calls]

        return asyncio.run(ask())


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def client(machine, request):
    return Client(request.param, follow_redirects=True)


def test_httpx_gets_token_and_company_and_hears_of_a_sign_out(machine, client, provider, api):
    assert client(api.url + PATH) == [200]
    assert (api.last.token, api.last.company) == (last_token(provider), "123")
    machine.run_here("signout")
    api.accepts = lambda _: False
    with pytest.raises(SignInNeededError):
        client(api.url + PATH)


def test_a_refused_token_is_renewed_once_and_the_call_repeated(client, provider, api):
    api.plays[PATH] = refuse(last_token(provider))
    assert client(api.url + PATH, api.url + PATH, method="POST", json={"a": 1}) == [200, 200]
    assert [seen.body for seen in api.requests] == [b'{"a":1}'] * 3
    assert refreshes(provider) == 1


def test_a_new_token_that_is_refused_as_well_costs_no_more_refreshes_for_a_minute(client, provider, api):
    api.accepts = lambda _: False
    assert client(*[api.url + PATH] * 3) == [401] * 3
    assert refreshes(provider) == 1
    assert len(api.requests) == 4


def test_a_token_that_another_process_renewed_meanwhile_costs_no_refresh(machine, provider, api):
    with httpx.Client(auth=ProcoreAuth(), trust_env=False) as client:
        assert client.get(api.url + PATH).status_code == 200
        api.plays[PATH] = refuse(last_token(provider))
        assert machine.run_here("refresh").code == 0
        assert client.get(api.url + PATH).status_code == 200
    assert refreshes(provider) == 1


def test_a_body_that_cannot_be_sent_again_gets_its_401(machine, provider, api):
    api.plays[PATH] = refuse(last_token(provider))
    with httpx.Client(auth=ProcoreAuth(), trust_env=False) as client:
        for content in (iter([b"once"]), io.BytesIO(b"at its end")):
            api.requests.clear()
            provider.requests.clear()
            assert client.post(api.url + PATH, content=content).status_code == 401
            assert len(api.requests) == 1
    assert refreshes(provider) == 0


class Unseekable(io.BytesIO):
    def seekable(self):
        return False


def test_a_form_is_sent_again_if_its_files_can_be_read_again(machine, provider, api):
    for file, statuses in ((io.BytesIO(b"whole"), 200), (b"whole", 200), (Unseekable(b"whole"), 401)):
        api.plays[PATH] = refuse(last_token(provider))
        with httpx.Client(auth=ProcoreAuth(), trust_env=False) as client:
            assert client.post(api.url + PATH, files={"f": file}).status_code == statuses
        assert b"whole" in api.last.body


def test_what_was_redirected_does_not_begin_anew_unless_it_only_asked(client, provider, api):
    old = last_token(provider)
    api.redirect("/create", f"{api.url}{PATH}")
    api.plays[PATH] = refuse(old)
    assert client(f"{api.url}/create", method="POST") == [401]
    assert [seen.path for seen in api.requests] == ["/create", PATH]
    assert client(f"{api.url}/create") == [200]


def test_it_works_when_the_loops_own_pool_is_full(machine, api):
    async def ask():
        release = threading.Event()
        loop = asyncio.get_running_loop()
        waiting = [loop.run_in_executor(None, release.wait) for _ in range(64)]
        async with httpx.AsyncClient(auth=ProcoreAuth(), trust_env=False) as client:
            status = (await client.get(api.url + PATH)).status_code
        release.set()
        await asyncio.gather(*waiting)
        return status

    assert asyncio.run(ask()) == 200


def test_httpx_takes_nothing_elsewhere(client, api, elsewhere, provider):
    api.redirect("/go", f"{elsewhere.url}/file")
    elsewhere.always(b"", 401)
    assert client(elsewhere.url + PATH, f"{api.url}/go") == [401, 401]
    assert [seen.token for seen in elsewhere.requests] == [None, None]
    assert elsewhere.requests[0].company is None
    assert refreshes(provider) == 0


def test_a_hundred_tasks_at_an_expired_token_share_one_refresh_and_the_loop_goes_on(machine, provider, api):
    old = last_token(provider)
    api.play = lambda seen: Reply(401, b"") if seen.token == old else Reply(200, b"{}")
    beats = []

    async def beat():
        while True:
            beats.append(1)
            await asyncio.sleep(0)

    async def ask():
        watching = asyncio.create_task(beat())
        limits = httpx.Limits(max_connections=20)
        async with httpx.AsyncClient(
            auth=ProcoreAuth(), trust_env=False, limits=limits, timeout=60
        ) as client:
            answers = await asyncio.gather(*(client.get(api.url + PATH) for _ in range(100)))
        watching.cancel()
        return {answer.status_code for answer in answers}

    assert asyncio.run(ask()) == {200}
    assert refreshes(provider) == 1
    assert len(beats) > 100


def test_it_serves_loops_that_are_not_asyncios(machine, provider, api):
    api.plays[PATH] = refuse(last_token(provider))

    async def ask():
        async with httpx.AsyncClient(auth=ProcoreAuth(), trust_env=False) as client:
            return (await client.get(api.url + PATH)).status_code

    assert trio.run(ask) == 200
