"""What the Elasticsearch client writes and reads JSON with: its own is the slowest part of a bulk request."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from elastic_transport import JsonSerializer, NdjsonSerializer, Serializer

_ALL_TAKEN: Final = b'{"errors":false,"items":['


class ReadingJson(JsonSerializer):
    """Reads answers with msgspec. (A ValueError, which msgspec raises, is what the client expects.)"""

    def json_loads(self, data: bytes) -> Any:  # noqa: D102 - of the base
        # A bulk of which every document was taken: the items, one for each, would say nothing more.
        return {"errors": False} if data.startswith(_ALL_TAKEN) else msgspec.json.decode(data)


class ReadyNdjson(NdjsonSerializer):
    """Passes bodies that are bytes on without copying them."""

    def dumps(self, data: Any) -> bytes:  # noqa: D102 - of the base
        return data if isinstance(data, bytes) else super().dumps(data)


SERIALIZERS: Final[dict[str, Serializer]] = {ReadingJson.mimetype: ReadingJson(), ReadyNdjson.mimetype: ReadyNdjson()}
