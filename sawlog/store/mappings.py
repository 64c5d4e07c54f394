"""The templates that sawlog installs: how Elasticsearch stores the fields of an event, and for how long.

Field names and types are those of the Elastic Common Schema (ECS) 8, with two exceptions, so that the template
works on every distribution, with or without Elastic's modules:

- ``message`` is ``text`` and not ``match_only_text``: it keeps positions, which makes phrases fast at the cost of
  some disk; norms are off, since nobody ranks log lines by length.
- ``error.stack_trace`` is ``text`` and not ``wildcard``: one looks for a class or a file name in it, which the
  standard analyser keeps as terms, rather than for an arbitrary piece of text.

What the template does not name:

- Strings become keywords; over `KEYWORD_LIMIT` characters they are kept in the document and left out of the index,
  because Lucene refuses terms over 32,766 bytes and with them the document. As ``ip`` and ``geo.location`` ECS has
  addresses and points of the earth.
- The first document with a field says what type it has. A later one that has a text where numbers were is kept,
  without that field in the index, rather than refused: services are many, and do not agree on names. The fields
  above are sawlog's own, and stay strict.
- An object may stand where a value was, and the other way round: ``service: orders`` beside ``service.name``, as older
  pipelines have it. The mapping has no objects but dotted names (``subobjects: false``); servers before 8.13, which
  have not learnt that, refuse such documents.
- Fields beyond `MOST_FIELDS` are kept in the document and left out of the index, where the server can do that.

The index template is composed of three component templates of ours and one of the user's, `CUSTOM`, which comes
last, may be absent, and is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TEMPLATE_NAME: Final = "sawlog-spring"
SETTINGS: Final = f"{TEMPLATE_NAME}@settings"
MAPPINGS: Final = f"{TEMPLATE_NAME}@mappings"
LIFECYCLE: Final = f"{TEMPLATE_NAME}@lifecycle"
CUSTOM: Final = f"{TEMPLATE_NAME}@custom"
"""A component template of the user's own."""
VERSION: Final = 4
"""Raise it with every change below: a server that has a lower one is brought up to date."""

MANAGED_BY: Final = "sawlog"
PATTERN: Final = "logs-spring-*"
PREFIX: Final = PATTERN.removesuffix("*")
"""What the names of our data streams begin with; documents in them say when they were ingested."""
PRIORITY: Final = 300
"""Above Elasticsearch's own template ``logs`` (100) and those of Fleet (200)."""

KEYWORD_LIMIT: Final = 1024
MOST_FIELDS: Final = 2000
BEYOND: Final = "ignore_dynamic_beyond_limit"
"""The setting that leaves out the fields beyond `MOST_FIELDS`; Elasticsearch before 8.13 does not know it."""

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
    "log.origin.file.line": _LONG,
    "log.offset": _LONG,
    "process.pid": _LONG,
    "process.thread.name": _KEYWORD,
    "sawlog.failure": _KEYWORD,
    "service.environment": _KEYWORD,
    "service.name": _KEYWORD,
    "service.node.name": _KEYWORD,
    "service.version": _KEYWORD,
    "span.id": _KEYWORD,
    "trace.id": _KEYWORD,
    "transaction.id": _KEYWORD,
}


def index_template(pattern: str = PATTERN) -> dict[str, Any]:
    """Return the body of ``PUT /_index_template/sawlog-spring``, or of that for a data stream of another name."""
    return {
        "index_patterns": [pattern],
        "data_stream": {},
        "priority": PRIORITY,
        "composed_of": [SETTINGS, MAPPINGS, LIFECYCLE, CUSTOM],
        "ignore_missing_component_templates": [CUSTOM],
    }


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How long documents are kept, such as ``30d``, or the ILM policy that says so; neither: until somebody deletes
    them. Without a policy, the data stream's own lifecycle rolls it over when its newest index is large or old enough.
    """

    retention: str | None = None
    policy: str | None = None

    def template(self) -> dict[str, Any]:
        """Return what stands below ``template`` in the component template."""
        if self.policy is not None:
            return {"settings": {"index": {"lifecycle": {"name": self.policy}}}}
        kept = {} if self.retention is None else {"data_retention": self.retention}
        return {"lifecycle": {"enabled": True, **kept}}

    @staticmethod
    def read(template: Mapping[str, Any]) -> Lifecycle:
        """Return what a component template of ours says."""
        policy = template.get("settings", {}).get("index", {}).get("lifecycle", {}).get("name")
        found = template.get("lifecycle", {}).get("data_retention")
        return Lifecycle(None if found is None else str(found), None if policy is None else str(policy))


def component_templates(
    lifecycle: Lifecycle | None = None, *, leave_out_beyond: bool = True
) -> dict[str, dict[str, Any]]:
    """Return the bodies of ``PUT /_component_template/…`` by name; `leave_out_beyond` asks for the setting `BEYOND`."""
    beyond = {BEYOND: True} if leave_out_beyond else {}
    return {
        SETTINGS: {"template": {"settings": _settings()}},
        MAPPINGS: {
            "template": {
                # The limit stands here, so that a server that does not know `BEYOND` gets mappings for older ones too.
                "settings": {"index": {"mapping": {"total_fields": {"limit": MOST_FIELDS, **beyond}}}},
                "mappings": _mappings(flat=leave_out_beyond),
            }
        },
        LIFECYCLE: {"template": (lifecycle or Lifecycle()).template()},
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
        }
    }


def _mappings(*, flat: bool) -> dict[str, Any]:
    """Return the mappings; `flat` ones know no objects, so that `service` and `service.name` can both be fields."""
    forgiving = {"ignore_malformed": True}
    return {
        **({"subobjects": False} if flat else {}),
        # A string that happens to look like a date stays a string: the next one may not look like one.
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": [
            {"points": {"path_match": "*.geo.location", "mapping": {"type": "geo_point", **forgiving}}},
            {
                "addresses": {
                    "match_mapping_type": "string",
                    "path_match": "*.ip",
                    "mapping": {"type": "ip", **forgiving},
                }
            },
            {"strings_as_keywords": {"match_mapping_type": "string", "mapping": _KEYWORD}},
            {"integers": {"match_mapping_type": "long", "mapping": {"type": "long", **forgiving}}},
            # By itself it would make floats, of seven digits.
            {"numbers": {"match_mapping_type": "double", "mapping": {"type": "double", **forgiving}}},
        ],
        "properties": FIELDS if flat else _nested(FIELDS),
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
