"""What requests is told after an answer: once more after a 401, and no header of ours to another host.

Knows requests by the shape of its objects alone, and refuses to repeat what cannot be sent again whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

from procore_cli.config.environments import COMPANY_HEADER
from procore_cli.config.urls import is_at

AUTHORIZATION = "Authorization"


class Repetition:
    """A response hook for one request of requests, and for the redirects that follow it."""

    def __init__(
        self, origin: str, token: str, renew: Callable[[str], str], give_up: Callable[[str], None]
    ) -> None:
        """`renew` gives another token for one that was refused, or the same where there is none.

        `give_up` hears of a new token that was refused as well.
        """
        self._origin = origin
        self._token = token
        self._renew = renew
        self._give_up = give_up
        self._is_spent = False

    def __call__(self, response: Any, *_: Any, **options: Any) -> Any:
        """Return the answer that counts. Raises what `renew` raises."""
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
            token = self._renew(self._token)
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
            self._give_up(token)
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
