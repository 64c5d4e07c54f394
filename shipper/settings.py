"""What a ``filebeat.yml`` says, as typed values: the only form in which the rest of the shipper knows it.

Durations are in seconds, sizes in bytes. The defaults are Filebeat 8's. Everything is frozen and compares by
value, so that a reload can tell which input has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sawlog.store.retention import Retention
from sawlog.yaml_tree import Mapping as YamlMapping
from sawlog.yaml_tree import Sequence
from shipper.containers.access import ApiSettings
from shipper.containers.docker import FOLDER
from shipper.containers.pods import PodFields
from shipper.format_string import FormatString
from shipper.input.settings import ReceiverSettings
from shipper.processor.base import Condition, Processor

MINUTE = 60.0
MEBIBYTE = 1 << 20
HOLD_SECONDS = 24 * 60 * MINUTE
CLEAN_SECONDS = 60 * MINUTE


@dataclass(frozen=True, slots=True)
class MultilineSettings:
    """How lines become one event.

    ``pattern``: `pattern` marks lines that belong to the event before (`match` "after") or to the one after
    (`match` "before"); `negate` turns the mark around. ``count``: every `count_lines` lines are an event.
    ``while_pattern``: lines that match (or, with `negate`, do not) and stand together are an event.
    """

    type: Literal["pattern", "count", "while_pattern"] = "pattern"
    pattern: str | None = None
    """A Python regular expression, already translated from Go's syntax."""
    negate: bool = False
    match: Literal["after", "before"] = "after"
    count_lines: int = 0
    max_lines: int = 500
    """Lines of an event beyond these are dropped, and the event flagged ``truncated``; 0: no limit."""
    timeout: float = 5.0
    """An event whose next line does not come in this time is complete; 0: it waits for ever."""
    flush_pattern: str | None = None
    """A line that matches ends its event."""
    skip_newline: bool = False
    """Join the lines without a newline between them."""


@dataclass(frozen=True, slots=True)
class SpringBoot:
    """What a Spring Boot service logged in one go is one event: a stack trace belongs to the line above it."""

    max_lines: int = 2000
    """An event is ended here, and the rest is the next."""
    timeout: float = 1.0
    """An event whose next line does not come in this time is complete; 0: it waits for ever."""


@dataclass(frozen=True, slots=True)
class JsonSettings:
    """Each line is a JSON object (``json.*`` of the log input, the parser ``ndjson`` of filestream)."""

    keys_under_root: bool = False
    """Put the keys at the event's root, else under `target`."""
    overwrite_keys: bool = False
    add_error_key: bool = False
    message_key: str | None = None
    """The key whose text multiline and the line filters work on."""
    is_parser: bool = True
    """As the parser ``ndjson``, which makes that text the event's message, too; ``json.message_key`` does not."""
    target: str = "json"
    document_id: str | None = None
    """The key whose value becomes the document's ``_id``."""


@dataclass(frozen=True, slots=True)
class ContainerFormat:
    """The lines are those that a container engine writes: Docker's JSON or the CRI's text."""

    stream: Literal["all", "stdout", "stderr"] = "all"
    format: Literal["auto", "docker", "cri"] = "auto"
    partial: bool = True
    """Join the parts of a line that the engine has cut."""


Parser = MultilineSettings | SpringBoot | JsonSettings | ContainerFormat


