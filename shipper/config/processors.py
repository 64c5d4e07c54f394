"""``processors`` and conditions, from the file to `shipper.processor`."""

from __future__ import annotations

import ipaddress
import platform
import socket
from collections.abc import Callable
from typing import Any, Final

from sawlog.errors import ConfigError, nearest
from sawlog.event import METADATA
from sawlog.times.go import Layout, zone_of
from sawlog.yaml_tree import Entry, Mapping, Scalar, Sequence, Tree, is_empty
from shipper.config import field_processors
from shipper.config.field_processors import path_of as _path
from shipper.config.field_processors import rows_of as _rows
from shipper.config.kubernetes import DOCKER_FOLDER, KUBERNETES, api_of, pod_fields_of
from shipper.config.schema import Schema, SectionOptions, Values, done, noted, refused, renamed
from shipper.config.values import ValueKind, number
from shipper.expression import Expressions, Substitution
from shipper.processor import conditions, fields
from shipper.processor.base import Condition, Processor
from shipper.processor.casing import Casing
from shipper.processor.container_metadata import AddDockerMetadata, AddKubernetesMetadata
from shipper.processor.convert import TYPES, Conversion, Convert
from shipper.processor.decoding import DecodeTexts
from shipper.processor.dissect import Dissect, Tokenizer
from shipper.processor.json import DecodeJsonFields
from shipper.processor.lists import AppendValues, DecodeCsvFields, ExtractArray
from shipper.processor.locale import AddLocale
from shipper.processor.naming import AddId, Fingerprint
from shipper.processor.timestamp import UNITS, Timestamp

_PATH = tuple[str, ...]
_FAILURE: Final[SectionOptions] = {
    "ignore_missing": done(ValueKind.BOOL, False),
    "fail_on_error": done(ValueKind.BOOL, True),
}
_LETTERS: Final[SectionOptions] = {
    "fields": done(ValueKind.TEXTS, ()),
    "values": done(ValueKind.TEXTS, ()),
    "alter_full_field": done(ValueKind.BOOL, True),
    **_FAILURE,
}
_IDENTITY: Final = (METADATA, "_id")
_TAG: Final = noted("it names the processor in Filebeat's log only")

_LOGS_PATH: Final[SectionOptions] = {
    "logs_path": done(ValueKind.TEXT, word="logs are recognised in any folder"),
    "resource_type": done(ValueKind.TEXT, "container", one_of=("container", "pod")),
}

