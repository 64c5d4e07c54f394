"""Fields that no document has: the milliseconds from one date to another, as runtime fields of Elasticsearch.

Elasticsearch computes them where it has Painless; the embedded index knows what the one script that is offered means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sawlog.errors import QueryError


def script(start: str, end: str) -> str:
    """Write what computes the milliseconds between two dates of a document that has both, in Painless."""
    first, last = f"doc['{start}']", f"doc['{end}']"
    return (
        f"if (doc.containsKey('{end}') && {last}.size() > 0 && {first}.size() > 0) "
        f"{{ emit({last}.value.toInstant().toEpochMilli() - {first}.value.toInstant().toEpochMilli()) }}"
    )


def mapping(start: str, end: str) -> dict[str, Any]:
    """Return the runtime field of two dates, as ``runtime_mappings`` of a search has it."""
    return {"type": "long", "script": {"source": script(start, end)}}


def read(mappings: Any) -> dict[str, tuple[str, str]]:
    """Return from which date to which each runtime field of a search goes.

    Raises:
        QueryError: one is computed in another way.
    """
    if not isinstance(mappings, Mapping):
        raise QueryError("'runtime_mappings' expects an object of fields")
    return {str(name): _ends(str(name), body) for name, body in mappings.items()}


def _ends(name: str, body: Any) -> tuple[str, str]:
    told = body.get("script") if isinstance(body, Mapping) else None
    source = told.get("source") if isinstance(told, Mapping) else told
    fields = list(dict.fromkeys(re.findall(r"doc\['([^']+)'\]", source))) if isinstance(source, str) else []
    if len(fields) == 2:
        end, start = fields
        if mapping(start, end) == {"type": body.get("type"), "script": {"source": source}}:
            return start, end
    raise QueryError(f"the runtime field '{name[:60]}' is not offered: the index runs no scripts")
