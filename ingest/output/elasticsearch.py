"""elasticsearch: events as documents of indices or data streams.

What Logstash's output does, with one difference: where the file gives neither an action nor a document_id, an event
is created under its own `_id`, once. A batch that is sent again therefore changes nothing; Logstash would index
its events a second time.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

from ingest.elastic_connection import api_key_of, hosts_of, login_of
from ingest.lang.sprintf import Template, compile_sprintf, is_constant, render
from ingest.options import Options
from ingest.output import tls
from ingest.output.base import Output
from ingest.output.elasticsearch_options import NOT_IN_DATA_STREAMS, OPTIONS
from sawlog.columns import Columns
from sawlog.dead_letter import DeadLetter, dead_letter_of
from sawlog.errors import ConfigError, StoreError
from sawlog.event import METADATA, Event, mark_ingested
from sawlog.store import mappings
from sawlog.store.base import DOCUMENT_BYTES, Bulk, Refusal, Store
from sawlog.store.dead_letter_index import index_letters
from sawlog.store.delivery import Delivery
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.gathering import Gathering
from sawlog.times.instant import now

log = logging.getLogger(__name__)

_ACTIONS: Final = ("create", "index", "update", "delete")
_SYNCHRONISED: Final = ("type", "dataset", "namespace")
_ILLEGAL: Final = frozenset('\\/*?"<>| ,#:')
"""Characters that no part of a data stream's name has."""