PROCESSORS: Final[dict[str, SectionOptions]] = {
    "add_fields": {"target": done(ValueKind.TEXT), "fields": done(ValueKind.MAP, {})},
    "add_labels": {"labels": done(ValueKind.MAP, {}, word="names with dots, and texts, as Filebeat's")},
    "add_tags": {"tags": done(ValueKind.TEXTS, ()), "target": done(ValueKind.TEXT, "tags")},
    "add_host_metadata": {
        "netinfo.enabled": noted("addresses are not listed"),
        "cache.ttl": noted("it is read once"),
        "geo": done(ValueKind.MAP, {}),
        "replace_fields": noted("the fields are replaced", True),
    },
    "drop_event": {},
    "drop_fields": {"fields": done(ValueKind.TEXTS, ()), "ignore_missing": done(ValueKind.BOOL, False)},
    "include_fields": {"fields": done(ValueKind.TEXTS, ())},
    "rename": {"fields": done(ValueKind.TREE), **_FAILURE},
    "copy_fields": {"fields": done(ValueKind.TREE), **_FAILURE},
    "replace": {"fields": done(ValueKind.TREE), **_FAILURE},
    "truncate_fields": {
        "fields": done(ValueKind.TEXTS, ()),
        "max_bytes": done(ValueKind.SIZE, 0),
        "max_characters": done(ValueKind.INTEGER, 0, least=0),
        **_FAILURE,
    },
    "decode_json_fields": {
        "fields": done(ValueKind.TEXTS, ()),
        "target": done(ValueKind.ANY),
        "overwrite_keys": done(ValueKind.BOOL, False, word="a `@timestamp` that is no time stays out; `error` says so"),
        "add_error_key": done(ValueKind.BOOL, False),
        "process_array": done(ValueKind.BOOL, False),
        "max_depth": done(ValueKind.INTEGER, 1, least=1),
        "expand_keys": done(ValueKind.BOOL, False),
        "document_id": refused("a document's id is its place in the file"),
    },
    "dissect": {
        "tokenizer": done(ValueKind.TEXT, word="a fixed length (`#4`) counts characters, not bytes"),
        "field": done(ValueKind.TEXT, "message"),
        "target_prefix": done(ValueKind.ANY, "dissect"),
        "ignore_failure": done(ValueKind.BOOL, False),
        "overwrite_keys": done(ValueKind.BOOL, False),
        "trim_values": done(ValueKind.TEXT, "none", one_of=("none", "left", "right", "all")),
        "trim_chars": done(ValueKind.TEXT, " "),
    },
    "timestamp": {
        "field": done(ValueKind.TEXT),
        "target_field": done(ValueKind.TEXT, "@timestamp"),
        "layouts": done(ValueKind.TEXTS, ()),
        "timezone": done(ValueKind.TEXT, "UTC"),
        "test": done(ValueKind.TEXTS, ()),
        "ignore_missing": done(ValueKind.BOOL, False),
        "ignore_failure": done(ValueKind.BOOL, False),
    },
    "convert": {
        "fields": done(ValueKind.TREE, word="a number beyond its type fails instead of being cut"),
        "mode": done(ValueKind.TEXT, "copy", one_of=("copy", "rename")),
        **_FAILURE,
    },
    "lowercase": _LETTERS,
    "uppercase": _LETTERS,
    "add_docker_metadata": {
        "host": noted("Docker's socket is not asked: what Docker keeps beside the logs says the same"),
        "ssl.*": noted("Docker's socket is not asked"),
        "match_source": done(ValueKind.BOOL, True),
        "match_source_index": done(
            ValueKind.INTEGER, least=0, word="by default the part of the path that looks like an id; a link is followed"
        ),
        "match_fields": done(ValueKind.TEXTS, ()),
        "match_pids": noted("the path of the log, or 'match_fields', say the container"),
        "match_short_id": done(ValueKind.BOOL, False),
        "cleanup_timeout": noted("what is known of a container is kept as long as its file is read"),
        "skip_older": noted("what is there is known at once"),
        "wait_for_metadata": noted("what is there is known at once"),
        "wait_for_metadata_timeout": noted("what is there is known at once"),
        "wait_for_metadata_retry_period": noted("what is there is known at once"),
        "labels.dedot": done(ValueKind.BOOL, True),
        "containers.path": DOCKER_FOLDER,
    },
    "add_kubernetes_metadata": {
        **KUBERNETES,
        "in_cluster": noted("a service account is used where there is one", True),
        "host": done(
            ValueKind.TEXT, word="the node; `NODE_NAME` of the environment by default, else what the API says"
        ),
        "node": renamed("host"),
        "cleanup_timeout": noted("what is known of a pod is kept as long as its files are read"),
        "default_indexers.enabled": noted("pods are found by container, uid and name at once"),
        "default_matchers.enabled": noted("the path of the log says the pod, whatever folder it is in"),
        "indexers": noted("pods are found by container, uid and name at once"),
        "matchers": done(ValueKind.TREE, word="`logs_path`; of `fields` and `field_format` no use is made"),
    },
    "add_locale": {"format": done(ValueKind.TEXT, "offset", one_of=("offset", "abbreviation"))},
    **field_processors.OPTIONS,
}
NOTED_PROCESSORS: Final = {
    "add_cloud_metadata": "name the provider with add_fields",
    "add_observer_metadata": "agent.* and host.* name the machine",
}
_IN_INGEST: Final = "it is not offered; do it in ingest"
REFUSED_PROCESSORS: Final = {
    "add_network_direction": "ingest's filter cidr tells inner networks",
    "add_cloudfoundry_metadata": "name the application with add_fields",
    "add_nomad_metadata": "name what is known of the job with add_fields",
    "add_process_metadata": "it is not offered; Spring Boot's lines name their process",
    "cache": "ingest's filters memcached and elasticsearch keep values for others",
    "community_id": "it is made of packets, and sawlog reads logs",
    "decode_cef": "ingest's codec cef decodes it",
    "decode_xml": "ingest's filter xml decodes it",
    "decode_xml_wineventlog": "that is Windows's",
    "detect_mime_type": _IN_INGEST,
    "dns": "ingest's filter dns looks names up",
    "parse_aws_vpc_flow_log": "ingest's filter dissect takes such lines apart",
    "registered_domain": _IN_INGEST,
    "script": "ingest's filter ruby runs programs",
    "syslog": "ingest's input syslog and its filter grok parse it",
    "translate_ldap_attribute": "it is not offered; ingest's filter translate looks values up",
    "translate_sid": "that is Windows's",
}


