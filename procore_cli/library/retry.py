"""The answer to a 401 in requests: one renewal and one repetition, where the body can be sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from procore_cli.config.environments import COMPANY_HEADER
from procore_cli.config.urls import is_at

if TYPE_CHECKING:
    from procore_cli.library.token_cache import TokenCache

AUTHORIZATION = "Authorization"


class RetryOn401:
    """A response hook for one request of requests, and for the redirects that follow it."""

    def __init__(self, cache: TokenCache, token: str) -> None:
        self._cache = cache
        self._origin = cache.settings.environment.api_url
        self._token = token
        self._is_spent = False

    def __call__(self, response: Any, *_: Any, **options: Any) -> Any:
        """Return the answer that counts. Raises any of our errors."""
        request = response.request
        if response.status_code == 401 and self._is_ours(request):
            response = self._repeat(response, request, options)
        if not self._stays_here(response):
            # requests copies a request for each redirect, and would hand our headers on.
            for name in (AUTHORIZATION, COMPANY_HEADER):
                request.headers.pop(name, None)
        return response

    def _is_ours(self, request: Any) -> bool:
        sent = request.headers.get(AUTHORIZATION)
        return not self._is_spent and sent == f"Bearer {self._token}" and is_at(request.url, self._origin)

    def _repeat(self, response: Any, request: Any, options: dict[str, Any]) -> Any:
        self._is_spent = True
        try:
            token = self._cache.find(self._token)
        except BaseException:
            # Nobody else will get hold of this answer.
            response.close()
            raise
        connection = getattr(response, "connection", None)
        if token == self._token or connection is None or not _rewind(request):
            return response
        # What is left of the answer is read, so that its connection can be used again.
        _ = response.content
        response.close()
        request.headers[AUTHORIZATION] = f"Bearer {token}"
        repeated = connection.send(request.copy(), **options)
        repeated.history.append(response)
        if repeated.status_code == 401:
            self._cache.give_up(token)
        return repeated

    def _stays_here(self, response: Any) -> bool:
        if not response.is_redirect:
            return True
        target = response.headers["location"]
        try:
            return "\\" not in target and is_at(urljoin(response.url, target), self._origin)
        except ValueError:
            return False


def _rewind(request: Any) -> bool:
    """Whether the body can be sent once more, as it was."""
    if request.body is None or isinstance(request.body, (str, bytes)):
        return True
    # requests notes where a file stood before it was read; of a generator it notes nothing.
    place = getattr(request, "_body_position", None)
    if not isinstance(place, int):
        return False
    try:
        request.body.seek(place)
    except (AttributeError, OSError, ValueError):
        return False
    return True
