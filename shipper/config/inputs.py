"""The inputs: ``filebeat.inputs``, the older ``filebeat.prospectors``, and the files they may stand in."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any, Final

from sawlog.errors import ConfigError, nearest
from sawlog.event import METADATA, Event, put
from sawlog.yaml_tree import Entry, Mapping, Scalar, Sequence, Tree, is_empty
from shipper.config.processors import read_processors
from shipper.config.receivers import OF_EACH, RECEIVERS, read_receiver
from shipper.config.schema import Schema, SectionOptions, Values, done, is_false, noted, refused, renamed
from shipper.config.values import ValueKind
from shipper.input.settings import ReceiverSettings
from shipper.settings import (
    CLEAN_SECONDS,
    HOLD_SECONDS,
    ContainerFormat,
    FileInput,
    JsonSettings,
    MultilineSettings,
    Parser,
    SpringBoot,
)

MULTILINE: Final[SectionOptions] = {
    "type": done(ValueKind.TEXT, "pattern", one_of=("pattern", "count", "while_pattern")),
    "pattern": done(ValueKind.REGEX),
    "negate": done(ValueKind.BOOL, False),
    "match": done(ValueKind.TEXT, "after", one_of=("after", "before")),
    "count_lines": done(ValueKind.INTEGER, 0, least=0),
    "max_lines": done(ValueKind.INTEGER, 500, least=0),
    "timeout": done(ValueKind.DURATION, 5.0, least=0),
    "flush_pattern": done(ValueKind.REGEX),
    "skip_newline": done(ValueKind.BOOL, False),
}

JSON: Final[SectionOptions] = {
    "keys_under_root": done(ValueKind.BOOL),
    "overwrite_keys": done(ValueKind.BOOL, False),
    "add_error_key": done(ValueKind.BOOL, False),
    "message_key": done(
        ValueKind.TEXT, word="for `ndjson`, and where its place is taken, the text is the message, too"
    ),
    "expand_keys": noted("dotted keys always become nested ones in an event", True),
    "ignore_decoding_error": noted("what is no JSON is never logged; `add_error_key` says it in the event", True),
    "target": done(ValueKind.TEXT),
    "document_id": done(ValueKind.TEXT),
    "process_array": refused("use the processor decode_json_fields", False),
    "max_depth": refused("use the processor decode_json_fields", 1),
    "fields": refused("use the processor decode_json_fields"),
}

CONTAINER: Final[SectionOptions] = {
    "stream": done(ValueKind.TEXT, "all", one_of=("all", "stdout", "stderr")),
    "format": done(ValueKind.TEXT, "auto", one_of=("auto", "docker", "cri", "json-file")),
}

SPRING_BOOT: Final[SectionOptions] = {
    "max_lines": done(ValueKind.INTEGER, 2000, least=1, word="an event is ended there, and the rest is the next"),
    "timeout": done(ValueKind.DURATION, 1.0, least=0),
}

_ENGINE: Final = "a line that is not in the engine's format is sent as it is, with the reason in `error.message`"
_SWITCH: Final = "a mark of Filebeat's own, which asks for nothing"

_IDENTITY: Final = "a file is known by its device, inode and content, and may be renamed"
_CLOSING: Final = "a file is read to its end, and closed when nothing has come for `close_inactive`"
_BLOCKS: Final = "files are read in blocks of a fixed size"
_LOOKING: Final = "open files are looked at five times a second"

INPUT: Final[SectionOptions] = {
    "type": done(ValueKind.TEXT, "log", word="log, filestream, container, docker, stdin; others have other tables"),
    **OF_EACH,
    "id": done(ValueKind.TEXT, word="not needed: files are known by themselves, so a filestream without id is fine"),
    "paths": done(ValueKind.TEXTS, ()),
    "path": renamed("paths"),
    "recursive_glob.enabled": done(ValueKind.BOOL, True),
    "exclude_files": done(ValueKind.REGEXES, ()),
    "prospector.scanner.exclude_files": renamed("exclude_files"),
    "prospector.scanner.include_files": done(ValueKind.REGEXES, ()),
    "include_lines": done(ValueKind.REGEXES, ()),
    "exclude_lines": done(ValueKind.REGEXES, ()),
    "encoding": done(ValueKind.ENCODING, "utf-8", word="Filebeat's names, and those of Python's codecs"),
    "line_terminator": done(
        ValueKind.TEXT,
        "auto",
        word="auto, line_feed and carriage_return_line_feed are the same; the others are refused",
    ),
    "max_bytes": done(ValueKind.SIZE, 10 << 20, least=1),
    "message_max_bytes": renamed("max_bytes"),
    "harvester_buffer_size": noted(_BLOCKS, 16384),
    "buffer_size": noted(_BLOCKS, 16384),
    "keep_null": done(ValueKind.BOOL, False),
    "scan_frequency": done(ValueKind.DURATION, 10.0, least=0),
    "prospector.scanner.check_interval": renamed("scan_frequency"),
    "ignore_older": done(ValueKind.DURATION),
    "ignore_inactive": refused("files that were not written to are read too; `ignore_older` leaves old ones out", ""),
    "tail_files": done(ValueKind.BOOL, False),
    "seek_to_tail": renamed("tail_files"),
    "harvester_limit": noted("files at their ends are closed when too many are open", 0),
    "symlinks": done(ValueKind.BOOL, False, word="inputs of the types container and docker always follow links"),
    "prospector.scanner.symlinks": renamed("symlinks"),
    "prospector.scanner.recursive_glob": renamed("recursive_glob.enabled"),
    "prospector.scanner.resend_on_touch": noted("a touched file has no new lines", False),
    "prospector.scanner.fingerprint.*": noted(_IDENTITY),
    "scan.sort": noted("files take turns, a block each", ""),
    "scan.order": noted("files take turns, a block each"),
    "file_identity": noted(_IDENTITY),
    "file_identity.*": noted(_IDENTITY),
    "close_inactive": done(ValueKind.DURATION, 300.0, least=0),
    "close_older": renamed("close_inactive"),
    "close_removed": noted(_CLOSING),
    "close_renamed": noted(_CLOSING),
    "close_eof": noted(_CLOSING),
    "close_timeout": done(
        ValueKind.DURATION, 0, least=0, word="for deleted files only, which are held for 24h otherwise"
    ),
    "force_close_files": noted(_CLOSING),
    "force_close_windows_files": noted(_CLOSING),
    "close.on_state_change.inactive": renamed("close_inactive"),
    "close.on_state_change.removed": noted(_CLOSING),
    "close.on_state_change.renamed": noted(_CLOSING),
    "close.on_state_change.check_interval": noted("changes are told by the system, or found by the scan"),
    "close.reader.on_eof": noted(_CLOSING),
    "close.reader.after_interval": renamed("close_timeout"),
    "clean_inactive": done(
        ValueKind.DURATION, 0, least=0, word="counts from when the file is gone, not from its last line"
    ),
    "clean_removed": done(ValueKind.BOOL, True, word="an hour after the file was last there"),
    "backoff": noted(_LOOKING),
    "backoff.init": noted(_LOOKING),
    "max_backoff": noted(_LOOKING),
    "backoff.max": noted(_LOOKING),
    "backoff_factor": noted(_LOOKING),
    "partial_line_waiting": noted("a partial last line waits until it is whole"),
    "multiline": done(ValueKind.TREE),
    "json": done(ValueKind.TREE),
    "parsers": done(ValueKind.TREE, word="of every type of input: multiline, ndjson, container, springboot"),
    "springboot": done(
        ValueKind.TREE,
        word="sawlog's own: `true`, or the options of the parser, joins what Spring Boot logged in one go",
    ),
    "stream": done(ValueKind.TEXT, "all", one_of=("all", "stdout", "stderr"), word=_ENGINE),
    "format": done(ValueKind.TEXT, "auto", one_of=("auto", "docker", "cri", "json-file")),
    "containers.ids": done(ValueKind.TEXTS, ()),
    "containers.path": done(ValueKind.TEXT, "/var/lib/docker/containers"),
    "containers.stream": renamed("stream"),
    "combine_partials": done(ValueKind.BOOL, True),
    "combine_partial": renamed("combine_partials"),
    "cri.parse_flags": noted("the flags of the CRI's lines are always read"),
    "cri.force": noted("the format is told by the lines"),
    "take_over": noted("the registry knows a file by itself, whatever the type of input"),
    "take_over.*": noted("the registry knows a file by itself, whatever the type of input"),
    "legacy_clean_inactive": noted(_SWITCH),
    "allow_deprecated_use": noted(_SWITCH),
    "allow_deprecated_id_duplication": noted(_SWITCH),
    "delete.*": refused("sawlog never deletes a log file"),
    "compression": done(
        ValueKind.TEXT,
        "none",
        one_of=("none", "auto", "gzip", ""),
        word="none, or auto (gzip is the same): .gz, .bz2 and .zst, told by their first bytes, of every type of input",
    ),
    "gzip_experimental": done(ValueKind.BOOL, False, word="as `compression: auto`"),
    "rotation.*": noted("rotated files are recognised by themselves"),
    "service.name": done(ValueKind.TEXT),
    "service.type": done(ValueKind.TEXT),
    "data_stream.*": refused("use 'index' of the output"),
    "include_file_owner_name": refused("the owner's name is not read", False),
    "include_file_owner_group_name": refused("the group's name is not read", False),
    "exclude_dirs": refused("use 'exclude_files'"),
}

KNOWN_TYPES: Final[Table[str, str]] = {
    "log": "",
    "filestream": "`id` is not needed; `fingerprint` and `take_over` are noted, as files are known by themselves",
    "container": "lines of Docker and of the CRI; standard output and standard error are joined apart",
    "docker": "the older name of `container`, with `containers.ids`, `containers.path` and `containers.stream`",
    "stdin": "the last line counts without its end, too",
    "http_endpoint": "a request is answered when its events are delivered; with `program` refused",
    "journald": "by journalctl, which has to be there; with `parsers` refused",
    "tcp": "",
    "udp": "",
    "unix": "",
    "syslog": "a message that is none is tagged `_syslogparsefailure`, with the reason in `error.message`",
}
"""The types that are read, and how they differ."""
OTHER_TYPES: Final[Table[str, str]] = {
    "aws-cloudwatch": "copy its logs to files, and name these",
    "aws-s3": "use the s3 input of sawlog ingest",
    "azure-blob-storage": "copy the blobs to files, and name these",
    "azure-eventhub": "it speaks Kafka's protocol: ingest's input kafka",
    "benchmark": "use `make bench`",
    "cel": "a program that writes what it asks for to a file, and that named here",
    "cloudfoundry": "send its drain by syslog to ingest's input syslog",
    "entity-analytics": "it reads users and devices, which are no logs",
    "etw": "that is Windows's",
    "gcp-pubsub": "a program that writes the messages to a file, and that named here",
    "gcs": "copy the objects to files, and name these",
    "httpjson": "a program that asks, piped into an input of type stdin",
    "kafka": "ingest's input kafka reads topics",
    "lumberjack": "ingest's input beats listens",
    "mqtt": "ingest's input mqtt reads topics",
    "netflow": "flows are no logs",
    "o365audit": "a program that writes what it asks for to a file, and that named here",
    "redis": "slow logs are asked for over Redis's protocol; write them to a file, and name that",
    "salesforce": "a program that writes what it asks for to a file, and that named here",
    "streaming": "a program that writes the stream to a file, and that named here",
    "unifiedlogs": "that is macOS's",
    "websocket": "a program that writes the stream to a file, and that named here",
    "winlog": "that is Windows's",
}
"""The types that are refused, and what to do instead."""
TERMINATORS: Final = ("auto", "line_feed", "carriage_return_line_feed")


@dataclass(frozen=True, slots=True)
class CommonFields:
    """What the configuration's own ``fields`` and ``tags`` give to every input."""

    fields: Event
    tags: tuple[str, ...]