def read_processors(schema: Schema, where: str, tree: Tree | None) -> tuple[Processor, ...]:
    """Read a list of processors; what is noted is left out."""
    if tree is None or is_empty(tree):
        return ()
    found: list[Processor] = []
    for item in tree.items if isinstance(tree, Sequence) else [tree]:
        if is_empty(item):
            continue
        if not isinstance(item, Mapping):
            if isinstance(item, Scalar) and item.text in NOTED_PROCESSORS:
                schema.problems.note(f"'{item.text}' has no effect here: {NOTED_PROCESSORS[item.text]}", item.position)
            else:
                schema.problems.error(f"an entry of '{where}' is 'name:' with its options below", item.position)
            continue
        with schema.problems.collect():
            if "if" in item.entries:
                found.append(_if(schema, where, item))
            else:
                found += [one for entry in item.entries.values() if (one := _named(schema, where, entry))]
    return tuple(found)


def _if(schema: Schema, where: str, item: Mapping) -> Processor:
    condition = read_condition(schema, f"{where}.if", item.entries["if"].tree)
    for name, entry in item.entries.items():
        if name not in ("if", "then", "else"):
            raise ConfigError(f"beside 'if' stand 'then' and 'else', not '{name}'", entry.position)
    then, otherwise = (
        read_processors(schema, f"{where}.{name}", item.entries[name].tree) if name in item.entries else ()
        for name in ("then", "else")
    )
    return fields.Conditional(condition, then, otherwise)


def _named(schema: Schema, where: str, entry: Entry) -> Processor | None:
    name = entry.key
    if name in NOTED_PROCESSORS:
        schema.problems.note(f"'{name}' has no effect here: {NOTED_PROCESSORS[name]}", entry.position, name)
        return None
    if name in REFUSED_PROCESSORS:
        raise ConfigError(f"the processor '{name}' is refused: {REFUSED_PROCESSORS[name]}", entry.position)
    if name not in PROCESSORS:
        raise ConfigError(f"there is no processor '{name}'", entry.position, nearest(name, PROCESSORS))
    options = {**PROCESSORS[name], "when": done(ValueKind.TREE), "tag": _TAG, "id": _TAG}
    values = schema.section(f"{where}.{name}", options, entry.tree)
    values.position = entry.position
    try:
        processor = _build(schema, name, values)
        if processor is None:
            return None
        _check_places(processor)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}", entry.position) from None
    when = values["when"]
    if when is None:
        return processor
    return fields.Conditional(read_condition(schema, f"{name}.when", when), (processor,))


