"""The templates that sawlog installs: how Elasticsearch stores the fields of an event, and for how long.

Field names and types are those of the Elastic Common Schema (ECS) 8, with two exceptions, so that the template
works on every distribution, with or without Elastic's modules:

- ``message`` is ``text`` and not ``match_only_text``: it keeps positions, which makes phrases fast at the cost of
  some disk; norms are off, since nobody ranks log lines by length.
- ``error.stack_trace`` is ``text`` and not ``wildcard``: one looks for a class or a file name in it, which the
  standard analyser keeps as terms, rather than for an arbitrary piece of text.

Strings that the template does not name become keywords; over `KEYWORD_LIMIT` characters they are kept in the
document and left out of the index, because Lucene refuses terms over 32,766 bytes and with them the document.

The index template is composed of three component templates of ours and one of the user's, `CUSTOM`, which comes
last, may be absent, and is never touched.
"""

from __future__ import annotations

from typing import Any, Final

TEMPLATE_NAME: Final = "sawlog-spring"
SETTINGS: Final = f"{TEMPLATE_NAME}@settings"
MAPPINGS: Final = f"{TEMPLATE_NAME}@mappings"
LIFECYCLE: Final = f"{TEMPLATE_NAME}@lifecycle"
CUSTOM: Final = f"{TEMPLATE_NAME}@custom"
"""A component template of the user's own."""
VERSION: Final = 2
"""Raise it with every change below: a server that has a lower one is brought up to date."""

MANAGED_BY: Final = "sawlog"
PATTERN: Final = "logs-spring-*"
PRIORITY: Final = 300
"""Above Elasticsearch's own template ``logs`` (100) and those of Fleet (200)."""

KEYWORD_LIMIT: Final = 1024

_KEYWORD: Final[dict[str, Any]] = {"type": "keyword", "ignore_above": KEYWORD_LIMIT}
_TEXT: Final[dict[str, Any]] = {"type": "text", "norms": False}
_DATE: Final[dict[str, Any]] = {"type": "date"}
_LONG: Final[dict[str, Any]] = {"type": "long"}

FIELDS: Final[dict[str, dict[str, Any]]] = {
    # Nanoseconds do not fit beside dates before 1970 and after 2262; milliseconds sort, and the source keeps all.
    "@timestamp": _DATE,
    "message": _TEXT,
    "tags": _KEYWORD,
    "agent.id": _KEYWORD,
    "agent.name": _KEYWORD,
    "agent.type": _KEYWORD,
    "agent.version": _KEYWORD,
    "ecs.version": _KEYWORD,
    "error.message": _TEXT,
    "error.stack_trace": _TEXT,
    "error.type": _KEYWORD,
    "event.dataset": _KEYWORD,
    "event.ingested": _DATE,
    # The raw line is kept to be read; the fields made of it are searched.
    "event.original": {"type": "keyword", "index": False, "doc_values": False},
    "host.name": _KEYWORD,
    "log.file.path": _KEYWORD,
    "log.flags": _KEYWORD,
    "log.level": _KEYWORD,
    "log.logger": _KEYWORD,
    "log.offset": _LONG,
    "process.pid": _LONG,
    "process.thread.name": _KEYWORD,
    "service.environment": _KEYWORD,
    "service.name": _KEYWORD,
    "service.node.name": _KEYWORD,
    "service.version": _KEYWORD,
    "span.id": _KEYWORD,
    "trace.id": _KEYWORD,
    "transaction.id": _KEYWORD,
}


def index_template() -> dict[str, Any]:
    """Return the body of ``PUT /_index_template/sawlog-spring``."""
    return {
        "index_patterns": [PATTERN],
        "data_stream": {},
        "priority": PRIORITY,
        "composed_of": [SETTINGS, MAPPINGS, LIFECYCLE, CUSTOM],
        "ignore_missing_component_templates": [CUSTOM],
    }


def component_templates(retention: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the bodies of ``PUT /_component_template/…`` by name.

    `retention` is how long documents are kept, such as ``30d``; None: until somebody deletes them. In both cases
    the lifecycle rolls data streams over when their newest index is large or old enough.
    """
    lifecycle: dict[str, Any] = {"enabled": True}
    if retention is not None:
        lifecycle["data_retention"] = retention
    return {
        SETTINGS: {"template": {"settings": _settings()}},
        MAPPINGS: {"template": {"mappings": _mappings()}},
        LIFECYCLE: {"template": {"lifecycle": lifecycle}},
    }


def _settings() -> dict[str, Any]:
    return {
        "index": {
            # DEFLATE instead of LZ4: log lines shrink by another third for a little time on the server.
            "codec": "best_compression",
            # A page of logs is newest first; sorted segments let such a search end early.
            "sort": {"field": "@timestamp", "order": "desc"},
            # Five seconds between line and search; each refresh costs the server a segment.
            "refresh_interval": "5s",
            "mapping": {"total_fields": {"limit": 2000}},
        }
    }


def _mappings() -> dict[str, Any]:
    strings = {"match_mapping_type": "string", "mapping": _KEYWORD}
    return {
        # A string that happens to look like a date stays a string: the next one may not look like one.
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": [{"strings_as_keywords": strings}],
        "properties": _nested(FIELDS),
    }


def _nested(fields: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Turn dotted names into Elasticsearch's nesting of ``properties``."""
    properties: dict[str, Any] = {}
    for name, mapping in fields.items():
        *parents, last = name.split(".")
        node = properties
        for parent in parents:
            node = node.setdefault(parent, {"properties": {}})["properties"]
        node[last] = mapping
    return properties