class Elasticsearch(Output):
    """Retries document by document, without end, what the cluster refuses for now."""

    name = "elasticsearch"
    product: ClassVar[str] = "Elasticsearch"
    options: ClassVar = OPTIONS

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.given("codec"):
            options.notes.append(f"{options.positions['codec']}: elasticsearch: 'codec' has no effect, as in Logstash")
        tls.check(options)
        self._options = options
        self._hosts = hosts_of(options)
        self._username, self._password = login_of(options)
        self._api_key = api_key_of(options)
        self._streams = _is_data_stream(options)
        self._stream = {part: _part(options, f"data_stream_{part}") for part in _SYNCHRONISED}
        self._stream_name = "-".join(self._stream.values())
        self._target = (
            self._stream_of if self._streams else _template(options, "index", f"{_prefix(options)}-%{{+yyyy.MM.dd}}")
        )
        action = _action(options, self._streams)
        self._action = _template(options, "action", action)
        self._constant: tuple[str, str] | None = None
        """The index and action of all events, if those do not depend on the event."""
        if is_constant(action) and not self._streams and is_constant(options["index"] or "%{+yyyy}"):
            self._constant = (options["index"], action)
        elif is_constant(action) and self._streams and not options["data_stream_auto_routing"]:
            self._constant = (self._stream_name, action)
        self._document_id = _optional(options, "document_id")
        self._beside = _beside(options)
        self._update = _update(options)
        self._store: ElasticsearchStore | None = None
        self._gathering: Gathering | None = None
        self._dead_letter_index: str | None = options["dead_letter_index"]

    @property
    def store(self) -> Store | None:  # noqa: D102 - Output.store
        return self._store

    async def open(self) -> None:  # noqa: D102 - Output.open
        options = self._options
        store = ElasticsearchStore(
            self._hosts,
            username=self._username,
            password=self._password,
            api_key=self._api_key,
            compress=_compresses(options),
            timeout=float(options["timeout"]),
            sniff=options["sniffing"],
            headers=_texts(options["custom_headers"]),
            parameters=_texts(options["parameters"]),
            proxy=options["proxy"] or None,
            ssl_context=self._tls(),
            template=self._wants_our_template(),
            product=self.product,
        )
        try:
            await store.open()
            await self._install_template(store)
        except BaseException:
            await store.close()
            raise
        self._store = store
        delivery = Delivery(
            store,
            first_wait=float(options["retry_initial_interval"]),
            longest_wait=float(options["retry_max_interval"]),
            tell=self._tell,
        )
        self._gathering = Gathering(delivery)

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        if self._gathering is None:
            raise StoreError("the elasticsearch output is not open")
        bulk = self._columns(events) if isinstance(events, Columns) else None
        if bulk is not None:
            refused: Sequence[Refusal] = (await self._gathering.deliver(bulk)).refused
        else:
            refused = await self._send(list(events))
        return (
            await self._index_refused(events, refused, self._dead_letter_index)
            if self._dead_letter_index and refused
            else refused
        )

    async def _send(self, events: list[Event]) -> Sequence[Refusal]:
        assert self._gathering is not None
        refusals: list[Refusal] = []
        for (index, action), group in self._groups(events).items():
            if wrong := _wrong(index, action):
                refusals += [Refusal(position, 400, "illegal_request", wrong) for position in group.positions]
                continue
            bulk = self._bulk(index, action, group.events)
            delivered = await self._gathering.deliver(bulk)
            refusals += [replace(one, position=group.positions[one.position]) for one in delivered.refused]
        return refusals

    def _columns(self, events: Columns) -> Bulk | None:
        """Make a bulk of columns as they are; None when the options ask something of each event."""
        if self._document_id is not None or self._beside is not None or events.has("data_stream"):
            return None
        if self._streams:
            index, action = self._stream_name, "create"
        elif self._constant is not None:
            index, action = self._constant
        else:
            return None
        if action != "create" or _wrong(index, action):
            return None
        ingested = now() if index.startswith(mappings.PREFIX) else None
        added = {"data_stream": self._stream} if self._streams and self._options["data_stream_sync_fields"] else None
        return Bulk.of_columns(events, index, ingested=ingested, added=added)

    def _tell(self, problem: str | None) -> None:
        self.problem = problem

    async def _index_refused(
        self, events: Sequence[Event], refusals: Sequence[Refusal], index: str
    ) -> Sequence[Refusal]:
        """Index what was refused as text where dead letters are wanted; return what is refused there, too."""
        assert self._gathering is not None
        letters = [dead_letter_of(events[one.position], index, one) for one in refusals]
        left = await index_letters(self._gathering, letters, index)
        log.warning("%d events were refused (%s); they are in %s", len(refusals), refusals[0].reason, index)
        return [refusals[position] for position in left]

    def index_of(self, event: Event) -> str:  # noqa: D102 - Output.index_of
        return self._target(event)

    def dead_letter(self, event: Event, refusal: Refusal) -> DeadLetter:
        """Make the dead letter of what was sent: the document, its id and what stood beside it, as the options say."""
        index, action = self._target(event), self._action(event)
        if _wrong(index, action):
            return super().dead_letter(event, refusal)
        bulk = self._bulk(index, action, [event])
        return DeadLetter(
            index=index,
            id=bulk.ids[0],
            status=refusal.status,
            type=refusal.type,
            reason=refusal.reason,
            document=bulk.documents[0],
            action=action,
            metadata={} if bulk.metadata is None else dict(bulk.metadata[0]),
        )

    async def close(self) -> None:  # noqa: D102 - Output.close
        store, self._store = self._store, None
        gathering, self._gathering = self._gathering, None
        if gathering is not None:
            await gathering.close()
        if store is not None:
            await store.close()

    def _groups(self, events: list[Event]) -> dict[tuple[str, str], _Group]:
        """Sort events by index and action; mostly all have the same."""
        if self._constant is not None:
            return {self._constant: _Group(events, range(len(events)))}
        groups: dict[tuple[str, str], _Group] = {}
        for position, event in enumerate(events):
            key = (self._target(event), self._action(event))
            group = groups.get(key)
            if group is None:
                group = groups[key] = _Group([], [])
            group.events.append(event)
            group.positions.append(position)  # type: ignore[union-attr] # a list, made three lines above
        return groups

    def _bulk(self, index: str, action: str, events: list[Event]) -> Bulk:
        documents = [event.copy() for event in events]
        metadata = [document.pop(METADATA, None) for document in documents]
        if self._document_id is not None:
            ids = list(map(self._document_id, events))
        else:
            ids = [(about and about.get("_id")) or uuid.uuid4().hex for about in metadata]
        if self._streams and self._options["data_stream_sync_fields"]:
            for document in documents:
                document["data_stream"] = self._synchronised(document.get("data_stream"))
        if index.startswith(mappings.PREFIX) and action in {"create", "index"}:
            # Nothing is added to documents elsewhere: their mappings may be strict, and Logstash adds nothing.
            mark_ingested(documents)
        if action == "update":
            documents = list(map(self._update, documents, events))
        beside = None if self._beside is None else list(map(self._beside, events))
        return Bulk(ids, documents, index, size=_size(events), action=action, metadata=beside)

    def _stream_of(self, event: Event) -> str:
        """Name the data stream: by the event's field ``data_stream``, else by the options."""
        given = event.get("data_stream")
        if not isinstance(given, dict) or not self._options["data_stream_auto_routing"]:
            return self._stream_name
        return "-".join({**self._stream, **_known_parts(given)}.values())

    def _synchronised(self, given: Any) -> dict[str, Any]:
        """Return the field ``data_stream`` so that it agrees with the name of the data stream."""
        if not isinstance(given, dict):
            return self._stream
        if self._options["data_stream_auto_routing"]:
            return {**given, **self._stream, **_known_parts(given)}
        return {**given, **self._stream}

    def _tls(self) -> Any:
        if not any(host.startswith("https:") for host in self._hosts):
            return None
        return tls.context(self._options, verify=self._options["ssl_certificate_verification"])

    def _wants_our_template(self) -> bool:
        """Whether documents may go where sawlog's own template holds, so that it is to be there."""
        if not self._options["manage_template"] or self._options["template"]:
            return False
        if self._streams:
            return self._stream["type"] == "logs" and f"{self._stream_name}-".startswith(mappings.PREFIX)
        return str(self._options["index"] or "").startswith(mappings.PREFIX)

    async def _install_template(self, store: ElasticsearchStore) -> None:
        options = self._options
        if not options["template"] or not options["manage_template"]:
            return
        template = _read_template(options)
        legacy = options["template_api"] == "legacy"
        if options["template_api"] == "auto":
            # The older interface has the mappings at the top, the newer one in `template`.
            legacy = "template" not in template or isinstance(template["template"], str)
        name = options["template_name"] or _prefix(options)
        await store.put_template(name, template, overwrite=options["template_overwrite"], legacy=legacy)


