"""The opensearch output, against a real OpenSearch."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.ingest.output.building import event, refused, send
from tests.services import OpenSearchServer


async def test_documents_templates_and_refusals(opensearch_server: OpenSearchServer, tmp_path: Path) -> None:
    name = f"orders-{uuid.uuid4().hex}"
    template = tmp_path / "template.json"
    mapping = {"properties": {"count": {"type": "integer"}}}
    template.write_text(json.dumps({"index_patterns": [f"{name}-*"], "template": {"mappings": mapping}}))
    settings = {
        "hosts": opensearch_server.url, "index": f"{name}-%{{+yyyy.MM.dd}}", "template": str(template),
        "template_name": name, "auth_type": {"type": "basic", "user": "anybody", "password": "s3cret"},
        "http_compression": True,
    }  # fmt: skip
    events = [event(1, count=1), event(2, count="many"), event(3, count=3)]
    refusals = await send("opensearch", *events, **settings)
    assert [(one.position, one.status) for one in refusals] == [(1, 400)]
    assert "count" in refusals[0].reason
    await send("opensearch", *events[:1], action="update", document_id="a:1", doc_as_upsert=True, **settings)
    url = f"{opensearch_server.url}/{name}-2017.07.04"
    async with ClientSession() as client:
        await client.post(f"{url}/_refresh")
        async with client.get(f"{url}/_search") as answer:
            hits = (await answer.json())["hits"]["hits"]
    assert {hit["_id"]: hit["_source"]["count"] for hit in hits} == {"a:1": 1, "a:3": 3}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"auth_type": {"type": "aws_iam"}}, "requests are not signed for Amazon's IAM"),
        ({"auth_type": {"type": "basic", "usr": "a"}}, "'auth_type' has no 'usr'"),
        ({"api_key": "a:b"}, "OpenSearch has none"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], words: str) -> None:
    assert words in refused("opensearch", **settings)