def place_fields(event: Event, fields: dict[str, Any], under_root: bool) -> None:
    """Put an option's ``fields`` into an event, at its root or under ``fields``; those without value are left out."""

    def place(path: tuple[str, ...], value: Any) -> None:
        if isinstance(value, dict) and value:
            for key, below in value.items():
                place((*path, key), below)
        elif value is not None:
            put(event, path, value)

    for key, value in fields.items():
        place((key,) if under_root else ("fields", key), value)


def read_inputs(
    schema: Schema, where: str, tree: Tree, common: CommonFields, receivers: list[ReceiverSettings] | None = None
) -> list[FileInput]:
    """Read a list of inputs; those that are not enabled are left out.

    Those that hear from others are added to `receivers`; where there is no such list, they are refused.
    """
    if is_empty(tree):
        return []
    if isinstance(tree, Mapping):
        # One input where a list is meant, or a list that YAML has read as a mapping.
        tree = Sequence([tree], tree.position)
    if not isinstance(tree, Sequence):
        schema.problems.error(f"'{where}' takes a list of inputs", tree.position)
        return []
    inputs: list[FileInput] = []
    for item in tree.items:
        if is_empty(item):
            continue
        if not isinstance(item, Mapping):
            schema.problems.error(f"an entry of '{where}' takes options, such as 'type: filestream'", item.position)
            continue
        with schema.problems.collect():
            found = _read_input(schema, where, item, common, receivers)
            if found is not None:
                inputs.append(found)
    return inputs


