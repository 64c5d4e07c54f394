"""``filebeat.autodiscover``: providers, their templates and what hints start from."""

from __future__ import annotations

from typing import Final

from sawlog.errors import ConfigError, Position, nearest
from sawlog.event import Event
from sawlog.yaml_tree import Entry, Mapping, Scalar, Sequence, Tree, is_empty
from shipper.config.inputs import CommonFields, read_inputs
from shipper.config.kubernetes import DOCKER_FOLDER, KUBERNETES, api_of, pod_fields_of
from shipper.config.modules import read_modules
from shipper.config.problems import Problems
from shipper.config.processors import read_condition
from shipper.config.schema import Schema, SectionOptions, Values, done, noted, refused
from shipper.config.values import Reader, ValueKind
from shipper.config.variables import Variables
from shipper.containers.access import ApiSettings
from shipper.containers.pods import PodFields
from shipper.settings import AutodiscoverProvider, AutodiscoverTemplate, FileInput

_HINTS: Final[SectionOptions] = {
    "prefix": done(ValueKind.TEXT, "co.elastic"),
    "templates": done(ValueKind.TREE),
    "hints.enabled": done(ValueKind.BOOL, False, word="every hint but `raw`, which could name any file of the machine"),
    "hints.default_config": done(ValueKind.TREE, word="by default the container's log, as an input of type container"),
    "hints.input_allow_list.enabled": noted("hints make inputs that read the container's log, and no others"),
    "hints.input_allow_list.types": noted("hints make inputs that read the container's log, and no others"),
    "builders": refused("use 'hints.enabled'"),
    "appenders": noted("give the templates and 'hints.default_config' what an appender would add"),
    "cleanup_timeout": done(
        ValueKind.DURATION, 60.0, least=0, word="files are read to their ends after it, too, be they deleted or not"
    ),
}
PROVIDERS: Final[dict[str, SectionOptions]] = {
    "docker": {
        **_HINTS,
        "host": noted("Docker's socket is not asked: what Docker keeps beside the logs says the same"),
        "ssl.*": noted("Docker's socket is not asked"),
        "labels.dedot": done(ValueKind.BOOL, True),
        "containers.path": DOCKER_FOLDER,
    },
    "kubernetes": {
        **_HINTS,
        **KUBERNETES,
        "node": done(ValueKind.TEXT, word="`NODE_NAME` of the environment by default, else what the API says"),
        "logs_path": done(ValueKind.TEXT, "/var/log/containers", word="sawlog's own: where the kubelet's links are"),
        "resource": done(ValueKind.TEXT, "pod", one_of=("pod",), word="pods have logs; services and nodes have none"),
        "unique": refused("each shipper reads the logs of its own node", False),
        "leader_lease": noted("each shipper reads the logs of its own node"),
        "leader_leaseduration": noted("each shipper reads the logs of its own node"),
        "leader_renewdeadline": noted("each shipper reads the logs of its own node"),
        "leader_retryperiod": noted("each shipper reads the logs of its own node"),
        "identifier": noted("each shipper reads the logs of its own node"),
    },
}
REFUSED_PROVIDERS: Final = {
    "nomad": "name the allocations' logs as an input: /opt/nomad/alloc/*/alloc/logs/*",
    "jolokia": "name the files of its services as inputs",
    "aws_ec2": "sawlog reads files",
    "aws_elb": "sawlog reads files",
}


def read_providers(schema: Schema, tree: Tree | None, common: CommonFields) -> tuple[AutodiscoverProvider, ...]:
    """Read a list of providers; those that are not enabled are left out."""
    if tree is None or is_empty(tree):
        return ()
    found: list[AutodiscoverProvider] = []
    for item in tree.items if isinstance(tree, Sequence) else [tree]:
        if is_empty(item):
            continue
        with schema.problems.collect():
            provider = _provider(schema, item, common)
            if provider is not None:
                found.append(provider)
    return tuple(found)


