"""file: events from files, as they grow or once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final, cast

from ingest.codec.base import Codec
from ingest.codec.multiline import Joining, Multiline
from ingest.codec.settings import charset
from ingest.input.base import Input
from ingest.options import Block, Kind, Option, Options
from ingest.plugins import check
from ingest.settings import ECS_COMPATIBILITY, is_dynamic, is_ecs
from ingest.tailer import TailRequest
from sawlog.batch import Batch, Deliver, EventBatch, LineBatch, Source
from sawlog.errors import InputError
from sawlog.event import METADATA, Event, add_tag

_UNITS: Final = {
    "week": 604800.0, "day": 86400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0, "sec": 1.0,
    "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "w": 604800.0, "min": 60.0,
    "millisecond": 1e-3, "millis": 1e-3, "msec": 1e-3, "ms": 1e-3, "microsecond": 1e-6, "us": 1e-6, "usec": 1e-6,
}  # fmt: skip
_ONE_MODE: Final = "takes effect with mode => read"

_SHIPPER: Final = "files are read in blocks of 1 MiB, in turn"


class File(Input):
    """A file's lines keep their ``_id`` when they are read again."""

    name = "file"
    options: ClassVar[dict[str, Option]] = {
        "path": Option(Kind.ARRAY, "Files and globs, absolute.", required=True),
        "exclude": Option(Kind.ARRAY, "Shell patterns of file names that are left out.", []),
        "start_position": Option(
            Kind.STRING,
            "Where files that are there at the first start are begun; others are begun at their beginning.",
            "end",
            one_of=("beginning", "end"),
        ),
        "mode": Option(Kind.STRING, "tail: files grow; read: they are complete.", "tail", one_of=("tail", "read")),
        "sincedb_path": Option(Kind.STRING, "Where offsets are kept; /dev/null or NUL: nowhere."),
        "delimiter": Option(Kind.STRING, "What ends a line.", "\n"),
        "discover_interval": Option(Kind.NUMBER, "After how many stat_intervals new files are looked for.", 15),
        "stat_interval": Option(Kind.ANY, "How often files are looked at: seconds, or a text like 250 ms.", 1),
        "ignore_older": Option(Kind.ANY, "Files not written to for so long are not begun: 2 days, or seconds; 0: off."),
        "close_older": Option(Kind.ANY, "Files from which nothing has come for so long are closed.", 3600),
        "max_open_files": Option(Kind.NUMBER, "", noted="half of what the process may open, at most 1024"),
        "file_completed_action": Option(
            Kind.STRING, "What is done with a file that was read: delete, log, log_and_delete.", "delete",
            one_of=("delete", "log", "log_and_delete"),
        ),
        "file_completed_log_path": Option(Kind.STRING, "The file for the names of files that were read."),
        "exit_after_read": Option(Kind.BOOLEAN, "With mode => read: end when every file is read.", False),
        "file_sort_by": Option(Kind.STRING, "", noted="files are read in turn, a block of each"),
        "file_sort_direction": Option(Kind.STRING, "", noted="files are read in turn, a block of each"),
        "file_chunk_count": Option(Kind.NUMBER, "", noted=_SHIPPER),
        "file_chunk_size": Option(Kind.NUMBER, "", noted=_SHIPPER),
        "sincedb_write_interval": Option(Kind.ANY, "", noted="an offset is written when its batch is acknowledged"),
        "sincedb_clean_after": Option(Kind.ANY, "", noted="what is known of a file is kept"),
        "check_archive_validity": Option(Kind.BOOLEAN, "", noted="archives are not read; unpack them first"),
        "ecs_compatibility": ECS_COMPATIBILITY,
    }  # fmt: skip

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        reading = options["mode"] == "read"
        self._shaping = _Shaping(options, self.codec, self.decorate)
        for path in options["path"]:
            if not str(path).startswith("/"):
                raise options.error(f"'path' is absolute, and got '{path}'", "path")
        if options["delimiter"] not in ("\n", "\\n", "\r\n", "\\r\\n"):
            raise options.error("only line feeds end lines of files", "delimiter", "let another program write them")
        logs = reading and options["file_completed_action"] != "delete"
        if logs and not options["file_completed_log_path"]:
            raise options.error("'file_completed_action' needs 'file_completed_log_path'", "file_completed_action")
        for name in ("exit_after_read", "file_completed_action", "file_completed_log_path"):
            if not reading and options.given(name):
                options.notes.append(f"{options.positions[name]}: file: '{name}' {_ONE_MODE}")
        self.following = TailRequest(
            self.id,
            tuple(map(str, options["path"])),
            tuple(map(str, options["exclude"])),
            self._shaping.encoding,
            self._shaping.joining,
            from_end=not reading and options["start_position"] == "end",
            reading=reading,
            exit_after_read=reading and options["exit_after_read"],
            memory=options["sincedb_path"],
            scan_seconds=seconds(options, "stat_interval") * options["discover_interval"],
            close_after=seconds(options, "close_older"),
            ignore_older=(seconds(options, "ignore_older") or None) if options["ignore_older"] is not None else None,
            delete=reading and "delete" in options["file_completed_action"],
            completed=options["file_completed_log_path"] if logs else None,
        )

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        if self.tailer is None:
            raise InputError("the file input has nothing that tails; whoever runs it gives it that")
        tailer = self.tailer(self.following)

        async def take(batch: Batch) -> None:
            await deliver(self._shaping.shape(cast("LineBatch", batch)))

        await tailer.run(take)