def _read_input(
    schema: Schema, where: str, tree: Mapping, common: CommonFields, receivers: list[ReceiverSettings] | None
) -> FileInput | None:
    enabled = tree.entries.get("enabled")
    if enabled is not None and is_disabled(schema, enabled):
        return None
    kind_entry = tree.entries.get("type") or tree.entries.get("input_type")
    if kind_entry is not None and isinstance(kind_entry.tree, Scalar) and not kind_entry.tree.empty:
        word = schema.reader.text(kind_entry.tree)[0]
        if word not in KNOWN_TYPES and "${" not in word:
            message = (
                f"an input of type '{word}' is refused: {OTHER_TYPES[word]}"
                if word in OTHER_TYPES
                else f"there is no input of type '{word}'"
            )
            hint = None if word in OTHER_TYPES else nearest(word, KNOWN_TYPES)
            raise ConfigError(message, kind_entry.tree.position, hint)
        if word in RECEIVERS:
            if receivers is None:
                raise ConfigError(f"here are inputs of files, and none of type '{word}'", kind_entry.tree.position)
            values = schema.section(where, RECEIVERS[word], tree)
            receivers.append(read_receiver(schema, where, word, values, _constants(word, values, common)))
            return None
    values = schema.section(where, INPUT, tree)
    kind: Any = values["type"] if values["type"] in KNOWN_TYPES else "log"
    paths = _paths(schema, where, kind, values)
    _check_terminator(values)
    return FileInput(
        type="container" if kind == "docker" else kind,
        id=values["id"],
        paths=paths,
        exclude_files=values["exclude_files"],
        include_files=values["prospector.scanner.include_files"],
        include_lines=values["include_lines"],
        exclude_lines=values["exclude_lines"],
        encoding=values["encoding"],
        max_bytes=values["max_bytes"],
        parsers=_parsers(schema, where, kind, values),
        fields=_constants(kind, values, common),
        processors=read_processors(schema, f"{where}.processors", values["processors"]),
        index=values["index"],
        pipeline=values["pipeline"],
        keep_null=values["keep_null"],
        publisher_disable_host=values["publisher_pipeline.disable_host"],
        compression=values["compression"] in ("auto", "gzip") or values["gzip_experimental"],
        scan_frequency=values["scan_frequency"],
        ignore_older=values["ignore_older"] or None,
        tail_files=values["tail_files"],
        # What Kubernetes names in /var/log/containers are links.
        symlinks=values["symlinks"] or kind in ("container", "docker"),
        recursive_glob=values["recursive_glob.enabled"],
        close_inactive=values["close_inactive"],
        hold_deleted=values["close_timeout"] or HOLD_SECONDS,
        clean_after=CLEAN_SECONDS if values["clean_removed"] else values["clean_inactive"] or None,
    )


