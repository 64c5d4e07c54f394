"""What codecs share: their common options, character sets, streams cut into lines, events made and written."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ingest.failure import fail
from ingest.lang import ruby
from ingest.lang.field import parse_field
from ingest.lang.sprintf import compile_sprintf, render
from ingest.options import Kind, Option, Options
from sawlog.errors import ConfigError
from sawlog.event import METADATA, TIMESTAMP, Event, Path, add_tag, get, put
from sawlog.json_text import decode
from sawlog.times.instant import normalise

CHARSET = Option(Kind.STRING, "The character set, in Ruby's or Python's words; what it cannot read becomes �.", "UTF-8")
FORMAT = Option(Kind.STRING, "How an event is written; takes sprintf. Not given: time, host and message.")
DELIMITER = Option(Kind.STRING, "What ends a line.", "\n")
TARGET = Option(Kind.FIELD, "The field for the object's members; the event itself if not given.")
ECS_COMPATIBILITY = Option(
    Kind.STRING,
    "Given as v1 or v8, the text as it came is kept in event.original; when not given, it is not, to save disk.",
    one_of=("disabled", "v1", "v8"),
    differs="the text as it came is not kept a second time in event.original, where Logstash 8 keeps it",
)

LONGEST: Final = 64 << 20
"""Characters after which a line that does not end comes in pieces: memory has an end."""

_RUBY_NAMES: Final = {"ascii-8bit": "latin-1", "binary": "latin-1", "windows-31j": "cp932", "emacs-mule": "utf-8"}
_encoder: Final = msgspec.json.Encoder()


def charset(options: Options) -> str:
    """Return Python's name of the character set that the options ask for."""
    name = str(options["charset"])
    try:
        return codecs.lookup(_RUBY_NAMES.get(name.lower(), name)).name
    except (LookupError, ValueError):  # the latter for a name with a NUL in it
        hint = "such as UTF-8, ISO-8859-1 or CP1252"
        raise options.error(f"there is no character set '{name}'", "charset", hint) from None


def delimiter(options: Options) -> str:
    """Return the delimiter that the options ask for."""
    if not options["delimiter"]:
        raise options.error("a delimiter has at least one character", "delimiter")
    return str(options["delimiter"])


def target(options: Options) -> Path | None:
    """Return the path of the option ``target``, or None."""
    if options["target"] is None:
        return None
    try:
        return parse_field(options["target"])
    except ConfigError as error:
        raise options.error(error.message, "target", error.hint) from None


class LineCutter:
    """Cuts the bytes of one stream into lines, however they are chunked; the delimiters are taken off."""

    def __init__(self, charset: str, delimiter: str = "\n", limit: int = LONGEST) -> None:
        self._decoder = codecs.getincrementaldecoder(charset)(ruby.ESCAPING if charset == "utf-8" else "replace")
        self._delimiter = delimiter
        self._limit = limit
        self._pending: list[str] = []
        self._length = 0

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that these bytes complete."""
        text = self._decoder.decode(data)
        # A line that comes in many chunks is joined once, not at each; a long delimiter may be cut itself.
        if len(self._delimiter) == 1 and self._delimiter not in text:
            self._keep(text)
            lines = []
        else:
            lines = (self._take() + text).split(self._delimiter)
            self._keep(lines.pop())
        if self._length > self._limit:
            lines.append(self._take())
        return lines

    def rest(self) -> str:
        """Return what is unfinished; the stream is over or has paused."""
        self._keep(self._decoder.decode(b"", final=True))
        return self._take()

    def _keep(self, text: str) -> None:
        self._pending.append(text)
        self._length += len(text)

    def _take(self) -> str:
        text = "".join(self._pending)
        self._pending.clear()
        self._length = 0
        return text


def text_events(texts: list[str], keep_original: bool) -> list[Event]:
    """Make an event of each text."""
    if keep_original:
        return [{"message": text, "event": {"original": text}} for text in texts]
    return [{"message": text} for text in texts]


def keeps_original(options: Options) -> bool:
    """Whether the text as it came goes to ``event.original``."""
    return options["ecs_compatibility"] in {"v1", "v8"}


def writer(options: Options) -> Callable[[Event], str]:
    """Return the function that writes an event as the option ``format`` says, or as Logstash's ``to_s`` does."""
    if options["format"] is None:
        return _to_text
    try:
        return compile_sprintf(options["format"])
    except ConfigError as error:
        raise options.error(error.message, "format", error.hint) from None


def _to_text(event: Event) -> str:
    host, message = event.get("host"), event.get("message")
    parts = (event.get(TIMESTAMP), "%{host}" if host is None else host, "%{message}" if message is None else message)
    return " ".join(render(part) for part in parts if part is not None)


class Records:
    """Makes events of JSON texts."""

    def __init__(self, target: Path | None, keep_original: bool) -> None:
        self._target = target
        self._keep_original = keep_original
        self.keep_metadata = False
        """Whether a text may say something of ``@metadata``."""

    def events(self, text: str) -> list[Event]:
        """Return the event of an object, those of a list, or one that holds the text and the reason."""
        try:
            return self.read(text)
        except (ValueError, RecursionError) as error:
            return [self.failed(text, str(error))]

    def read(self, text: str) -> list[Event]:
        """Return the event of an object or those of a list; raise ValueError or RecursionError for anything else."""
        value = decode(text)
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, dict) for one in values):
            raise ValueError("only an object, or a list of objects, has fields")
        return [self.event(one, text) for one in values]

    def failed(self, text: str, reason: str) -> Event:
        """Make the event of a text that cannot be read."""
        event: Event = {"message": text}
        fail(event, ["_jsonparsefailure"], f"json: {reason}")
        return event

    def event(self, fields: dict[str, Any], text: str = "") -> Event:
        """Make the event of an object, which becomes it; `text` is what it was read of."""
        if self._target is not None:
            event: Event = {}
            put(event, self._target, fields)
        else:
            event = fields
            if not self.keep_metadata:
                # Where an event stood and what its id is, its input says, not its sender.
                event.pop(METADATA, None)
            _settle_timestamp(event)
            _settle_tags(event)
        if self._keep_original and get(event, ("event", "original")) is None:
            put(event, ("event", "original"), text)
        return event


def _settle_timestamp(event: Event) -> None:
    given = event.pop(TIMESTAMP, None)
    if given is None:
        return
    instant = normalise(given) if isinstance(given, str) else None
    if instant is None:
        add_tag(event, "_timestampparsefailure")
        event["_@timestamp"] = given if isinstance(given, str) else _encoder.encode(given).decode()
    else:
        event[TIMESTAMP] = instant


def _settle_tags(event: Event) -> None:
    tags = event.get("tags")
    if tags is None or (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        return
    if isinstance(tags, str):
        event["tags"] = [tags]
    else:
        event["_tags"] = tags
        event["tags"] = ["_tagsparsefailure"]


def encode_json(event: Event) -> bytes:
    """Write an event as JSON, without its metadata."""
    if METADATA in event:
        event = {name: value for name, value in event.items() if name != METADATA}
    return _encoder.encode(event)