def _build(schema: Schema, name: str, values: Values) -> Processor | None:
    if name in field_processors.OPTIONS:
        return field_processors.build(schema, name, values)
    if name == "add_labels":
        return fields.AddFields(tuple((("labels", key), text) for key, text in _labels(values["labels"])))
    if name == "add_fields":
        constants = values["fields"]
        target = "fields" if values["target"] is None else values["target"]
        # An empty target stands for the root; the reader leaves empty texts as they are.
        return fields.AddFields(tuple(_flat(constants, _path(target))))
    if name == "add_tags":
        return fields.AddTags(values["tags"], _path(values["target"]))
    if name == "add_host_metadata":
        return fields.AddFields(tuple(_flat({"host": _host() | ({"geo": values["geo"]} if values["geo"] else {})}, ())))
    if name == "drop_event":
        return fields.DropEvent()
    if name == "drop_fields":
        names = [one for one in values["fields"] if not (_is_pattern(one) or _is_identity(schema, values, one))]
        patterns = [one[1:-1] for one in values["fields"] if _is_pattern(one)]
        return fields.DropFields(
            tuple(map(_path, names)), Expressions(patterns) if patterns else None, values["ignore_missing"]
        )
    if name == "include_fields":
        return fields.IncludeFields(tuple(map(_path, values["fields"])))
    if name in ("rename", "copy_fields"):
        rows = _rows(schema, name, values, ("from", "to"))
        moves = tuple((_path(row["from"]), _path(row["to"])) for row in rows)
        return fields.MoveFields(moves, name == "copy_fields", values["ignore_missing"], values["fail_on_error"])
    if name == "replace":
        rows = _rows(schema, name, values, ("field", "pattern", "replacement"))
        replaced = tuple((_path(row["field"]), Substitution(row["pattern"], row["replacement"])) for row in rows)
        return fields.Replace(replaced, values["ignore_missing"], values["fail_on_error"])
    if name == "convert":
        return _convert(schema, values)
    paths = tuple(map(_path, values["fields"])) if "fields" in values.values else ()
    if name == "truncate_fields":
        keys: tuple[str, ...] = ("max_bytes", "max_characters", "ignore_missing", "fail_on_error")
        return fields.TruncateFields(paths, **{key: values[key] for key in keys})
    if name in ("lowercase", "uppercase"):
        in_place = tuple(path for path in paths if path[0] not in ("@timestamp", "type"))
        keys = ("ignore_missing", "fail_on_error")
        return Casing(
            name == "uppercase",
            in_place,
            tuple(map(_path, values["values"])),
            values["alter_full_field"],
            **{key: values[key] for key in keys},
        )
    if name == "decode_json_fields":
        keys = ("overwrite_keys", "add_error_key", "process_array", "max_depth", "expand_keys")
        target_path = None if values["target"] is None else _path(str(values["target"]))
        return DecodeJsonFields(paths, target_path, **{key: values[key] for key in keys})
    if name == "add_locale":
        return AddLocale(values["format"] == "abbreviation")
    if name == "add_docker_metadata":
        return AddDockerMetadata(
            values["containers.path"],
            values["labels.dedot"],
            values["match_source"],
            values["match_source_index"],
            values["match_short_id"],
            tuple(map(_path, values["match_fields"])),
        )
    if name == "add_kubernetes_metadata":
        _check_matchers(schema, values)
        return AddKubernetesMetadata(api_of(values, values["host"]), values["containers.path"], pod_fields_of(values))
    return _timestamp(values) if name == "timestamp" else _dissect(values)


def _check_matchers(schema: Schema, values: Values) -> None:
    tree = values["matchers"]
    for item in tree.items if isinstance(tree, Sequence) else [] if tree is None or is_empty(tree) else [tree]:
        for name, entry in item.entries.items() if isinstance(item, Mapping) else ():
            if name == "logs_path":
                schema.section("add_kubernetes_metadata.matchers.logs_path", _LOGS_PATH, entry.tree)
            elif name in ("fields", "field_format"):
                raise ConfigError(
                    f"the matcher '{name}' is refused: pods are found by the path of the log", entry.position
                )
            else:
                hint = nearest(name, ("logs_path", "fields", "field_format"))
                raise ConfigError(f"there is no matcher '{name}'", entry.position, hint)


