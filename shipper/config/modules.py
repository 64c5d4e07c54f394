"""``filebeat.modules`` and ``modules.d``: inputs that know where a program's logs are, and how they are cut.

A fileset becomes an input of type log whose events say what they are (``event.module``, ``event.dataset``,
``fileset.name``, ``service.type``); by these, ingest's filter ``modules`` finds the pipeline that parses them. Paths,
variables and names are those of Filebeat 8's own modules, on Linux.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping as Table
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sawlog.errors import ConfigError, nearest
from sawlog.event import Event, put
from sawlog.yaml_tree import Entry, Mapping, Scalar, Sequence, Tree, is_empty, merge, parse_value
from shipper.config.inputs import CommonFields, is_disabled, read_inputs
from shipper.config.schema import Schema, SectionOptions, Values, done, noted, refused
from shipper.config.values import ValueKind
from shipper.settings import Config, ElasticsearchOutput, EmbeddedOutput, FileInput

_LOCALE: Final = "processors: [{add_locale: ~}]"
_TIMED_OR_JSON: Final = r"multiline: {pattern: '^(\[?\d{4}-\d{2}-\d{2}|\{)', negate: true, match: after}"
_ES: Final = "/var/log/elasticsearch/"
_ZONE: Final = noted("times without a zone are always read in the shipper's", False)


@dataclass(frozen=True, slots=True)
class Fileset:
    """One kind of log of a module: where it is by default, and what its input has beside that, in YAML."""

    paths: tuple[str, ...]
    """With the names of variables in braces, and ``{hostname}``."""
    input: str = ""
    variables: SectionOptions = field(default_factory=dict)


MODULES: Final[Table[str, Table[str, Fileset]]] = {
    "apache": {
        "access": Fileset(
            (
                "/var/log/apache2/access.log*",
                "/var/log/apache2/other_vhosts_access.log*",
                "/var/log/httpd/access_log*",
            )
        ),
        "error": Fileset(("/var/log/apache2/error.log*", "/var/log/httpd/error_log*"), _LOCALE),
    },
    "elasticsearch": {
        "server": Fileset(
            (f"{_ES}*.log", f"{_ES}*_server.json"),
            "exclude_files: ['\\.gz$', '_slowlog\\.log$', '_access\\.log$', '_audit\\.log$', '_deprecation\\.log$',"
            f" 'gc\\.log']\n{_TIMED_OR_JSON}\n{_LOCALE}",
        ),
        "gc": Fileset(
            (f"{_ES}gc.log.[0-9]*", f"{_ES}gc.log"),
            "exclude_lines: ['^(OpenJDK|Java HotSpot).* Server VM ', '^CommandLine flags: ', '^Memory: ', '^{']\n"
            + _TIMED_OR_JSON,
        ),
        "audit": Fileset((f"{_ES}*_access.log", f"{_ES}*_audit.log", f"{_ES}*_audit.json"), _LOCALE),
        "slowlog": Fileset(
            tuple(f"{_ES}*_index_{kind}_slowlog.{end}" for end in ("log", "json") for kind in ("search", "indexing")),
            f"{_TIMED_OR_JSON}\n{_LOCALE}",
        ),
        "deprecation": Fileset((f"{_ES}*_deprecation.log", f"{_ES}*_deprecation.json"), f"{_TIMED_OR_JSON}\n{_LOCALE}"),
    },
    "haproxy": {
        "log": Fileset(
            ("/var/log/haproxy.log",),
            _LOCALE,
            {
                "input": done(ValueKind.TEXT, "syslog", one_of=("file", "syslog"), word="syslog is refused"),
                "syslog_host": noted("nothing listens; set 'var.input: file'"),
                "syslog_port": noted("nothing listens; set 'var.input: file'"),
            },
        ),
    },
    "kafka": {
        "log": Fileset(
            tuple(f"{{kafka_home}}/logs/{name}.log*" for name in ("controller", "server", "state-change", "kafka-*")),
            f"multiline: {{pattern: '^\\[', negate: true, match: after}}\n{_LOCALE}",
            {"kafka_home": done(ValueKind.TEXT, "/opt/kafka*"), "convert_timezone": _ZONE},
        ),
    },
    "logstash": {
        "log": Fileset(
            ("/var/log/logstash/logstash-{format}*.log",),
            "multiline: {pattern: '^(\\[\\d{4}-\\d{2}-\\d{2}[^\\]]+\\]|\\{.+\\})', negate: true, match: after}\n"
            "exclude_files: ['\\.gz$', 'slowlog']\n" + _LOCALE,
            {
                "format": done(ValueKind.TEXT, "plain", one_of=("plain", "json")),
                "convert_timezone": _ZONE,
            },
        ),
        "slowlog": Fileset(
            ("/var/log/logstash/logstash-slowlog-{format}*.log",),
            _LOCALE,
            {
                "format": done(ValueKind.TEXT, "plain", one_of=("plain", "json")),
                "convert_timezone": _ZONE,
            },
        ),
    },
    "mysql": {
        "error": Fileset(
            ("/var/log/mysql/error.log*", "/var/log/mysqld.log*"),
            f"multiline: {{pattern: '^(\\d{{4}}-\\d{{2}}-\\d{{2}}|\\d{{6}})', negate: true, match: after}}\n{_LOCALE}",
        ),
        "slowlog": Fileset(
            ("/var/log/mysql/*-slow.log*", "/var/lib/mysql/{hostname}-slow.log"),
            "multiline: {pattern: '^# (User@Host|Time): ', negate: true, match: after}\n"
            "exclude_lines: ['^[/\\w.-]+, Version: .* started with:', '^# Time: ']",
        ),
    },
    "nginx": {
        "access": Fileset(("/var/log/nginx/access.log*",)),
        "error": Fileset(
            ("/var/log/nginx/error.log*",),
            f"multiline: {{pattern: '^\\d{{4}}/\\d{{2}}/\\d{{2}} ', negate: true, match: after}}\n{_LOCALE}",
        ),
        "ingress_controller": Fileset(("/var/log/nginx/ingress.log",), _LOCALE),
    },
    "postgresql": {
        "log": Fileset(
            ("/var/log/postgresql/postgresql-*-*.log*", "/var/log/postgresql/postgresql-*-*.csv*"),
            "multiline: {pattern: '^\\d{4}-\\d{2}-\\d{2} ', negate: true, match: after}",
        ),
    },
    "redis": {
        "log": Fileset(
            ("/var/log/redis/redis-server.log*",), "exclude_lines: ['^\\s+[-`(''.|_]', '^\\s*$']\n" + _LOCALE
        ),
    },
    "system": {
        name: Fileset(
            paths,
            f"multiline: {{pattern: '^\\s', match: after}}\n{_LOCALE}",
            {
                "use_journald": refused("a module reads files only", False),
                "use_files": noted("files are what is read", True),
                "convert_timezone": _ZONE,
            },
        )
        for name, paths in (
            ("syslog", ("/var/log/messages*", "/var/log/syslog*")),
            ("auth", ("/var/log/auth.log*", "/var/log/secure*")),
        )
    },
    "traefik": {"access": Fileset(("/var/log/traefik/access.log*",))},
}
MISSING_FILESETS: Final = {
    ("redis", "slowlog"): "it is asked for over Redis's protocol, and sawlog reads files",
}
OTHER_MODULES: Final = frozenset(
    {
        "activemq", "auditd", "aws", "awsfargate", "azure", "barracuda", "bluecoat", "cef", "checkpoint", "cisco",
        "coredns", "crowdstrike", "cyberark", "cyberarkpas", "cylance", "envoyproxy", "f5", "fortinet", "gcp",
        "google_workspace", "googlecloud", "gsuite", "ibmmq", "icinga", "iis", "imperva", "infoblox", "iptables",
        "juniper", "kibana", "microsoft", "misp", "mongodb", "mssql", "mysqlenterprise", "nats", "netflow", "netscout",
        "o365", "okta", "oracle", "osquery", "panw", "pensando", "proofpoint", "rabbitmq", "radware", "salesforce",
        "santa", "snort", "snyk", "sonicwall", "sophos", "squid", "suricata", "threatintel", "tomcat", "zeek",
        "zookeeper", "zoom", "zscaler",
    }
)  # fmt: skip
INSTEAD: Final = "name its files under filebeat.inputs, and parse them with grok in ingest"

FILESET: Final[SectionOptions] = {
    "enabled": done(ValueKind.BOOL, True),
    "var.paths": done(ValueKind.TEXTS, ()),
    "var.tags": done(ValueKind.TEXTS, ()),
    "input": done(ValueKind.TREE, word="options of the input that reads the files"),
    "prospector": done(ValueKind.TREE, word="the older name of `input`"),
}


def read_modules(schema: Schema, where: str, tree: Tree, common: CommonFields) -> list[FileInput]:
    """Read a list of modules, and return the inputs of their filesets that are enabled."""
    if is_empty(tree):
        return []
    if not isinstance(tree, Sequence):
        tree = Sequence([tree], tree.position)
    inputs: list[FileInput] = []
    for item in tree.items:
        if is_empty(item):
            continue
        with schema.problems.collect():
            inputs += _module(schema, where, item, common)
    return inputs


def unparsed(config: Config) -> str | None:
    """Return what is to be said at the start of `sawlog ship`: modules' lines that nothing parses on their way."""
    output = config.output.settings if config.output is not None else None
    if not isinstance(output, ElasticsearchOutput | EmbeddedOutput):
        return None
    datasets = sorted({one.fields["event"]["dataset"] for one in config.inputs if "fileset" in one.fields})
    if not datasets or (isinstance(output, ElasticsearchOutput) and (output.pipeline or output.pipelines)):
        return None
    return (
        f"lines of {', '.join(datasets)} go to the store as they are: `sawlog up` and `sawlog ingest` parse them;"
        " for Elasticsearch, 'output.elasticsearch.pipelines' may name ingest pipelines of its own"
    )