@dataclass(slots=True)
class _Group:
    """The events that go to one index by one action, and where they stood in the batch, side by side."""

    events: list[Event]
    positions: list[int] | range


def _size(events: list[Event]) -> int:
    """Guess how many bytes the documents have, so that requests stay small: texts are the most of them."""
    return sum([len(str(event.get("message", ""))) for event in events]) + DOCUMENT_BYTES * len(events)


def _wrong(index: str, action: str) -> str | None:
    """Say what is wrong with what an event's fields have made of the options, if something is."""
    if "%{" in index or not index:
        return f"the index is '{index}': a field of the event is missing"
    if action not in _ACTIONS:
        return f"there is no action '{action}'"
    return None


def _is_data_stream(options: Options) -> bool:
    """Decide as Logstash 8 does: yes, if asked for, or if no option speaks against it."""
    against = [name for name in NOT_IN_DATA_STREAMS if options.given(name)]
    if options.given("action") and options["action"] != "create":
        against.append("action")
    wanted = options["data_stream"]
    if wanted == "true" and against:
        raise options.error(f"a data stream takes no '{against[0]}'", against[0], "set data_stream => false")
    if options["ecs_compatibility"] == "disabled":
        if wanted == "true":
            raise options.error("a data stream needs ecs_compatibility", "ecs_compatibility")
        wanted = "false"
    streams = wanted == "true" or (wanted == "auto" and not against)
    given = [name for name in OPTIONS if name.startswith("data_stream_") and options.given(name)]
    if given and not streams:
        reason = f"because of '{against[0]}'" if against else "because of its options"
        raise options.error(f"'{given[0]}' is for data streams, and this output writes to an index {reason}", given[0])
    return streams