@dataclass(frozen=True, slots=True)
class FileInput:
    """One input: which files (or standard input), and how their bytes become events."""

    type: Literal["log", "filestream", "container", "stdin"] = "log"
    id: str | None = None
    paths: tuple[str, ...] = ()
    exclude_files: tuple[str, ...] = ()
    """Python regular expressions; a file whose path one of them finds is left out."""
    include_files: tuple[str, ...] = ()
    """Python regular expressions; when there are any, only files whose path one of them finds are read."""
    include_lines: tuple[str, ...] = ()
    exclude_lines: tuple[str, ...] = ()
    encoding: str = "utf-8"
    """A codec of Python's; ``utf-16-bom`` (the file says its byte order) is ``utf-16``."""
    max_bytes: int = 10 * MEBIBYTE
    """An event is cut here and flagged ``truncated``."""

    parsers: tuple[Parser, ...] = ()
    """What makes events of lines, in the order in which it works (options of an input: container, json, multiline,
    springboot)."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """What every event of the input carries, nested and in place: the constants of ``fields`` (under ``fields`` or
    at the root), ``tags``, ``input.type``, ``type`` (of ``document_type``), the configuration's own included."""
    processors: tuple[Processor, ...] = ()
    """Applied before those of the configuration."""
    index: FormatString | None = None
    pipeline: FormatString | None = None
    keep_null: bool = False
    publisher_disable_host: bool = False
    """Leave ``host.name`` out."""

    compression: bool = False
    """Read compressed files, too (gzip, bzip2, zstd), told by their first bytes."""
    scan_frequency: float = 10.0
    ignore_older: float | None = None
    """Files not written to for so long are not begun; None: all are."""
    tail_files: bool = False
    """Begin files that the registry does not know at their end."""
    symlinks: bool = False
    recursive_glob: bool = True

    close_inactive: float = 5 * MINUTE
    """Close a file from which nothing has come for so long; it is opened again when it grows."""
    hold_deleted: float = HOLD_SECONDS
    """A deleted file that is not delivered to its end is kept open for so long, and then given up."""
    clean_after: float | None = CLEAN_SECONDS
    """A record whose file has not been there for so long is forgotten; None: never."""

    @property
    def multiline(self) -> MultilineSettings | None:
        """The first multiline parser."""
        return next((parser for parser in self.parsers if isinstance(parser, MultilineSettings)), None)

    @property
    def jsons(self) -> list[JsonSettings]:
        """The JSON parsers."""
        return [parser for parser in self.parsers if isinstance(parser, JsonSettings)]

    @property
    def json(self) -> JsonSettings | None:
        """The first JSON parser."""
        return next((parser for parser in self.parsers if isinstance(parser, JsonSettings)), None)

    @property
    def container(self) -> ContainerFormat | None:
        """The container engine's format, if the lines are in one."""
        return next((parser for parser in self.parsers if isinstance(parser, ContainerFormat)), None)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """``ssl.*`` of an output; certificates and keys are paths or PEM texts, as in Filebeat."""

    verification_mode: Literal["full", "strict", "certificate", "none"] = "full"
    certificate_authorities: tuple[str, ...] = ()
    """None given: the system's."""
    certificate: str | None = None
    key: str | None = None
    key_passphrase: str | None = field(default=None, repr=False)
    supported_protocols: tuple[str, ...] = ()
    """Of ``TLSv1.0`` to ``TLSv1.3``; none given: 1.2 and 1.3."""
    cipher_suites: tuple[str, ...] = ()
    curve_types: tuple[str, ...] = ()
    ca_sha256: tuple[str, ...] = ()
    """The SHA-256 (base64) that one certificate of the server's chain must have as its public key's."""
    ca_trusted_fingerprint: str | None = None
    """The SHA-256 (hexadecimal) of a certificate of the server's chain that is trusted as an authority."""


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """How the outputs console and file write an event: as JSON, or as a format string."""

    format: FormatString | None = None
    pretty: bool = False
    escape_html: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of ``indices`` or ``pipelines``: the name for events for which `when` holds."""

    name: FormatString
    when: Condition | None = None
    mappings: Mapping[str, str] = field(default_factory=dict)
    """A name found here is replaced (compared in lower case)."""
    default: str | None = None
    """The name when `name` names a field that the event lacks, or that is not among `mappings`."""


@dataclass(frozen=True, slots=True)
class LogstashOutput:
    """``output.logstash``: Lumberjack 2 to Logstash or to sawlog ingest."""

    hosts: tuple[str, ...] = ()
    """``host:port`` each, in Filebeat's order; a host named twice has two connections."""
    index: str = "filebeat"
    """``@metadata.beat`` of the events."""
    loadbalance: bool = False
    worker: int = 1
    """Connections to each host."""
    bulk_max_size: int | None = None
    """None: 2048 events, or, to a sawlog, whole batches; 0: whole batches."""
    compression_level: int = 3
    pipelining: int = 2
    timeout: float = 30.0
    ttl: float = 0.0
    """Connect anew after so long; 0: never."""
    backoff_init: float = 1.0
    backoff_max: float = 60.0
    tls: TlsSettings | None = None