def _module(schema: Schema, where: str, tree: Tree, common: CommonFields) -> list[FileInput]:
    named = tree.entries.get("module") if isinstance(tree, Mapping) else None
    if not isinstance(tree, Mapping) or named is None or not isinstance(named.tree, Scalar):
        raise ConfigError(f"an entry of '{where}' is 'module:' with its filesets below", tree.position)
    name = schema.reader.text(named.tree)[0]
    enabled = tree.entries.get("enabled")
    if enabled is not None and is_disabled(schema, enabled):
        return []
    wanted = [entry for key, entry in tree.entries.items() if key not in ("module", "enabled") and _on(schema, entry)]
    if not wanted:
        known = ", ".join(MODULES.get(name, ()))
        how = f"; its filesets are {known}: 'enabled: true' below one reads it" if known else ""
        schema.problems.note(f"the module '{name}' does nothing: none of its filesets is enabled{how}", tree.position)
        return []
    if name not in MODULES:
        if name in OTHER_MODULES:
            raise ConfigError(f"the module '{name}' is refused: sawlog has no pipeline for it", named.position, INSTEAD)
        hint = nearest(name, [*MODULES, *OTHER_MODULES]) or INSTEAD
        raise ConfigError(f"there is no module '{name}'", named.position, hint)
    return [one for entry in wanted for one in _fileset(schema, where, name, entry, common)]


