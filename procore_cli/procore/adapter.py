"""requests' adapter, with our CA and with connections that say how far they are; refuses certifi's CAs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procore_cli.procore.progress import Progress, Watched
from procore_cli.procore.trust import new_system_context, read_ca_bundle

if TYPE_CHECKING:
    import ssl

    from requests.adapters import HTTPAdapter


def new_adapter(progress: Progress, ca_bundle: str | None) -> HTTPAdapter:
    """An adapter whose connections tell `progress` what they do; `ca_bundle` as for `Transport`.

    Raises CaFileError.
    """
    from requests.adapters import HTTPAdapter

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
                bases = (Watched, pool.ConnectionCls)
                pool.ConnectionCls = type("WatchedConnection", bases, {"progress": progress})
            return pool

        def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
            host, _ = super().build_connection_pool_key_attributes(*args, **kwargs)
            return host, {"ssl_context": find_context()} if host["scheme"] == "https" else {}

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, proxy_ssl_context=find_context(), **kwargs)

        def cert_verify(self, *args: Any, **kwargs: Any) -> None:
            """Do nothing: requests would add certifi's CAs here, the context has ours."""

    return Adapter()