def _part(options: Options, name: str) -> str:
    text: str = options[name]
    if not text or len(text.encode()) > 100 or _ILLEGAL.intersection(text):
        raise options.error(f"'{text}' cannot be part of a data stream's name", name)
    return text


def _known_parts(given: Mapping[str, Any]) -> dict[str, str]:
    return {part: str(given[part]) for part in _SYNCHRONISED if given.get(part)}


def _prefix(options: Options) -> str:
    """Return what the names of Logstash's own indices and template begin with."""
    return "logstash" if options["ecs_compatibility"] == "disabled" else "ecs-logstash"


def _action(options: Options, streams: bool) -> str:
    given = options["action"]
    if given is None:
        return "index" if options["document_id"] is not None and not streams else "create"
    if "%{" not in given and given not in _ACTIONS:
        raise options.error(f"there is no action '{given}'", "action", f"one of {', '.join(_ACTIONS)}")
    if given in {"update", "delete"} and options["document_id"] is None:
        raise options.error(f"the action '{given}' needs a document_id", "action")
    return str(given)


def _beside(options: Options) -> Callable[[Event], Mapping[str, Any]] | None:
    """Return the function that makes what stands beside the id in an action line; None if nothing does."""
    makers = {name: made for name in ("routing", "pipeline", "version") if (made := _optional(options, name))}
    version_type = {"version_type": options["version_type"]} if options["version_type"] else {}
    retries = {"retry_on_conflict": int(options["retry_on_conflict"])} if options["action"] == "update" else {}
    always = {**version_type, **retries}
    if not makers:
        return (lambda event: always) if always else None

    def beside(event: Event) -> Mapping[str, Any]:
        made = {name: maker(event) for name, maker in makers.items()}
        # What no field has filled in stands for nothing, as in Logstash.
        return {**always, **{name: value for name, value in made.items() if value and "%{" not in value}}

    return beside


def _update(options: Options) -> Callable[[dict[str, Any], Event], dict[str, Any]]:
    """Return the function that makes the body of an update from a document."""
    script = _optional(options, "script")
    upsert = _optional(options, "upsert")

    def body(document: dict[str, Any], event: Event) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if upsert:
            try:
                made["upsert"] = json.loads(upsert(event))
            except ValueError:
                made["upsert"] = {}
        if script is None:
            made["doc"] = document
            if options["doc_as_upsert"]:
                made["doc_as_upsert"] = True
            return made
        if options["scripted_upsert"]:
            made |= {"scripted_upsert": True, "upsert": made.get("upsert", {})}
        kind = "id" if options["script_type"] == "indexed" else "source"
        made["script"] = {kind: script(event), "params": {options["script_var_name"]: document}}
        if kind == "source":
            made["script"]["lang"] = options["script_lang"]
        return made

    return body


def _compresses(options: Options) -> bool | None:
    if options.given("compression_level"):
        return bool(options["compression_level"])
    return options["http_compression"] if options.given("http_compression") else None


def _read_template(options: Options) -> dict[str, Any]:
    try:
        template = json.loads(Path(options["template"]).read_bytes())
    except OSError as error:
        raise options.error(f"{options['template']} cannot be read: {error.strerror}", "template") from None
    except ValueError as error:
        raise options.error(f"{options['template']} is no JSON: {error}", "template") from None
    if not isinstance(template, dict):
        raise options.error(f"{options['template']} is no index template", "template")
    return template


def _texts(given: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(name): render(value) for name, value in (given or {}).items()}


def _optional(options: Options, name: str) -> Template | None:
    return None if options[name] is None else _template(options, name)


def _template(options: Options, name: str, default: str | None = None) -> Template:
    try:
        return compile_sprintf(str(default if options[name] is None else options[name]))
    except ConfigError as error:
        raise options.error(error.message, name, error.hint) from None
