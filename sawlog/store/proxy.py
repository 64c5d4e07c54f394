"""Elasticsearch through an HTTP proxy, which the client's own connections do not know."""

from __future__ import annotations

import asyncio

import aiohttp
from elastic_transport import AiohttpHttpNode, NodeConfig


def node_through(proxy: str) -> type[AiohttpHttpNode]:
    """Return the class of connections that go through `proxy`, a URL that may hold a user and password."""

    class ProxiedNode(AiohttpHttpNode):
        """A connection to one host of the cluster."""

        def __init__(self, config: NodeConfig) -> None:
            super().__init__(config)
            self._limit = config.connections_per_node

        def _create_aiohttp_session(self) -> None:
            # The one method that makes the session; the rest of the class uses `session` alone.
            self._loop = asyncio.get_running_loop()
            self.session = aiohttp.ClientSession(
                headers=self.headers,
                skip_auto_headers=("accept", "accept-encoding", "user-agent"),
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit_per_host=self._limit, ssl=self._ssl_context or False),
                proxy=proxy,
            )

    return ProxiedNode
