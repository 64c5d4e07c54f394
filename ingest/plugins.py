"""The plugins: found by kind and name, imported when they are used, made from a block of a pipeline file.

A plugin ``filter { grok { … } }`` is the class with ``name = "grok"`` in ``ingest/filter/grok.py``.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, cast

from ingest.codec.base import COMMON_OPTIONS as CODEC_OPTIONS
from ingest.codec.base import Codec
from ingest.filter.base import COMMON_OPTIONS as FILTER_OPTIONS
from ingest.filter.base import Filter
from ingest.input.base import COMMON_OPTIONS as INPUT_OPTIONS
from ingest.input.base import Input
from ingest.options import Block, Kind, Option, Options, Unresolved, resolve
from ingest.output.base import COMMON_OPTIONS as OUTPUT_OPTIONS
from ingest.output.base import Output
from sawlog.errors import ConfigError, Position, nearest

PluginKind = Literal["input", "filter", "output", "codec"]
Plugin = Input | Filter | Output | Codec

_BASES: Final[dict[PluginKind, tuple[type[Plugin], Mapping[str, Option]]]] = {
    "input": (Input, INPUT_OPTIONS),
    "filter": (Filter, FILTER_OPTIONS),
    "output": (Output, OUTPUT_OPTIONS),
    "codec": (Codec, CODEC_OPTIONS),
}

_NOT_OFFERED: Final[dict[PluginKind, dict[str, str]]] = {
    "input": {
        "azure_event_hubs": "send the events to an http input",
        "couchdb_changes": "send the changes to an http input",
        "elastic_agent": "the beats input speaks the same protocol",
        "elasticsearch": "read the documents with another program and send them to an http input",
        "exec": "let cron write to a file and read it with the file input, or pipe into stdin",
        "gelf": "send JSON to a tcp or udp input with the json_lines or json codec",
        "graphite": "use a tcp input and the grok filter",
        "heartbeat": "use the generator input, or ask the metrics address",
        "http_poller": "let cron ask, and send the answer to an http input",
        "imap": "no other plugin reads mail",
        "jdbc": "export rows as JSON lines and read them with the file input",
        "jms": "use the mqtt input",
        "jmx": "use the http input",
        "kafka": "use the mqtt input, or the http input behind a Kafka Connect sink",
        "log4j": "let Log4j write a file and read it with the file input, or use tcp with json_lines",
        "lumberjack": "use the beats input, and Filebeat or sawlog ship",
        "pipe": "pipe the program into the stdin input",
        "pipeline": "write the filters of both pipelines into one, with conditions",
        "rabbitmq": "use the mqtt input; RabbitMQ has an MQTT plugin",
        "redis": "use the mqtt input",
        "relp": "use the tcp or syslog input",
        "rss": "no other plugin reads feeds",
        "s3": "fetch the objects and read them with the file input",
        "snmp": "no other plugin speaks SNMP",
        "snmptrap": "no other plugin speaks SNMP",
        "sqs": "use the mqtt or http input",
        "stomp": "use the mqtt input",
        "twitter": "no other plugin reads it",
        "unix": "use the tcp or stdin input",
        "websocket": "use the http input",
        "zeromq": "use the tcp or mqtt input",
    },
    "filter": {
        "age": "compare @timestamp in the store's query",
        "aggregate": "aggregate in the store; events are handled one by one here",
        "alter": "use mutate in a condition",
        "bytes": "use mutate convert",
        "cidr": "use grok or a condition with =~",
        "cipher": "use the fingerprint filter to make values unreadable",
        "collate": "sort in the store's query",
        "de_dot": "use mutate rename",
        "elapsed": "aggregate in the store",
        "elasticsearch": "use the translate filter with a dictionary file",
        "environment": "use mutate add_field with ${VAR}",
        "extractnumbers": "use grok",
        "http": "use the translate filter with a dictionary file",
        "i18n": "use mutate gsub",
        "jdbc_static": "use the translate filter with a dictionary file",
        "jdbc_streaming": "use the translate filter with a dictionary file",
        "json_encode": "the output writes JSON; use sprintf of the field for a text",
        "memcached": "use the translate filter with a dictionary file",
        "metaevent": "use clone",
        "metrics": "aggregate in the store",
        "multiline": "use the multiline codec of the input",
        "punct": "use mutate gsub",
        "range": "use conditions with < and >",
        "ruby": "mutate, translate, dissect, kv or a condition often do the job",
        "sleep": "inputs are held back by the outputs anyway",
        "throttle": "use drop with percentage",
        "tld": "use grok",
        "unique": "remove repeated values in the store's query",
        "useragent_parser": "use useragent",
        "wait": "inputs are held back by the outputs anyway",
        "xml": "use grok, or let the sender write JSON",
        "zeromq": "use mutate",
    },
    "output": {
        "amazon_es": "use the elasticsearch output",
        "clickhouse": "use the http output",
        "csv": "use the file output with a codec of format",
        "datadog": "use the http output",
        "elasticsearch_http": "use the elasticsearch output",
        "email": "use the http output to an alerting service",
        "exec": "use the http output",
        "gelf": "use the http output",
        "graphite": "aggregate in the store",
        "influxdb": "use the http output",
        "jdbc": "use the http output",
        "kafka": "use the http output to a Kafka REST proxy",
        "logstash": "use the http output",
        "loki": "use the http output",
        "lumberjack": "use the http output",
        "mongodb": "use the http output",
        "nagios": "use the http output",
        "nagios_nsca": "use the http output",
        "opensearch": "use the elasticsearch output",
        "pagerduty": "use the http output",
        "pipe": "use the stdout output and a pipe",
        "pipeline": "write the outputs of both pipelines into one, with conditions",
        "rabbitmq": "use the http output",
        "redis": "use the http output",
        "s3": "use the file output and copy the files",
        "slack": "use the http output",
        "sns": "use the http output",
        "sqs": "use the http output",
        "statsd": "aggregate in the store",
        "stomp": "use the http output",
        "syslog": "use the http output",
        "tcp": "use the http output",
        "udp": "use the http output",
        "websocket": "use the http output",
        "webhdfs": "use the file output",
        "zabbix": "use the http output",
        "zeromq": "use the http output",
    },
    "codec": {
        "avro": "let the sender write JSON",
        "cef": "use the plain codec and the kv filter",
        "cloudfront": "use the line codec and the grok filter",
        "cloudtrail": "use the json codec and the split filter",
        "collectd": "let collectd write to an http input",
        "compress_spooler": "use the beats input",
        "edn": "let the sender write JSON",
        "edn_lines": "let the sender write JSON",
        "es_bulk": "use the json_lines codec",
        "fluent": "let Fluentd send JSON to an http input",
        "graphite": "use the line codec and the grok filter",
        "gzip_lines": "unpack the file, or use the beats input",
        "msgpack": "let the sender write JSON",
        "netflow": "no other codec reads it",
        "nmap": "no other codec reads it",
        "oldlogstashjson": "use the json codec",
        "protobuf": "let the sender write JSON",
        "s3plain": "use the plain codec",
    },
}
"""Plugins of Logstash that sawlog does not have, each with what does the job here."""


def lookup(kind: PluginKind, name: str, position: Position) -> type[Plugin]:
    """Return the class of a plugin.

    Raises:
        ConfigError: there is none of that name, with the nearest known name, or with what does its job here.
    """
    if hint := _NOT_OFFERED[kind].get(name):
        raise ConfigError(f"the {kind} '{name}' is not offered", position, hint)
    found = _import(kind, name)
    if found is None:
        raise ConfigError(f"there is no {kind} '{name}'", position, nearest(name, known(kind)))
    return found


def known(kind: PluginKind) -> list[str]:
    """Return the names of all plugins of a kind, sorted; imports them all."""
    folder = Path(__file__).with_name(kind)
    return sorted(path.stem for path in folder.glob("*.py") if _import(kind, path.stem))


def declared(kind: PluginKind, plugin: type[Plugin]) -> dict[str, Option]:
    """Return all options of a plugin, the common ones of its kind too."""
    return {**_BASES[kind][1], **plugin.options}


def check(kind: PluginKind, block: Block) -> Options:
    """Check the name, options and codec of a block, without making the plugin; return its options.

    Raises:
        ConfigError: the plugin or an option is unknown or refused, or a value is of the wrong type.
    """
    plugin = lookup(kind, block.name, block.position)
    options = resolve(block.name, declared(kind, plugin), block)
    for name, option in declared(kind, plugin).items():
        if option.kind is Kind.CODEC and options.given(name) and not isinstance(options[name], Unresolved):
            codec = _codec_block(options[name], options.positions[name])
            about = check("codec", codec)
            options.notes += about.notes
            options.differences += about.differences if kind == "input" else []
            found = lookup("codec", codec.name, codec.position)
            if kind == "input" and issubclass(found, Codec) and not found.decodes:
                raise options.error(f"the codec '{codec.name}' only writes; an input needs one that reads", name)
    if kind == "input" and not options.given("codec"):
        codec = Block(cast("type[Input]", plugin).default_codec, [], block.position)
        options.differences += check("codec", codec).differences
    return options


def make(kind: PluginKind, block: Block) -> tuple[Plugin, list[str]]:
    """Make the plugin of a block; also return what is to be said about its options.

    Raises:
        ConfigError: as `check`, and values that the plugin itself refuses.
    """
    options = check(kind, block)
    # Every concrete plugin takes its options alone; the base classes' abstract methods hide that from mypy.
    factory = cast("Callable[[Options], Plugin]", lookup(kind, block.name, block.position))
    try:
        return factory(options), [*options.notes, *options.differences]
    except ConfigError as error:
        if error.position is not None:
            raise
        raise ConfigError(f"{block.name}: {error.message}", block.position, error.hint) from None


def codec_of(options: Options, default: str, name: str = "codec") -> Callable[[], Codec]:
    """Return the function that makes a codec, as option `name` says, for one more stream.

    Raises:
        ConfigError: the codec or one of its options is unknown or refused.
    """
    value = options[name] if options[name] is not None else default
    block = _codec_block(value, options.positions.get(name, options.position))
    # The default is looked up late: a plugin that never decodes does not import a codec.
    if options.given(name):
        make("codec", block)
    return lambda: cast("Codec", make("codec", block)[0])


def _codec_block(value: Any, position: Position) -> Block:
    if isinstance(value, Block):
        return value
    if isinstance(value, str):
        return Block(value, [], position)
    raise ConfigError(f"a codec is a name, and got {value!r}", position)


def _import(kind: PluginKind, name: str) -> type[Plugin] | None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return None
    module_name = f"ingest.{kind}.{name}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name == module_name:
            return None
        raise
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, _BASES[kind][0]) and getattr(found, "name", None) == name:
            return found
    return None