def _check_terminator(values: Values) -> None:
    word = values["line_terminator"]
    if word not in TERMINATORS and "${" not in word:
        known = ", ".join(TERMINATORS)
        raise values.error(f"'line_terminator: {word}' is refused: it is one of {known}", "line_terminator")


def is_disabled(schema: Schema, enabled: Entry) -> bool:
    """Whether an entry `enabled` says no."""
    if not isinstance(enabled.tree, Scalar):
        return False
    text, _, _ = schema.reader.text(enabled.tree)
    return is_false(Scalar(text, True, enabled.tree.position))


def _paths(schema: Schema, where: str, kind: str, values: Values) -> tuple[str, ...]:
    paths: tuple[str, ...] = values["paths"]
    if kind == "docker" and not paths:
        base = values["containers.path"].rstrip("/")
        paths = tuple(f"{base}/{one}/*.log" for one in values["containers.ids"] or ("*",))
    if not paths and kind != "stdin" and not schema.reader.variables.lenient:
        schema.problems.error(f"an input of '{where}' has no 'paths'", values.position)
    return paths


def _parsers(schema: Schema, where: str, kind: str, values: Values) -> tuple[Parser, ...]:
    parsers: list[Parser | None] = []
    if kind in ("container", "docker"):
        parsers.append(_container(values["stream"], values["format"], values["combine_partials"]))
    if values["json"] is not None:
        parsers.append(_json(schema, f"{where}.json", values["json"], root=False))
    if values["multiline"] is not None:
        parsers.append(_multiline(schema, f"{where}.multiline", values["multiline"]))
    if values["springboot"] is not None:
        parsers.append(_spring_boot_option(schema, f"{where}.springboot", values["springboot"]))
    if values["parsers"] is not None:
        parsers += _listed(schema, f"{where}.parsers", values["parsers"], _filters_streams(parsers))
    return tuple(parser for parser in parsers if parser is not None)