class _Shaping:
    """Makes what is delivered of the lines that were cut: the fields of Logstash's file input, the codec's events."""

    def __init__(self, options: Options, codec: Callable[[], Codec], decorate: Callable[[Event], None] | None) -> None:
        self._ecs = is_ecs(options)
        self._sources: dict[tuple[str, str], tuple[Source, Source]] = {}
        given = options["codec"]
        block = given if isinstance(given, Block) else Block(given or "plain", [], options.position)
        resolved = check("codec", block)
        self.encoding = charset(resolved) if "charset" in resolved.values else "utf-8"
        self.joining: Joining | None = None
        self._codec: Codec | None = None
        self._tag = ""
        if block.name == "multiline":
            self.joining = cast("Multiline", codec()).joining
            self._tag = self.joining.tag
        elif block.name not in ("plain", "line") or resolved.values.get("ecs_compatibility") in ("v1", "v8"):
            self._codec = codec()
        dynamic = [options["type"], *options["tags"], *_texts(options["add_field"])]
        self._constant = decorate if decorate is None or not any(map(is_dynamic, dynamic)) else None
        self._decorate = decorate if self._constant is None else None

    def shape(self, batch: LineBatch) -> Batch:
        source = self._source(batch.source)
        if self._codec is None and self._decorate is None and not self._tag:
            return LineBatch(source, batch.texts, batch.offsets, batch.size, batch.hand_over(), batch.truncated)
        lines = LineBatch(source, batch.texts, batch.offsets, batch.size, batch.hand_over(), batch.truncated)
        events = lines.events()
        if self._codec is not None:
            events = [made for event in events for made in self._decoded(self._codec, event)]
        for event in events:
            if self._tag and "\n" in event["message"]:
                add_tag(event, self._tag)
            if self._decorate is not None:
                self._decorate(event)
        return EventBatch(source, events, batch.size, lines.hand_over())

    def _decoded(self, codec: Codec, event: Event) -> list[Event]:
        text: str = event.pop("message")
        data = (text + "\n").encode(self.encoding, "replace")
        found = [*codec.decode(data), *codec.flush()]
        made: list[Event] = []
        for number, one in enumerate(found):
            identity = event[METADATA]["_id"] + (f"-{number}" if number else "")
            made.append(_under(event, one, {METADATA: {"_id": identity}}))
        return made

    def _source(self, given: Source) -> Source:
        known = self._sources.get((given.key, given.path))
        if known is not None and known[0] is given:
            return known[1]
        host = given.fields.get("host", {}).get("name")
        fields: dict[str, Any]
        if self._ecs:
            fields = {"host": {"name": host}, "log": {"file": {"path": given.path}}}
        else:
            fields = {"host": host, "path": given.path}
        if self._constant is not None:
            self._constant(fields)
        made = Source(given.key, given.path, fields)
        self._sources[given.key, given.path] = (given, made)
        return made


def _under(below: Event, above: Event, last: Event) -> Event:
    """Join the events; where both have an object, its members."""
    result = dict(below)
    for event in (above, last):
        for key, value in event.items():
            old = result.get(key)
            result[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def seconds(options: Options, name: str) -> float:
    """Read a number of seconds, or a text such as ``1.5 hours`` or ``250 ms``.

    Raises:
        ConfigError: it is neither.
    """
    value = options[name]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip().lower())
    if match is not None:
        unit = match[2] or "second"
        scale = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if scale is not None:
            return float(match[1]) * scale
    raise options.error(f"'{name}' is a time like 30, 250 ms or 2 days, and got '{value}'", name)


def _texts(fields: dict[str, Any]) -> list[Any]:
    return [text for key, value in fields.items() for text in (key, *(value if isinstance(value, list) else [value]))]
