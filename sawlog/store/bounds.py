"""What a document may hold, about as Elasticsearch bounds it: one with millions of tiny values holds everybody up."""

from __future__ import annotations

from typing import Any, Final

FIELDS: Final = 10_000
"""Elasticsearch: ``index.mapping.total_fields.limit``, 1,000 unless set, of all documents together."""
DEPTH: Final = 20
"""Elasticsearch: ``index.mapping.depth.limit``."""
VALUES: Final = 100_000
"""Elements of all lists and fields of all objects together."""
SUSPICIOUS_BYTES: Final = 4 * FIELDS
"""A document whose JSON is shorter has not too many fields or values."""
DEEP_BYTES: Final = 2_000
"""A document whose JSON is shorter nests not so deeply that Elasticsearch's stack overflows, which ends the whole node:
where an index has all its fields, it goes down as far as a document does."""


def too_much(document: dict[str, Any], encoded: bytes) -> str | None:
    """Return what is too much of the document, or None.

    `encoded` is its JSON: one that is too short to hold too much is not looked at.
    """
    if len(encoded) < SUSPICIOUS_BYTES and encoded.count(b"{") <= DEPTH:
        return None
    fields = values = 0
    level: list[Any] = [document]
    depth = 0
    while level:
        below: list[Any] = []
        is_deeper = False
        for node in level:
            values += len(node)
            if isinstance(node, dict):
                is_deeper = True
                fields += len(node)
            if fields > FIELDS:
                return f"Limit of total fields [{FIELDS}] has been exceeded"
            if values > VALUES:
                return f"the document has more than {VALUES} values"
            below += [one for one in (node.values() if isinstance(node, dict) else node) if type(one) in (dict, list)]
        depth += is_deeper
        if depth > DEPTH:
            return f"Limit of mapping depth [{DEPTH}] has been exceeded"
        level = below
    return None