def _filters_streams(parsers: list[Parser | None]) -> bool:
    return any(isinstance(parser, ContainerFormat) and parser.stream != "all" for parser in parsers)


def _listed(schema: Schema, where: str, tree: Tree, filtered: bool) -> list[Parser | None]:
    """Read a list of parsers; `filtered`: the input's own options have chosen a stream already."""
    found: list[Parser | None] = []
    for item in tree.items if isinstance(tree, Sequence) else [tree]:
        if is_empty(item):
            continue
        if not isinstance(item, Mapping):
            known = "multiline, ndjson, container or springboot, each with a colon behind it"
            schema.problems.error(f"an entry of '{where}' is {known}", item.position)
            continue
        for name, entry in item.entries.items():
            if name == "multiline":
                found.append(_multiline(schema, f"{where}.multiline", entry.tree))
            elif name in ("ndjson", "json"):
                found.append(_json(schema, f"{where}.{name}", entry.tree, root=True))
            elif name == "springboot":
                found.append(_spring_boot(schema, f"{where}.springboot", entry.tree))
            elif name == "container":
                values = schema.section(f"{where}.container", CONTAINER, entry.tree)
                container = _container(values["stream"], values["format"], True)
                if container.stream != "all" and (filtered or _filters_streams(found)):
                    reason = "a second 'stream' is refused: of what one lets through, another leaves nothing"
                    schema.problems.error(reason, entry.position)
                found.append(container)
            else:
                names = ("multiline", "ndjson", "container", "springboot")
                reason = "is refused: use ingest's grok for it" if name == "syslog" else "is unknown"
                schema.problems.error(f"the parser '{name}' {reason}", entry.position, nearest(name, names))
    return found


