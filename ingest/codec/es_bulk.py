"""es_bulk: the body of Elasticsearch's ``_bulk``: actions, and below each its document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ingest.codec import settings
from ingest.codec.base import Codec
from ingest.failure import fail
from ingest.options import Kind, Option, Options
from ingest.settings import EITHER_WAY
from sawlog.event import METADATA, Event
from sawlog.json_text import decode

_ACTIONS = ("create", "delete", "index", "update")


class EsBulk(Codec):
    """What an action says is in ``@metadata``, and its name in ``[@metadata][action]``."""

    name = "es_bulk"
    encodes = False
    options: ClassVar[dict[str, Option]] = {
        "parse_update": Option(
            Kind.BOOLEAN, "Whether an update's document is what its `doc` or `params` holds.", False
        ),
        "parse_scripted_upsert": Option(Kind.BOOLEAN, "Whether `params` of an update with a script count, too.", True),
        "ecs_compatibility": EITHER_WAY,
    }

    def __init__(self, options: Options) -> None:
        self._update: bool = options["parse_update"]
        self._scripted: bool = options["parse_scripted_upsert"]
        self._lines = settings.LineCutter("utf-8")
        self._records = settings.Records(None, keep_original=False)
        self._about: dict[str, Any] | None = None

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        return self._events(self._lines.feed(data))

    def flush(self) -> Iterable[Event]:  # noqa: D102 - Codec.flush
        events = self._events([self._lines.rest()])
        if self._about is not None:
            events.append(_failure(f"the action '{self._about['action']}' has no document", ""))
            self._about = None
        return events

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        raise NotImplementedError("it is refused in outputs")

    def _events(self, lines: list[str]) -> list[Event]:
        return [event for line in lines if line and not line.isspace() for event in self._line(line)]

    def _line(self, line: str) -> list[Event]:
        try:
            value = decode(line)
            if not isinstance(value, dict):
                raise ValueError("only an object is an action or a document")
            if self._about is not None:
                return [self._document(value)]
            return self._action(value)
        except (ValueError, RecursionError) as error:
            self._about = None
            return [_failure(str(error), line)]

    def _action(self, value: dict[str, Any]) -> list[Event]:
        name, about = next(iter(value.items()), ("", None))
        if name not in _ACTIONS or not isinstance(about, dict):
            raise ValueError("expected an action such as {'index': {}}")
        about = {**about, "action": name}
        if about.get("_id") is None:
            # Where none is given, the input makes one.
            about.pop("_id", None)
        else:
            about["_id"] = str(about["_id"])
        if name == "delete":
            return [{METADATA: about}]
        self._about = about
        return []

    def _document(self, value: dict[str, Any]) -> Event:
        about, self._about = self._about or {}, None
        if about["action"] == "update" and self._update:
            value = self._updated(value, about)
        event = self._records.event(value)
        event[METADATA] = {**event.get(METADATA, {}), **about}
        return event

    def _updated(self, value: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
        """Return the document of an update; what else it says goes to the action."""
        if isinstance(value.get("doc"), dict):
            if "doc_as_upsert" in value:
                about["doc_as_upsert"] = value["doc_as_upsert"]
            return dict(value["doc"])
        if not self._scripted or not isinstance(value.get("params"), dict):
            return value
        about["scripted_upsert"] = True
        for key, kind in (("script_id", "indexed"), ("script", "inline")):
            if key in value:
                about |= {"script": value[key], "script_type": kind}
        if "lang" in value:
            about["script_lang"] = value["lang"]
        if "upsert" in value:
            about["upsert"] = settings.encode_json(value["upsert"]).decode()
        return dict(value["params"])


def _failure(reason: str, line: str) -> Event:
    event: Event = {"message": line}
    fail(event, ["_jsonparsefailure"], f"es_bulk: {reason}")
    return event
