"""requests' adapter: our CA, connections that say how far they are, final answers; refuses certifi's CAs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procore_cli.procore.progress import Progress, Watched
from procore_cli.procore.trust import new_system_context, read_ca_bundle

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPResponse

    from requests.adapters import HTTPAdapter

# What a server may send before its answer (RFC 9110, section 15.2), and an end to it.
_MOST_INTERIM_ANSWERS = 100
_SWITCHING = 101


def new_adapter(progress: Progress, ca_bundle: str | None) -> HTTPAdapter:
    """An adapter whose connections tell `progress` what they do; `ca_bundle` as for `Transport`.

    Raises CaFileError.
    """
    from requests.adapters import HTTPAdapter

    extras = {"progress": progress, "response_class": _new_response_class()}
    # A CA file that was asked for is read at once; the system's store, only when TLS is spoken.
    contexts = [read_ca_bundle(ca_bundle)] if ca_bundle else []

    def find_context() -> ssl.SSLContext:
        if not contexts:
            contexts.append(new_system_context())
        return contexts[0]

    class Adapter(HTTPAdapter):
        """requests' adapter with our CA and watched connections."""

        def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
            pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
            if not issubclass(pool.ConnectionCls, Watched):
                pool.ConnectionCls = type("WatchedConnection", (Watched, pool.ConnectionCls), extras)
            return pool

        def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
            host, _ = super().build_connection_pool_key_attributes(*args, **kwargs)
            return host, {"ssl_context": find_context()} if host["scheme"] == "https" else {}

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, proxy_ssl_context=find_context(), **kwargs)

        def cert_verify(self, *args: Any, **kwargs: Any) -> None:
            """Do nothing: requests would add certifi's CAs here, the context has ours."""

    return Adapter()


def _new_response_class() -> type[HTTPResponse]:
    from http.client import HTTPException, HTTPResponse, parse_headers

    class FinalResponse(HTTPResponse):
        """http.client's response, which skips 100 alone; a 103 would stand for the answer and lose it."""

        def _read_status(self) -> tuple[str, int, str]:
            for _ in range(_MOST_INTERIM_ANSWERS):
                version, status, reason = super()._read_status()  # type: ignore[misc]
                if not 100 <= status < 200 or status == _SWITCHING:
                    return version, status, reason
                parse_headers(self.fp)
            raise HTTPException(f"more than {_MOST_INTERIM_ANSWERS} interim answers")

    return FinalResponse