def _spring_boot_option(schema: Schema, where: str, tree: Tree) -> SpringBoot | None:
    """Read the option of an input: `true`, `false` or the parser's options."""
    if isinstance(tree, Mapping):
        return _spring_boot(schema, where, tree)
    return SpringBoot() if schema.reader.read(ValueKind.BOOL, tree, where) is True else None


def _spring_boot(schema: Schema, where: str, tree: Tree) -> SpringBoot:
    values = schema.section(where, SPRING_BOOT, tree)
    return SpringBoot(**{name: values[name] for name in SPRING_BOOT})


def _container(stream: Any, form: Any, partial: bool) -> ContainerFormat:
    return ContainerFormat(
        stream=stream if stream in ("stdout", "stderr") else "all",
        format={"docker": "docker", "json-file": "docker", "cri": "cri"}.get(form, "auto"),  # type: ignore[arg-type] # the three names of the Literal
        partial=partial,
    )


def _multiline(schema: Schema, where: str, tree: Tree) -> MultilineSettings | None:
    if is_empty(tree):
        return None
    values = schema.section(where, MULTILINE, tree)
    if values["type"] == "count":
        if values["count_lines"] < 1 and not schema.reader.variables.lenient:
            schema.problems.error(f"'{where}' of type count needs 'count_lines', at least 1", tree.position)
    elif values["pattern"] is None and not isinstance(tree, Scalar):
        entry = tree.entries.get("pattern") if isinstance(tree, Mapping) else None
        if entry is None or is_empty(entry.tree):
            schema.problems.error(f"'{where}' needs its 'pattern'", tree.position)
        return None
    return MultilineSettings(**{name: values[name] for name in MULTILINE})


def _json(schema: Schema, where: str, tree: Tree, *, root: bool) -> JsonSettings | None:
    values = schema.section(where, JSON, tree)
    if is_empty(tree) and not root:
        return None
    target: str | None = values["target"]
    under_root = values["keys_under_root"]
    if under_root is None:
        under_root = root and not target
    if target == METADATA:
        raise values.error(f"'{METADATA}' says where an event goes, and that is not for a line to say", "target")
    return JsonSettings(
        keys_under_root=under_root,
        overwrite_keys=values["overwrite_keys"],
        add_error_key=values["add_error_key"],
        message_key=values["message_key"],
        is_parser=root,
        target=target or "json",
        document_id=values["document_id"],
    )


def _constants(kind: str, values: Values, common: CommonFields) -> Event:
    event: Event = {"input": {"type": "container" if kind == "docker" else kind}}
    if values["document_type"]:
        event["type"] = values["document_type"]
    for name in ("service.name", "service.type"):
        if values[name]:
            put(event, tuple(name.split(".")), values[name])
    place_fields(event, common.fields, under_root=True)
    place_fields(event, values["fields"], values["fields_under_root"])
    log = event.get("log", {})
    if not isinstance(log, dict) or not isinstance(log.get("file", {}), dict):
        reason = "'log' at the root is an object with the file's path in it, and takes no value: give it another name"
        raise values.error(reason, "fields")
    tags = list(dict.fromkeys((*common.tags, *values["tags"])))
    if tags:
        event["tags"] = tags
    return event