@dataclass(frozen=True, slots=True)
class ElasticsearchOutput:
    """``output.elasticsearch``: bulk requests straight to a cluster."""

    hosts: tuple[str, ...] = ()
    """URLs, complete with scheme, port and path."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    """``id:key``, or the two in base64."""
    index: FormatString | None = None
    """None: the default data stream."""
    indices: tuple[Rule, ...] = ()
    """The first that holds names the index; else `index` does."""
    pipeline: FormatString | None = None
    pipelines: tuple[Rule, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Query parameters of each bulk request."""
    proxy_url: str | None = None
    proxy_disable: bool = False
    """Do not look at the environment for a proxy."""
    proxy_headers: Mapping[str, str] = field(default_factory=dict)
    loadbalance: bool = True
    worker: int = 1
    compression_level: int = 1
    timeout: float = 90.0
    backoff_init: float = 1.0
    backoff_max: float = 60.0
    dead_letter_index: str | None = None
    """Where documents go that the cluster refuses for good; None: to the dead letters on disk."""
    tls: TlsSettings | None = None


@dataclass(frozen=True, slots=True)
class ConsoleOutput:
    """``output.console``: events on standard output, a line each."""

    codec: CodecSettings = CodecSettings()


@dataclass(frozen=True, slots=True)
class FileOutput:
    """``output.file``: events in files that are rotated by size."""

    path: str = ""
    filename: FormatString = field(default_factory=lambda: FormatString("filebeat"))
    rotate_every_kb: int = 10240
    number_of_files: int = 7
    permissions: int = 0o600
    rotate_on_startup: bool = True
    codec: CodecSettings = CodecSettings()


@dataclass(frozen=True, slots=True)
class MqttOutput:
    """``output.mqtt``: batches to sawlog ingest over an MQTT 5 broker, acknowledged end to end."""

    hosts: tuple[str, ...] = ()
    """``host:port`` each; the next is tried when one cannot be reached."""
    topic: str = "sawlog"
    """The first part of the topics' names."""
    client_id: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    keepalive: float = 60.0
    timeout: float = 30.0
    """A batch that is not acknowledged in this time is sent again."""
    window_bytes: int = 16 * MEBIBYTE
    backoff_init: float = 1.0
    backoff_max: float = 60.0
    tls: TlsSettings | None = None


@dataclass(frozen=True, slots=True)
class KafkaPartition:
    """``partition.<strategy>`` of ``output.kafka``."""

    strategy: Literal["hash", "random", "round_robin"] = "hash"
    group_events: int = 1
    """So many events go to one partition before another is chosen, unless by hash."""
    hash: tuple[str, ...] = ()
    """The fields that the partition is chosen by; none: the key."""
    random: bool = True
    """Whether an event that lacks one of the fields goes anywhere; else to the dead letters."""


@dataclass(frozen=True, slots=True)
class KafkaOutput:
    """``output.kafka``: a record for each event, in JSON or by a format string."""

    hosts: tuple[str, ...] = ()
    """``host:port`` each, of brokers that name all others."""
    topic: FormatString | None = None
    topics: tuple[Rule, ...] = ()
    """The first that holds names the topic; else `topic` does."""
    key: FormatString | None = None
    partition: KafkaPartition = KafkaPartition()
    headers: tuple[tuple[str, str], ...] = ()
    client_id: str = "beats"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    mechanism: str = "PLAIN"
    required_acks: int = 1
    compression: str = "gzip"
    max_message_bytes: int = 1_000_000
    timeout: float = 30.0
    refresh_frequency: float = 600.0
    """How often brokers and partitions are asked for."""
    codec: CodecSettings = CodecSettings()
    backoff_init: float = 1.0
    backoff_max: float = 60.0
    tls: TlsSettings | None = None


@dataclass(frozen=True, slots=True)
class RedisHost:
    """A server of ``output.redis``; what its URL does not say, the output's options do."""

    host: str
    port: int = 6379
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool | None = None


@dataclass(frozen=True, slots=True)
class RedisOutput:
    """``output.redis``: events pushed to lists, or published on channels, in JSON or by a format string."""

    hosts: tuple[RedisHost, ...] = ()
    """One is written to at a time."""
    key: FormatString = field(default_factory=lambda: FormatString("filebeat"))
    keys: tuple[Rule, ...] = ()
    """The first that holds names the list or channel; else `key` does."""
    publish: bool = False
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 5.0
    bulk_max_size: int = 2048
    """How many events one push has; 0: as many as a batch."""
    codec: CodecSettings = CodecSettings()
    backoff_init: float = 1.0
    backoff_max: float = 60.0
    tls: TlsSettings | None = None