def _provider(schema: Schema, tree: Tree, common: CommonFields) -> AutodiscoverProvider | None:
    where = "filebeat.autodiscover.providers"
    kind = tree.entries.get("type") if isinstance(tree, Mapping) else None
    if not isinstance(tree, Mapping) or kind is None or not isinstance(kind.tree, Scalar):
        raise ConfigError(f"an entry of '{where}' has its 'type', docker or kubernetes", tree.position)
    name = schema.reader.text(kind.tree)[0]
    if name not in PROVIDERS:
        if name in REFUSED_PROVIDERS:
            raise ConfigError(f"the provider '{name}' is refused: {REFUSED_PROVIDERS[name]}", kind.tree.position)
        raise ConfigError(f"there is no provider '{name}'", kind.tree.position, nearest(name, PROVIDERS))
    options = {**PROVIDERS[name], "type": done(ValueKind.TEXT), "enabled": done(ValueKind.BOOL, True)}
    values = schema.section(where, options, tree)
    if not values["enabled"]:
        return None
    later = _later(schema)
    templates = tuple(_templates(later, values["templates"], common))
    default, enabled = _default(later, values, common)
    if not templates and not values["hints.enabled"]:
        raise values.error(f"the provider '{name}' has neither templates nor 'hints.enabled: true'")
    return AutodiscoverProvider(
        kind="docker" if name == "docker" else "kubernetes",
        templates=templates,
        hints=values["hints.enabled"],
        default_config=default,
        default_enabled=enabled,
        prefix=values["prefix"],
        cleanup_timeout=values["cleanup_timeout"],
        folder=values["containers.path"],
        logs=values["logs_path"] if name == "kubernetes" else "",
        made=pod_fields_of(values) if name == "kubernetes" else PodFields(dedot_labels=values["labels.dedot"]),
        api=api_of(values, values["node"]) if name == "kubernetes" else ApiSettings(),
    )


def _later(schema: Schema) -> Schema:
    """Return a schema for what is filled in when a container is there: ``${data.…}`` has no value yet."""
    known = schema.reader.variables
    variables = Variables(known.settings, known.environment, known.builtin, known.lenient, awaits_data=True)
    return Schema(Reader(variables), schema.problems)


def _templates(schema: Schema, tree: Tree | None, common: CommonFields) -> list[AutodiscoverTemplate]:
    where = "filebeat.autodiscover.providers.templates"
    found: list[AutodiscoverTemplate] = []
    if tree is None or is_empty(tree):
        return found
    for item in tree.items if isinstance(tree, Sequence) else [tree]:
        options = {"condition": done(ValueKind.TREE), "config": done(ValueKind.TREE)}
        values = schema.section(where, options, item)
        condition = values["condition"]
        read = (
            None
            if condition is None or is_empty(condition)
            else read_condition(schema, f"{where}.condition", condition)
        )
        config = _filled(schema, values["config"])
        _try_out(schema, f"{where}.config", config, common)
        found.append(AutodiscoverTemplate(read, config))
    return found


def _default(schema: Schema, values: Values, common: CommonFields) -> tuple[Mapping | None, bool]:
    tree = values["hints.default_config"]
    if tree is None or is_empty(tree):
        return None, True
    if not isinstance(tree, Mapping):
        raise values.error("'hints.default_config' takes the options of an input", "hints.default_config")
    enabled = tree.entries.get("enabled")
    on = enabled is None or bool(schema.reader.read(ValueKind.BOOL, enabled.tree, "hints.default_config.enabled"))
    options = Mapping({key: entry for key, entry in tree.entries.items() if key != "enabled"}, tree.position)
    if is_empty(options):
        return None, on
    filled = _filled(schema, options).items[0]
    _try_out(schema, "hints.default_config", Sequence([filled], tree.position), common)
    return (filled if isinstance(filled, Mapping) else None), on


def _try_out(schema: Schema, where: str, config: Sequence, common: CommonFields) -> None:
    """Say what is wrong with an input before there is a container to read."""
    _inputs(schema, where, config, common)


def _inputs(schema: Schema, where: str, config: Sequence, common: CommonFields) -> list[FileInput]:
    """Read inputs, and modules among them."""
    found: list[FileInput] = []
    for item in config.items:
        read = read_modules if isinstance(item, Mapping) and "module" in item.entries else read_inputs
        found += read(schema, where, Sequence([item], config.position), common)
    return found


def _filled(schema: Schema, tree: Tree | None) -> Sequence:
    """Return a list of inputs with the references filled in that have nothing to do with a container."""
    if tree is None or is_empty(tree):
        return Sequence([], Position("filebeat.autodiscover", 1))
    filled = _fill(schema, tree)
    return filled if isinstance(filled, Sequence) else Sequence([filled], tree.position)


def _fill(schema: Schema, tree: Tree) -> Tree:
    if isinstance(tree, Mapping):
        entries = {key: Entry(key, entry.position, _fill(schema, entry.tree)) for key, entry in tree.entries.items()}
        return Mapping(entries, tree.position)
    if isinstance(tree, Sequence):
        return Sequence([_fill(schema, item) for item in tree.items], tree.position)
    text, plain, _ = schema.reader.text(tree)
    return Scalar(text, plain, tree.position)


def read_discovered(config: Sequence, common: CommonFields, data: Event) -> list[FileInput]:
    """Read the inputs of a container; their references see what `data` has of it, and nothing of the environment.

    Raises:
        ConfigError: or `ConfigErrors`, what is wrong.
    """
    problems = Problems()
    variables = Variables(Mapping({}, config.position), {}, data=data)
    inputs = _inputs(Schema(Reader(variables), problems), "inputs", config, common)
    problems.check()
    return inputs