def _convert(schema: Schema, values: Values) -> Processor:
    conversions = []
    for row in _rows(schema, "convert", values, ("from", "to", "type"), optional=("to", "type")):
        kind = row["type"].lower()
        if kind and kind not in TYPES:
            raise ConfigError(f"convert: there is no type '{kind}'", values.at("fields"), nearest(kind, TYPES))
        if not (kind or row["to"]):
            raise values.error(f"convert: '{row['from']}' has neither 'to' nor 'type'", "fields")
        conversions.append(Conversion(_path(row["from"]), _path(row["to"]) or None, kind))
    rename = values["mode"] == "rename"
    return Convert(tuple(conversions), rename, values["ignore_missing"], values["fail_on_error"])


def _timestamp(values: Values) -> Processor:
    if not values["field"] or not values["layouts"]:
        raise ValueError("it needs its 'field' and its 'layouts'")
    layouts = tuple(layout if layout in UNITS else Layout(layout) for layout in values["layouts"])
    processor = Timestamp(
        _path(values["field"]),
        layouts,
        _path(values["target_field"]),
        zone_of(values["timezone"]),
        values["ignore_missing"],
        values["ignore_failure"],
    )
    for text in values["test"]:
        if processor.parse(text) is None:
            raise values.error(f"timestamp: the test '{text}' fits none of the layouts", "test")
    return processor


def _dissect(values: Values) -> Processor:
    if not values["tokenizer"]:
        raise ValueError("it needs its 'tokenizer'")
    trimmed = values["trim_values"]
    return Dissect(
        Tokenizer.compile(values["tokenizer"]),
        _path(values["field"]),
        _path(str(values["target_prefix"])),
        values["ignore_failure"],
        values["overwrite_keys"],
        values["trim_chars"],
        trimmed in ("left", "all"),
        trimmed in ("right", "all"),
    )


def read_condition(schema: Schema, where: str, tree: Tree) -> Condition:
    """Read a condition.

    Raises:
        ConfigError: it is none.
    """
    if not isinstance(tree, Mapping) or len(tree.entries) != 1:
        raise ConfigError(f"'{where}' takes one condition, such as 'equals:' or 'and:'", tree.position)
    name, entry = next(iter(tree.entries.items()))
    inside = entry.tree
    if name in ("and", "or"):
        items = inside.items if isinstance(inside, Sequence) else [inside]
        found = tuple(read_condition(schema, f"{where}.{name}", item) for item in items)
        return conditions.And(found) if name == "and" else conditions.Or(found)
    if name == "not":
        return conditions.Not(read_condition(schema, f"{where}.not", inside))
    if name == "has_fields":
        return conditions.HasFields(tuple(map(_path, schema.reader.read(ValueKind.TEXTS, inside, where))))
    build = _LEAVES.get(name)
    if build is None:
        known = [*_LEAVES, "has_fields", "and", "or", "not"]
        raise ConfigError(f"there is no condition '{name}'", entry.position, nearest(name, known))
    if not isinstance(inside, Mapping):
        raise ConfigError(f"the condition '{name}' takes 'field: value'", entry.position)
    leaves = [(_path(key), schema.reader.any(leaf.tree)) for key, leaf in inside.leaves()]
    try:
        return build(leaves)
    except ValueError as error:
        raise ConfigError(f"the condition '{name}': {error}", entry.position) from None


_Leaves = list[tuple[_PATH, Any]]


def _range(leaves: _Leaves) -> Condition:
    bounds = []
    for path, value in leaves:
        if path[-1] not in conditions.RANGE_OPERATORS:
            raise ValueError(f"takes gt, gte, lt or lte, and got '{path[-1]}'")
        bounds.append((path[:-1], path[-1], float(number(str(value)))))
    return conditions.Range(tuple(bounds))