@dataclass(frozen=True, slots=True)
class EmbeddedOutput:
    """``output.embedded``: into sawlog's own index on this machine."""

    path: str | None = None
    """The index's folder; None: under ``path.data``."""
    index: FormatString | None = None
    """None: the default data stream."""
    retention: Retention | None = None
    """What is kept; None: everything."""


OutputSettings = (
    LogstashOutput
    | ElasticsearchOutput
    | KafkaOutput
    | RedisOutput
    | ConsoleOutput
    | FileOutput
    | MqttOutput
    | EmbeddedOutput
)
OutputKind = Literal["logstash", "elasticsearch", "kafka", "redis", "console", "file", "mqtt", "embedded"]


@dataclass(frozen=True, slots=True)
class EnabledOutput:
    """The one output that is enabled."""

    kind: OutputKind
    settings: OutputSettings


@dataclass(frozen=True, slots=True)
class Logging:
    """``logging.*``: the shipper's own log."""

    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    to_stderr: bool = False
    """Goes before the others; the default where none is asked for."""
    to_files: bool = False
    """Into `path`/`name`, rotated."""
    to_syslog: bool = False
    path: str | None = None
    name: str = "sawlog"
    rotate_every_bytes: int = 10 * MEBIBYTE
    rotate_on_startup: bool = True
    keep_files: int = 7
    permissions: int = 0o600
    metrics: bool = True
    metrics_period: float = 30.0


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """``http.*``: metrics and health; off unless asked for."""

    enabled: bool = False
    host: str = "localhost"
    port: int = 5066
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Reload:
    """``filebeat.config.inputs`` and ``.modules``: more inputs in files, looked at again while the shipper runs."""

    paths: tuple[str, ...]
    """Globs, absolute."""
    enabled: bool = False
    period: float = 10.0
    modules: bool = False
    """The files have modules in them."""


@dataclass(frozen=True, slots=True)
class AutodiscoverTemplate:
    """Inputs for the containers for which a condition holds; their texts may have ``${data.…}`` in them."""

    condition: Condition | None
    config: Sequence


@dataclass(frozen=True, slots=True)
class AutodiscoverProvider:
    """What finds containers, and how their logs are read."""

    kind: Literal["docker", "kubernetes"] = "docker"
    templates: tuple[AutodiscoverTemplate, ...] = ()
    hints: bool = False
    """Whether labels or annotations say how to read a container for which no template is."""
    default_config: YamlMapping | None = None
    """What hints add to; None: the container's log, as an input of type container."""
    default_enabled: bool = True
    """Whether containers without hints are read."""
    prefix: str = "co.elastic"
    cleanup_timeout: float = 60.0
    """For so long after a container has gone, new files of it are still looked for."""
    folder: str = FOLDER
    """Docker's."""
    logs: str = ""
    """The kubelet's."""
    made: PodFields = field(default_factory=PodFields)
    api: ApiSettings = field(default_factory=ApiSettings)


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration."""

    inputs: tuple[FileInput, ...] = ()
    """The enabled ones, those in the files of `reloads` included."""
    receivers: tuple[ReceiverSettings, ...] = ()
    """The enabled ones that hear from others."""
    output: EnabledOutput | None = None
    """None only when the configuration was loaded for its syntax."""
    processors: tuple[Processor, ...] = ()
    """Applied to the events of all inputs, after the input's own."""
    name: str = ""
    """``agent.name`` and ``host.name``; the machine's when the file says nothing."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The configuration's own ``fields`` and ``tags``, in place; the inputs' have them already."""
    tags: tuple[str, ...] = ()
    path_data: Path = Path("data")
    path_logs: Path = Path("logs")
    registry_path: Path | None = None
    """None: under `path_data`."""
    registry_permissions: int = 0o600
    shutdown_timeout: float = 0.0
    """How long to wait for acknowledgements at the end."""
    logging: Logging = Logging()
    http: HttpSettings = HttpSettings()
    reloads: tuple[Reload, ...] = ()
    autodiscover: tuple[AutodiscoverProvider, ...] = ()
    notes: tuple[str, ...] = ()
    """What has no effect here, each with what to use instead; to be said once at start."""
    warnings: tuple[str, ...] = ()
    """What is probably a mistake: unknown keys, keys given twice."""
