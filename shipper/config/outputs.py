"""The outputs: ``output.<kind>``, exactly one of them enabled."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sawlog.errors import ConfigError, nearest
from sawlog.wire.kafka import MECHANISMS
from sawlog.yaml_tree import Mapping, Scalar, Sequence, Tree, is_empty
from shipper.config.processors import read_condition
from shipper.config.schema import Schema, SectionOptions, Values, done, is_false, noted, refused, renamed
from shipper.config.tls import TLS, read_tls
from shipper.config.values import ValueKind
from shipper.format_string import FormatString
from shipper.settings import (
    CodecSettings,
    ConsoleOutput,
    ElasticsearchOutput,
    EmbeddedOutput,
    EnabledOutput,
    FileOutput,
    KafkaOutput,
    KafkaPartition,
    LogstashOutput,
    MqttOutput,
    OutputSettings,
    RedisHost,
    RedisOutput,
    Rule,
)

_QUEUE: Final = "the files are the queue"
_BULKS: Final = "a bulk has what was read in one go, and is bounded in bytes"
_RETRIES: Final = "what is not delivered is tried again until it is, as Filebeat does"

_COMMON: Final[SectionOptions] = {
    "enabled": done(ValueKind.BOOL, True),
    "max_retries": noted(_RETRIES),
    "queue.*": noted(_QUEUE),
    "escape_html": noted("HTML is never escaped: JSON does not need it", False),
    "save_topology": noted("there is no topology map", False),
    "topology_expire": noted("there is no topology map"),
    "flush_interval": noted("batches go as soon as they are read"),
}
_BACKOFF: Final[SectionOptions] = {
    "backoff.init": done(ValueKind.DURATION, 1.0, least=0),
    "backoff.max": done(ValueKind.DURATION, 60.0, least=0),
}

LOGSTASH: Final[SectionOptions] = {
    **_COMMON,
    **_BACKOFF,
    **TLS,
    "hosts": done(ValueKind.TEXTS, ()),
    "port": done(ValueKind.INTEGER),
    "index": done(ValueKind.TEXT, "filebeat"),
    "loadbalance": done(ValueKind.BOOL, False),
    "worker": done(ValueKind.INTEGER, 1, least=1),
    "workers": renamed("worker"),
    "bulk_max_size": done(ValueKind.INTEGER, None, least=0),
    "compression_level": done(ValueKind.INTEGER, 3, least=0),
    "pipelining": done(ValueKind.INTEGER, 2, least=0),
    "timeout": done(ValueKind.DURATION, 30.0, least=0),
    "ttl": done(ValueKind.DURATION, 0.0, least=0),
    "slow_start": noted("a receiver that is slow holds back its acknowledgements, and nothing more is sent"),
    "proxy_url": refused("a SOCKS proxy is not offered for this output"),
    "proxy_use_local_resolver": noted("there is no SOCKS proxy", False),
}

ELASTICSEARCH: Final[SectionOptions] = {
    **_COMMON,
    **_BACKOFF,
    **TLS,
    "hosts": done(ValueKind.TEXTS, ()),
    "host": renamed("hosts"),
    "port": done(ValueKind.INTEGER),
    "protocol": done(ValueKind.TEXT, one_of=("http", "https")),
    "path": done(ValueKind.TEXT),
    "username": done(ValueKind.TEXT),
    "password": done(ValueKind.TEXT),
    "api_key": done(ValueKind.TEXT),
    "index": done(ValueKind.FORMAT, word="default: the data stream `logs-spring-default`"),
    "indices": done(ValueKind.TREE),
    "pipeline": done(ValueKind.FORMAT),
    "pipelines": done(ValueKind.TREE),
    "headers": done(ValueKind.TEXT_MAP, {}),
    "parameters": done(ValueKind.TEXT_MAP, {}),
    "params": renamed("parameters"),
    "proxy_url": done(ValueKind.TEXT),
    "proxy_disable": done(ValueKind.BOOL, False),
    "proxy_headers": done(ValueKind.TEXT_MAP, {}),
    "loadbalance": done(ValueKind.BOOL, True),
    "worker": done(ValueKind.INTEGER, 1, least=1),
    "workers": renamed("worker"),
    "bulk_max_size": noted(_BULKS),
    "compression_level": done(ValueKind.INTEGER, 1, least=0),
    "timeout": done(ValueKind.DURATION, 90.0, least=0),
    "idle_connection_timeout": noted("connections are kept"),
    "preset": noted("set worker"),
    "allow_older_versions": noted("servers of 8 and 9 are spoken to"),
    "non_indexable_policy.drop.*": noted("refused documents go to the dead letters"),
    "non_indexable_policy.dead_letter_index.index": done(ValueKind.TEXT),
    "kerberos.*": refused("Kerberos is not offered"),
    "template.*": noted("templates are set up by 'sawlog setup', not by the shipper"),
    "ilm.*": noted("life cycles are set up in the cluster"),
}

_CODEC: Final[SectionOptions] = {
    "codec.json.pretty": done(ValueKind.BOOL, False),
    "codec.json.escape_html": done(ValueKind.BOOL, False),
    "codec.format.string": done(ValueKind.FORMAT),
    "pretty": renamed("codec.json.pretty"),
}
KAFKA: Final[SectionOptions] = {
    **_COMMON,
    **_BACKOFF,
    **TLS,
    **_CODEC,
    "hosts": done(ValueKind.TEXTS, ()),
    "topic": done(ValueKind.FORMAT),
    "topics": done(ValueKind.TREE),
    "key": done(ValueKind.FORMAT),
    "partition": done(ValueKind.TREE),
    "headers": done(ValueKind.ANY),
    "client_id": done(ValueKind.TEXT, "beats"),
    "username": done(ValueKind.TEXT),
    "password": done(ValueKind.TEXT),
    "sasl.mechanism": done(ValueKind.TEXT, "PLAIN", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
    "required_acks": done(ValueKind.INTEGER, 1, "-1, 1 or 0; with 0, events are lost whenever a broker is", least=-1),
    "compression": done(ValueKind.TEXT, "gzip", one_of=("none", "no", "off", "gzip", "snappy", "lz4", "zstd")),
    "compression_level": noted("the library chooses the level"),
    "max_message_bytes": done(ValueKind.SIZE, 1_000_000, "larger events go to the dead letters", least=1),
    "timeout": done(ValueKind.DURATION, 30.0, least=0.001),
    "broker_timeout": noted("see timeout"),
    "metadata.refresh_frequency": done(ValueKind.DURATION, 600.0, least=0),
    "metadata.full": noted("brokers are asked about the topics that are written to", False),
    "metadata.retry.*": noted(_RETRIES),
    "version": noted("the brokers say what they speak"),
    "worker": noted("one client has as many batches under way as there are partitions", 1),
    "workers": noted("one client has as many batches under way as there are partitions", 1),
    "bulk_max_size": noted(_BULKS),
    "bulk_flush_frequency": noted("batches go as soon as they are read", 0),
    "channel_buffer_size": noted("16 MiB of events are under way"),
    "keep_alive": noted("connections are kept", 0),
    "kerberos.*": refused("Kerberos is not offered; use SCRAM-SHA-512 over TLS"),
}
_REACHABLE: Final = noted("what is for a partition waits for its leader", False)
PARTITIONS: Final[dict[str, SectionOptions]] = {
    "hash": {
        "hash": done(ValueKind.TEXTS, (), "numbers are hashed as texts where Go has floats"),
        "random": done(ValueKind.BOOL, True, "with false, events without the fields go to the dead letters"),
        "reachable_only": _REACHABLE,
    },
    "random": {"group_events": done(ValueKind.INTEGER, 1, least=1), "reachable_only": _REACHABLE},
    "round_robin": {"group_events": done(ValueKind.INTEGER, 1, least=1), "reachable_only": _REACHABLE},
}
_ONE_SERVER: Final = "one server is written to at a time, over one connection; when it fails, the next"
REDIS: Final[SectionOptions] = {
    **_COMMON,
    **_BACKOFF,
    **TLS,
    **_CODEC,
    "hosts": done(ValueKind.TEXTS, (), "`host`, `host:port`, or URLs with `redis://` or, for TLS, `rediss://`"),
    "port": done(ValueKind.INTEGER),
    "key": done(ValueKind.FORMAT, word="default: `filebeat`"),
    "keys": done(ValueKind.TREE),
    "index": renamed("key"),
    "datatype": done(ValueKind.TEXT, "list", one_of=("list", "channel")),
    "db": done(ValueKind.INTEGER, 0, least=0),
    "username": done(ValueKind.TEXT),
    "password": done(ValueKind.TEXT),
    "timeout": done(ValueKind.DURATION, 5.0, least=0.001),
    "bulk_max_size": done(
        ValueKind.INTEGER, 2048, "events of one push; 0: a batch's; a batch is one transaction", least=0
    ),
    "loadbalance": noted(_ONE_SERVER, False),
    "worker": noted(_ONE_SERVER, 1),
    "workers": noted(_ONE_SERVER, 1),
    "proxy_url": refused("a SOCKS proxy is not offered for this output"),
    "proxy_use_local_resolver": noted("there is no SOCKS proxy", False),
}
CONSOLE: Final[SectionOptions] = {**_COMMON, **_CODEC, "bulk_max_size": noted(_BULKS)}
FILE: Final[SectionOptions] = {
    **_COMMON,
    **_CODEC,
    "bulk_max_size": noted(_BULKS),
    "path": done(ValueKind.TEXT, ""),
    "filename": done(ValueKind.FORMAT, FormatString("filebeat")),
    "rotate_every_kb": done(ValueKind.INTEGER, 10240, least=1),
    "number_of_files": done(ValueKind.INTEGER, 7, least=2),
    "permissions": done(ValueKind.MODE, 0o600),
    "rotate_on_startup": done(ValueKind.BOOL, True),
}
MQTT: Final[SectionOptions] = {
    **_COMMON,
    **_BACKOFF,
    **TLS,
    "hosts": done(ValueKind.TEXTS, ()),
    "topic": done(ValueKind.TEXT, "sawlog"),
    "client_id": done(ValueKind.TEXT),
    "username": done(ValueKind.TEXT),
    "password": done(ValueKind.TEXT),
    "keepalive": done(ValueKind.DURATION, 60.0, least=0),
    "timeout": done(ValueKind.DURATION, 30.0, least=0),
    "window_bytes": done(ValueKind.SIZE, 16 << 20, least=1),
}
EMBEDDED: Final[SectionOptions] = {
    **_COMMON,
    "path": done(ValueKind.TEXT),
    "index": done(ValueKind.FORMAT),
    "retention": done(ValueKind.RETENTION, word="`30d`, `50GB` or `30d,50GB`; more is dropped, the oldest first"),
}
RULE: Final[SectionOptions] = {
    "index": done(ValueKind.FORMAT),
    "pipeline": done(ValueKind.FORMAT),
    "topic": done(ValueKind.FORMAT),
    "key": done(ValueKind.FORMAT),
    "when": done(ValueKind.TREE),
    "mappings": done(ValueKind.TEXT_MAP, {}),
    "default": done(ValueKind.TEXT),
}

OUTPUTS: Final[dict[str, SectionOptions]] = {
    "logstash": LOGSTASH,
    "elasticsearch": ELASTICSEARCH,
    "kafka": KAFKA,
    "redis": REDIS,
    "console": CONSOLE,
    "file": FILE,
    "mqtt": MQTT,
    "embedded": EMBEDDED,
}
REFUSED_OUTPUTS: Final = {
    "discard": "lines would be lost",
    "otelconsumer": "it belongs to Elastic Agent",
}


def read_output(schema: Schema, tree: Tree, cloud: Values) -> EnabledOutput | None:
    """Read the section ``output``; None when no output is enabled."""
    if not isinstance(tree, Mapping):
        if not is_empty(tree):
            schema.problems.error("'output' takes the name of an output and its options", tree.position)
        return None
    output: EnabledOutput | None = None
    for name, entry in tree.entries.items():
        if isinstance(entry.tree, Mapping):
            enabled = entry.tree.entries.get("enabled")
            if enabled is not None and is_false(enabled.tree):
                continue
        if name in REFUSED_OUTPUTS:
            schema.problems.error(f"'output.{name}' is refused: {REFUSED_OUTPUTS[name]}", entry.position)
            continue
        if name not in OUTPUTS:
            schema.problems.error(f"there is no output '{name}'", entry.position, nearest(name, OUTPUTS))
            continue
        if output is not None:
            schema.problems.error(
                f"'output.{name}' is refused: 'output.{output.kind}' is enabled already, and there can be one",
                entry.position,
            )
            continue
        with schema.problems.collect():
            values = schema.section(f"output.{name}", OUTPUTS[name], entry.tree)
            values.position = entry.position
            output = EnabledOutput(name, _settings(schema, name, values, cloud))  # type: ignore[arg-type] # a key of OUTPUTS
    return output


def _settings(schema: Schema, name: str, values: Values, cloud: Values) -> OutputSettings:
    if name == "logstash":
        taken = {key: values[key] for key in ("index", "loadbalance", "worker", "bulk_max_size", "pipelining")}
        taken |= {key: values[key] for key in ("compression_level", "timeout", "ttl")}
        return LogstashOutput(
            **taken, **_backoff(values), hosts=_hosts(values, values["port"] or 5044), tls=read_tls(schema, values)
        )
    if name == "elasticsearch":
        return _elasticsearch(schema, values, cloud)
    if name == "kafka":
        return _kafka(schema, values)
    if name == "redis":
        return _redis(schema, values)
    if name == "console":
        return ConsoleOutput(_codec(values))
    if name == "file":
        if not values["path"]:
            raise values.error("'output.file' needs its 'path'")
        keys: tuple[str, ...] = (
            "path",
            "filename",
            "rotate_every_kb",
            "number_of_files",
            "permissions",
            "rotate_on_startup",
        )
        return FileOutput(**{key: values[key] for key in keys}, codec=_codec(values))
    if name == "mqtt":
        tls = read_tls(schema, values)
        keys = ("topic", "client_id", "username", "password", "keepalive", "timeout", "window_bytes")
        hosts = _hosts(values, 8883 if tls else 1883)
        return MqttOutput(**{key: values[key] for key in keys}, **_backoff(values), hosts=hosts, tls=tls)
    return EmbeddedOutput(values["path"], values["index"], values["retention"])


def _backoff(values: Values) -> dict[str, Any]:
    return {"backoff_init": values["backoff.init"], "backoff_max": values["backoff.max"]}


def _codec(values: Values) -> CodecSettings:
    return CodecSettings(values["codec.format.string"], values["codec.json.pretty"], values["codec.json.escape_html"])


def _hosts(values: Values, port: int) -> tuple[str, ...]:
    """Complete hosts with the default port."""
    if not values["hosts"] and not values.given("hosts"):
        raise values.error("the output has no 'hosts'", "hosts")
    hosts: list[str] = []
    for text in values["hosts"]:
        host = text.strip().partition("://")[2].rstrip("/") or text.strip()
        bare = host.rpartition("]")[2] if host.startswith("[") else host
        if host.count(":") > 1 and not host.startswith("["):
            hosts.append(host if "${" in host or "{{" in host else f"[{host}]:{port}")
        else:
            hosts.append(host if ":" in bare else f"{host}:{port}")
    return tuple(hosts)


def _elasticsearch(schema: Schema, values: Values, cloud: Values) -> ElasticsearchOutput:
    tls = read_tls(schema, values)
    hosts = _urls(values, cloud)
    username, password = values["username"], values["password"]
    if cloud["cloud.auth"]:
        username, _, password = cloud["cloud.auth"].partition(":")
    keys: tuple[str, ...] = (
        "api_key",
        "index",
        "pipeline",
        "headers",
        "parameters",
        "proxy_url",
        "proxy_disable",
        "proxy_headers",
    )
    keys += ("loadbalance", "worker", "compression_level", "timeout")
    return ElasticsearchOutput(
        **{key: values[key] for key in keys},
        **_backoff(values),
        hosts=hosts,
        username=username,
        password=password,
        indices=_rules(schema, "output.elasticsearch", "indices", "index", values),
        pipelines=_rules(schema, "output.elasticsearch", "pipelines", "pipeline", values),
        dead_letter_index=values["non_indexable_policy.dead_letter_index.index"],
        tls=tls,
    )


def _kafka(schema: Schema, values: Values) -> KafkaOutput:
    topics = _rules(schema, "output.kafka", "topics", "topic", values)
    if not values.given("topic") and not values.given("topics"):
        raise values.error("'output.kafka' needs its 'topic'")
    if bool(values["username"]) != bool(values["password"]):
        name = "username" if values["username"] else "password"
        raise values.error("'username' and 'password' need each other", name)
    mechanism = values["sasl.mechanism"].upper()
    if mechanism not in MECHANISMS and "${" not in mechanism:
        known = ", ".join(MECHANISMS)
        raise values.error(f"'output.kafka.sasl.mechanism' is one of {known}, and got '{mechanism}'", "sasl.mechanism")
    if values["required_acks"] > 1:
        raise values.error("'output.kafka.required_acks' is -1, 0 or 1", "required_acks")
    keys = ("topic", "key", "client_id", "required_acks", "max_message_bytes", "timeout")
    return KafkaOutput(
        **{key: values[key] for key in keys},
        **_backoff(values),
        hosts=_hosts(values, 9092),
        topics=topics,
        partition=_partition(schema, values),
        headers=_kafka_headers(values),
        username=values["username"] or None,
        password=values["password"] or None,
        mechanism=mechanism,
        compression="none" if values["compression"] in {"no", "off"} else values["compression"],
        refresh_frequency=values["metadata.refresh_frequency"] or 600.0,
        codec=_codec(values),
        tls=read_tls(schema, values),
    )


def _partition(schema: Schema, values: Values) -> KafkaPartition:
    tree = values["partition"]
    if tree is None or is_empty(tree):
        return KafkaPartition()
    if not isinstance(tree, Mapping) or len(tree.entries) != 1:
        raise values.error(f"'output.kafka.partition' takes one of {', '.join(PARTITIONS)}", "partition")
    ((name, entry),) = tree.entries.items()
    if name not in PARTITIONS:
        raise ConfigError(f"there is no strategy 'partition.{name}'", entry.position, nearest(name, PARTITIONS))
    found = schema.section(f"output.kafka.partition.{name}", PARTITIONS[name], entry.tree)
    return KafkaPartition(name, **found.values)  # type: ignore[arg-type] # a key of PARTITIONS


def _kafka_headers(values: Values) -> tuple[tuple[str, str], ...]:
    given = values["headers"] or []
    if not isinstance(given, list) or not all(
        isinstance(one, dict) and one.keys() == {"key", "value"} for one in given
    ):
        raise values.error("'output.kafka.headers' takes a list of entries with 'key' and 'value'", "headers")
    return tuple((str(one["key"]), str(one["value"])) for one in given)


def _redis(schema: Schema, values: Values) -> RedisOutput:
    if values["username"] and not values["password"]:
        raise values.error("'output.redis.username' needs the 'password'", "username")
    keys = ("db", "timeout", "bulk_max_size")
    return RedisOutput(
        **{key: values[key] for key in keys},
        **_backoff(values),
        hosts=_redis_hosts(values),
        key=values["key"] or FormatString("filebeat"),
        keys=_rules(schema, "output.redis", "keys", "key", values),
        publish=values["datatype"] == "channel",
        username=values["username"] or None,
        password=values["password"] or None,
        codec=_codec(values),
        tls=read_tls(schema, values),
    )


def _redis_hosts(values: Values) -> tuple[RedisHost, ...]:
    if not values["hosts"] and not values.given("hosts"):
        raise values.error("'output.redis' has no 'hosts'", "hosts")
    return tuple(_redis_host(values, text.strip()) for text in values["hosts"])


def _redis_host(values: Values, text: str) -> RedisHost:
    """Read a host or URL; what is wrong is said without the text, which may have a password."""
    if "${" in text or "{{" in text:
        return RedisHost(text)
    bare = text.count(":") > 1 and "://" not in text and not text.startswith("[")
    try:
        parts = urlsplit(text if "://" in text else f"//[{text}]" if bare else f"//{text}")
        port = parts.port
    except ValueError:
        raise values.error("a host of 'output.redis.hosts' has no good name or port", "hosts") from None
    if parts.scheme not in ("", "redis", "rediss"):
        raise values.error(f"URLs of 'output.redis.hosts' have redis:// or rediss://, not '{parts.scheme}://'", "hosts")
    if not parts.hostname or parts.path.strip("/") or parts.query:
        raise values.error("an entry of 'output.redis.hosts' is a host and a port; the database is 'db'", "hosts")
    return RedisHost(
        parts.hostname,
        port or values["port"] or 6379,
        unquote(parts.username or "") or None,
        unquote(parts.password or "") or None,
        {"rediss": True, "redis": False}.get(parts.scheme),
    )


def _urls(values: Values, cloud: Values) -> tuple[str, ...]:
    if cloud["cloud.id"]:
        return (_cloud_url(cloud),)
    if not values["hosts"] and not values.given("hosts"):
        raise values.error("'output.elasticsearch' has no 'hosts'", "hosts")
    urls: list[str] = []
    for text in values["hosts"]:
        host = text.strip()
        if "${" in host or "{{" in host:
            urls.append(host)
            continue
        if "://" not in host:
            host = f"{values['protocol'] or 'http'}://{host}"
        try:
            parts = urlsplit(host)
            port = parts.port
        except ValueError as error:
            raise values.error(f"'{text}' is no host: {error}", "hosts") from None
        if not parts.hostname:
            raise values.error(f"'{text}' is no host", "hosts")
        netloc = parts.netloc if port else f"{parts.netloc.rstrip(':')}:{values['port'] or 9200}"
        path = parts.path.rstrip("/") or ("/" + values["path"].strip("/") if values["path"] else "")
        urls.append(f"{parts.scheme}://{netloc}{path}")
    return tuple(urls)


def _cloud_url(cloud: Values) -> str:
    if "${" in cloud["cloud.id"]:
        return str(cloud["cloud.id"])
    text = cloud["cloud.id"].rpartition(":")[2]
    try:
        host, _, rest = base64.b64decode(text + "=" * (-len(text) % 4)).decode().partition("$")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        host, rest = "", ""
    name = rest.partition("$")[0]
    if not host or not name:
        raise cloud.error("'cloud.id' is not one: copy it from the page of the deployment", "cloud.id")
    domain, _, port = host.partition(":")
    return f"https://{name}.{domain}:{port or 443}"


def _rules(schema: Schema, output: str, option: str, name: str, values: Values) -> tuple[Rule, ...]:
    tree = values[option]
    if tree is None or is_empty(tree):
        return ()
    if not isinstance(tree, Sequence):
        raise values.error(f"'{option}' takes a list", option)
    rules: list[Rule] = []
    for item in tree.items:
        where = f"{output}.{option}"
        if isinstance(item, Scalar):
            raise ConfigError(f"an entry of '{where}' takes options, such as '{name}: …'", item.position)
        found = schema.section(where, RULE, item)
        if not found.given(name):
            raise ConfigError(f"an entry of '{where}' needs '{name}'", item.position)
        if found[name] is None:
            # A variable without value, when only the syntax is checked; or what the schema has refused.
            continue
        when: Any = read_condition(schema, f"{where}.when", found["when"]) if found["when"] else None
        rules.append(Rule(found[name], when, found["mappings"], found["default"]))
    return tuple(rules)