def _on(schema: Schema, entry: Entry) -> bool:
    """Whether a fileset that is named is enabled: it is unless it says otherwise."""
    if not isinstance(entry.tree, Mapping):
        return True
    enabled = entry.tree.entries.get("enabled")
    return enabled is None or not is_disabled(schema, enabled)


def _fileset(schema: Schema, where: str, module: str, entry: Entry, common: CommonFields) -> list[FileInput]:
    filesets, name = MODULES[module], entry.key
    if reason := MISSING_FILESETS.get((module, name)):
        raise ConfigError(f"the fileset '{name}' of '{module}' is refused: {reason}", entry.position)
    if name not in filesets:
        raise ConfigError(f"the module '{module}' has no fileset '{name}'", entry.position, nearest(name, filesets))
    fileset = filesets[name]
    variables = {f"var.{variable}": option for variable, option in fileset.variables.items()}
    values = schema.section(f"{where}.{module}.{name}", {**FILESET, **variables}, entry.tree)
    if "var.input" in variables and values["var.input"] == "syslog":
        raise values.error(
            f"the fileset '{name}' of '{module}' listens to syslog by default, and that is refused",
            "var.input",
            "set 'var.input: file', or listen with the input syslog of `sawlog ingest`",
        )
    options = _input(fileset, values, entry)
    about: Event = {
        "event": {"module": module, "dataset": f"{module}.{name}"},
        "fileset": {"name": name},
        "service": {"type": module},
    }
    return [
        replace(one, fields=_with(one.fields, about))
        for one in read_inputs(schema, f"{where}.{module}.{name}.input", Sequence([options], entry.position), common)
    ]


def _input(fileset: Fileset, values: Values, entry: Entry) -> Mapping:
    """Return the options of the input that reads a fileset; those below ``input`` go before the module's own."""
    options = Mapping({}, entry.position)
    own = parse_value(f"type: log\nexclude_files: ['\\.gz$']\n{fileset.input}", "module")
    _merge(options, own, entry)
    names: dict[str, Any] = {
        name.removeprefix("var."): value for name, value in values.values.items() if name.startswith("var.")
    }
    names["hostname"] = socket.gethostname()
    paths = values["var.paths"] or tuple(path.format_map(names) for path in fileset.paths)
    for name, texts in (("paths", paths), ("tags", values["var.tags"])):
        if texts:
            items: list[Tree] = [Scalar(text, False, values.at(f"var.{name}")) for text in texts]
            merge(options, name, values.at(f"var.{name}"), Sequence(items, values.at(f"var.{name}")))
    for section in ("prospector", "input"):
        if values[section] is not None:
            _merge(options, values[section], entry)
    return options


def _merge(into: Mapping, tree: Tree, entry: Entry) -> None:
    if not isinstance(tree, Mapping):
        raise ConfigError(f"'{entry.key}.input' takes options of an input ('key: value' lines)", entry.position)
    for one in tree.entries.values():
        # What the module itself says has no place in the user's file.
        merge(into, one.key, one.position if one.position.file != "module" else entry.position, one.tree)


def _with(fields: Table[str, Any], about: Event) -> Event:
    """Return an input's constants with what the module says of its events, which no option replaces."""
    event: Event = dict(fields)
    for top, values in about.items():
        for key, value in values.items():
            put(event, (top, key), value)
    return event