def _network(leaves: _Leaves) -> Condition:
    rows = [(path, tuple(map(str, value if isinstance(value, list) else [value]))) for path, value in leaves]
    for _, networks in rows:
        for one in networks:
            if one not in conditions.NETWORKS:
                ipaddress.ip_network(one, strict=False)
    return conditions.Network(tuple(rows))


_LEAVES: Final[dict[str, Callable[[_Leaves], Condition]]] = {
    "equals": lambda leaves: conditions.Equals(tuple(leaves)),
    "contains": lambda leaves: conditions.Contains(tuple((path, str(value)) for path, value in leaves)),
    "regexp": lambda leaves: conditions.Regexp(tuple((path, Expressions([str(value)])) for path, value in leaves)),
    "range": _range,
    "network": _network,
}


def _is_identity(schema: Schema, values: Values, name: str) -> bool:
    """Whether a field to be dropped says where an event stood: it stays, and that is noted."""
    if name not in (METADATA, ".".join(_IDENTITY)):
        return False
    schema.problems.note(
        f"'{name}' stays: no document has it, and the id keeps an event from being doubled", values.at("fields")
    )
    return True


def _check_places(processor: Processor) -> None:
    """Refuse what can work for no event.

    Raises:
        ValueError: with the reason.
    """
    places = _written(processor)
    if (METADATA,) in places:
        raise ValueError(f"'{METADATA}' says where an event goes, and is neither moved nor written as a whole")
    if () in places and not isinstance(processor, DecodeJsonFields | Dissect):
        raise ValueError("a field has a name")
    if isinstance(processor, fields.AddFields) and _IDENTITY in places:
        raise ValueError("all events would have one '@metadata._id', so that one document would be left of them")


def _written(processor: Processor) -> list[_PATH]:
    """Return the places that a processor moves from or writes to."""
    match processor:
        case fields.AddFields():
            return [path for path, _ in processor.fields]
        case fields.AddTags():
            return [processor.target]
        case fields.MoveFields():
            copied = processor.copy
            return [path for source, to in processor.fields for path in ((to,) if copied and source else (source, to))]
        case Convert():
            moved = [one.source for one in processor.fields if processor.rename or one.target is None]
            return [*moved, *(one.target for one in processor.fields if one.target)]
        case DecodeJsonFields() | Dissect():
            return [processor.target or ()]
        case Timestamp() | AppendValues() | Fingerprint() | AddId():
            return [processor.target]
        case DecodeTexts() | DecodeCsvFields():
            return [target for _, target in processor.fields]
        case ExtractArray():
            return [target for target, _ in processor.mappings]
    return []


def _is_pattern(name: str) -> bool:
    return len(name) > 2 and name.startswith("/") and name.endswith("/")


def _flat(values: dict[str, Any], prefix: _PATH) -> list[tuple[_PATH, Any]]:
    found: list[tuple[_PATH, Any]] = []
    for key, value in values.items():
        found += _flat(value, (*prefix, key)) if isinstance(value, dict) and value else [((*prefix, key), value)]
    return found


def _labels(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Flatten labels as Filebeat does: texts under names with dots, elements of lists under their numbers."""
    if isinstance(value, dict):
        rows = list(value.items())
    elif isinstance(value, list):
        rows = [(str(at), one) for at, one in enumerate(value)]
    else:
        text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        return [(name, text)]
    return [label for key, below in rows for label in _labels(below, f"{name}.{key}" if name else key)]


def _host() -> dict[str, Any]:
    system = platform.uname()
    return {
        "name": socket.gethostname(),
        "hostname": socket.gethostname(),
        "architecture": system.machine,
        "os": {"family": system.system.lower(), "kernel": system.release, "platform": system.system.lower()},
    }
