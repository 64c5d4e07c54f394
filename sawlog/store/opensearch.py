"""OpenSearch through Elasticsearch's client: the same requests, in the media types that OpenSearch knows.

The client names its own kinds of JSON, and wants to hear that Elasticsearch answers: OpenSearch refuses the one and
does not say the other. Both are a matter of headers.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from elastic_transport import AiohttpHttpNode, HttpHeaders

_THEIRS: Final = "application/vnd.elasticsearch+"
_PRODUCT: Final = "x-elastic-product"


def node_for_opensearch(base: type[AiohttpHttpNode] = AiohttpHttpNode) -> type[AiohttpHttpNode]:
    """Return the class of connections that speak to OpenSearch; `base` is how they are made."""

    class OpenSearchNode(base):  # type: ignore[misc, valid-type] # a class that is made here
        """A connection to one host of the cluster."""

        async def perform_request(self, method: str, target: str, *args: Any, **more: Any) -> Any:
            if headers := more.get("headers"):
                more["headers"] = HttpHeaders({name: _plain(value) for name, value in headers.items()})
            response = await super().perform_request(method, target, *args, **more)
            told = HttpHeaders({**response.meta.headers, _PRODUCT: "Elasticsearch"})
            return response._replace(meta=dataclasses.replace(response.meta, headers=told))

    return OpenSearchNode


def _plain(media_type: str) -> str:
    if not media_type.startswith(_THEIRS):
        return media_type
    return f"application/{media_type.removeprefix(_THEIRS).partition(';')[0]}"
