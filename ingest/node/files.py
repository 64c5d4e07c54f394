"""logstash.yml and pipelines.yml of a folder, as ``--path.settings`` names it."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ingest.lang.dialect import Dialect
from ingest.lang.variables import substitute
from ingest.node.options import FAMILIES, NODE_OPTIONS, PIPELINE_OPTIONS
from ingest.node.settings import PipelineSettings
from ingest.options import Block, Option, Setting, Unresolved, resolve
from ingest.pipeline import braces
from ingest.service import MAIN
from sawlog import yaml_tree
from sawlog.errors import ConfigError, ConfigErrors, Position
from sawlog.loopback import is_loopback
from sawlog.passwords import METRICS, is_given

LOGSTASH: Final = "logstash.yml"
PIPELINES: Final = "pipelines.yml"
KEYSTORE: Final = "logstash.keystore"
LAST_PORT: Final = 65_535
MOST_WORKERS: Final = 1_024

_UNITS: Final = {"ns": 1e-9, "micros": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(slots=True)
class NodeSettings:
    """What logstash.yml says, of the whole and for pipelines that say nothing else."""

    data: Path | None = None
    test: bool = False
    reload_automatic: bool = False
    reload_seconds: float = 3.0
    log_level: str = "info"
    api: tuple[str, range] | None = None
    """Where /health and /metrics are: an address, and the ports of which the first free one is taken."""
    login: tuple[str, str] | None = None
    """The name and the password that it wants."""
    notes: list[str] = field(default_factory=list)
    defaults: Mapping[str, Setting] = field(default_factory=dict)
    """The settings for pipelines."""

    def pipeline(self) -> PipelineSettings:
        """Return what holds for a pipeline that says nothing else."""
        return replace(_pipeline({name: one.value for name, one in self.defaults.items()}, ""), paths=(), text=None)


def read_node(folder: Path, *, syntax_only: bool = False) -> NodeSettings:
    """Read logstash.yml; where there is none, everything is as Logstash has it.

    Raises:
        ConfigErrors: all that is wrong with it.
    """
    if not folder.is_dir():
        raise ConfigError(
            f"{folder} is no folder", hint="--path.settings names the one with logstash.yml and pipelines.yml"
        )
    path = folder / LOGSTASH
    node = NodeSettings(notes=list(_beside(folder)))
    tree, told = yaml_tree.Mapping({}, Position(str(path), 1)), _Told(syntax_only)
    if path.exists():
        document = yaml_tree.parse(_text(path), str(path))
        tree, node.notes = document.tree, [*document.warnings, *node.notes]
    given = told.settings(LOGSTASH, NODE_OPTIONS, tree)
    node.notes += told.notes
    values = {name: one.value for name, one in given.items()}
    node.defaults = {name: one for name, one in given.items() if name in PIPELINE_OPTIONS}
    node.data = Path(values["path.data"]) if values.get("path.data") else None
    node.test = bool(values.get("config.test_and_exit", False))
    node.reload_automatic = bool(values.get("config.reload.automatic", False))
    node.log_level = values.get("log.level", "info")
    if "config.reload.interval" in given:
        node.reload_seconds = told.try_to(_seconds, given["config.reload.interval"]) or 3.0
    if values.get("api.enabled", True):
        node.login = told.try_to(lambda _: _login(values, given), one) if (one := given.get("api.auth.type")) else None
        node.api = _api(given, node, told)
    told.raise_errors()
    return node


def read_pipelines(
    folder: Path, node: NodeSettings, *, syntax_only: bool = False
) -> tuple[list[PipelineSettings], list[str]]:
    """Read which pipelines there are: of logstash.yml if that names files, else of pipelines.yml; and what is noted.

    Raises:
        ConfigErrors: all that is wrong with it, or there are none.
    """
    defaults = {name: one.value for name, one in node.defaults.items()}
    path = folder / PIPELINES
    if defaults.get("path.config") or defaults.get("config.string"):
        notes = [f"{path} is not used: {LOGSTASH} names the pipeline itself"] if path.exists() else []
        return [_pipeline(defaults, str(folder))], notes
    if not path.exists():
        raise ConfigErrors([ConfigError(f"{folder} has no {PIPELINES}, and no {LOGSTASH} that has 'path.config'")])
    entries, warnings = yaml_tree.parse_list(_text(path), str(path), "pipelines")
    told = _Told(syntax_only)
    found: dict[str, PipelineSettings] = {}
    for entry in entries.items:
        if not isinstance(entry, yaml_tree.Mapping):
            told.errors.append(
                ConfigError("a pipeline is meant here: 'pipeline.id: …' and 'path.config: …'", entry.position)
            )
            continue
        given = told.settings(PIPELINES, PIPELINE_OPTIONS, entry)
        one = _pipeline(defaults | {name: setting.value for name, setting in given.items()}, str(folder))
        if one.id in found:
            hint = "each pipeline has a pipeline.id of its own"
            told.errors.append(ConfigError(f"there are two pipelines '{one.id}'", entry.position, hint))
        if not one.paths and one.text is None:
            told.errors.append(
                ConfigError(f"the pipeline '{one.id}' has no 'path.config' and no 'config.string'", entry.position)
            )
        found[one.id] = one
    if not entries.items:
        told.errors.append(ConfigError("there is no pipeline", entries.position))
    told.raise_errors()
    return list(found.values()), [*warnings, *told.notes]


class _Told:
    """Reads settings of a tree, and gathers what is wrong with them and what is to be said."""

    def __init__(self, syntax_only: bool) -> None:
        self.errors: list[ConfigError] = []
        self.notes: list[str] = []
        self._syntax_only = syntax_only

    def settings(self, file: str, options: Mapping[str, Option], tree: yaml_tree.Mapping) -> dict[str, Setting]:
        """Return the settings by their names, checked."""
        found: dict[str, Setting] = {}
        for name, entry in _leaves(tree, options):
            try:
                self._read(file, options, name, entry, found)
            except ConfigError as error:
                self.errors.append(error)
        return found

    def try_to(self, read: Any, setting: Setting) -> Any:
        """Read a value that takes more than its type."""
        try:
            return read(setting)
        except ConfigError as error:
            self.errors.append(error)
            return None

    def raise_errors(self) -> None:
        """Raise what is wrong, all of it."""
        if self.errors:
            raise ConfigErrors(sorted(self.errors, key=lambda error: error.position.line if error.position else 0))

    def _read(
        self,
        file: str,
        options: Mapping[str, Option],
        name: str,
        entry: yaml_tree.Entry,
        found: dict[str, Setting],
    ) -> None:
        if yaml_tree.is_empty(entry.tree):
            return  # as if it were not there
        family = next((words for start, words in FAMILIES.items() if name.startswith(start)), None)
        if name not in options and family is not None and file == LOGSTASH:
            self.notes.append(f"{entry.position}: {file}: '{name}' has no effect here: {family}")
            return
        if name not in options and name in NODE_OPTIONS:
            raise ConfigError(f"'{name}' is not for a single pipeline", entry.position, f"it belongs into {LOGSTASH}")
        value = _value(entry.tree, syntax_only=self._syntax_only)
        option = options.get(name)
        if option is not None and option.default is not None and value == option.default:
            if not option.refused and not option.noted:
                found[name] = Setting(name, value, entry.position)
            return
        resolved = resolve(file, options, Block(file, [Setting(name, value, entry.position)], entry.position))
        self.notes += resolved.notes
        for given in resolved.positions:
            found[given] = checked = Setting(given, resolved[given], entry.position)
            _check(checked)


def _leaves(
    tree: yaml_tree.Mapping, options: Mapping[str, Option], prefix: str = ""
) -> Iterator[tuple[str, yaml_tree.Entry]]:
    """Yield each setting under its dotted name; one that may be a mapping itself (`modules`) is not taken apart."""
    for key, entry in tree.entries.items():
        if isinstance(entry.tree, yaml_tree.Mapping) and prefix + key not in options:
            yield from _leaves(entry.tree, options, f"{prefix}{key}.")
        elif isinstance(entry.tree, yaml_tree.Mapping):
            # `log.format: json` beside `log.format.json.…: true`.
            yield from _leaves(entry.tree, options, f"{prefix}{key}.")
        else:
            yield prefix + key, entry


def _value(tree: yaml_tree.Tree, *, syntax_only: bool) -> Any:
    """Return a value with its variables filled in; one without quotes may be a number or a boolean then."""
    if isinstance(tree, yaml_tree.Scalar):
        text = substitute(tree.text, tree.position, syntax_only=syntax_only)
        return text if isinstance(text, Unresolved) or not tree.plain else yaml_tree.plain_value(text)
    if isinstance(tree, yaml_tree.Sequence):
        return [_value(item, syntax_only=syntax_only) for item in tree.items]
    return tree.value()


def _check(setting: Setting) -> None:
    """Refuse a value that is of the right type and makes no sense."""
    name, value, position = setting.name, setting.value, setting.position
    if isinstance(value, Unresolved):
        return
    if name == "pipeline.workers" and not (isinstance(value, int) and 0 < value <= MOST_WORKERS):
        raise ConfigError(f"'{name}' is a number from 1 to {MOST_WORKERS:,}, not {value!r}", position)
    if name == "path.config" and re.match(r"https?://", value):
        raise ConfigError("pipelines are not fetched over HTTP", position, "fetch the file, and name it")
    if name == "pipeline.id" and not re.fullmatch(r"[\w.-]+", value):
        raise ConfigError(f"a {name} has letters, digits, '_', '-' and '.', and not {value!r}", position)


def _pipeline(values: Mapping[str, Any], folder: str) -> PipelineSettings:
    return PipelineSettings(
        id=str(values.get("pipeline.id", MAIN)),
        paths=tuple(_paths(str(values["path.config"]), folder)) if values.get("path.config") else (),
        text=values.get("config.string"),
        workers=values.get("pipeline.workers"),
        dialect=Dialect(
            escapes=bool(values.get("config.support_escapes", False)),
            ecs=values.get("pipeline.ecs_compatibility") != "disabled",
        ),
        reloadable=bool(values.get("pipeline.reloadable", True)),
    )


def _paths(text: str, folder: str) -> Iterator[str]:
    """Take a list with commas apart; what is not found from the working folder may be beside pipelines.yml."""
    for one in [text] if Path(text).exists() else re.split(r",(?![^{]*\})", text):
        path = re.sub(r"^file://", "", one.strip(), flags=re.IGNORECASE)
        beside = str(Path(folder, path))
        yield beside if not Path(path).is_absolute() and not _is_there(path) and _is_there(beside) else path


def _is_there(path: str) -> bool:
    return any(glob.glob(one, recursive=True) for one in braces(path))  # noqa: PTH207 - an absolute pattern


def _api(given: Mapping[str, Setting], node: NodeSettings, told: _Told) -> tuple[str, range]:
    host, ports = "127.0.0.1", range(9600, 9701)
    if (setting := given.get("api.http.host")) is not None:
        if is_loopback(str(setting.value)) or node.login is not None or is_given(METRICS):
            host = str(setting.value)
        else:
            words = f"metrics and health have no password (api.auth.type: basic, or {METRICS})"
            node.notes.append(f"{setting.position}: '{setting.value}' becomes {host}: {words}")
    if (setting := given.get("api.http.port")) is not None:
        ports = told.try_to(_ports, setting) or ports
    return host, ports


def _login(values: Mapping[str, Any], given: Mapping[str, Setting]) -> tuple[str, str] | None:
    if values.get("api.auth.type", "none") != "basic":
        return None
    name, password = values.get("api.auth.basic.username"), values.get("api.auth.basic.password")
    if not name or not password:
        raise ConfigError(
            "basic wants api.auth.basic.username and api.auth.basic.password", given["api.auth.type"].position
        )
    return str(name), str(password)


def _ports(setting: Setting) -> range:
    found = re.fullmatch(r"(\d+)(?:(?:-|\.\.)(\d+))?", str(setting.value).strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not first <= last <= LAST_PORT:
        raise ConfigError(f"a port is meant, or a range such as 9600-9700, not {setting.value!r}", setting.position)
    return range(first, last + 1)


def _seconds(setting: Setting) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([a-z]*)", str(setting.value).strip())
    if found is None or found[2] not in {*_UNITS, ""} or float(found[1]) <= 0:
        raise ConfigError(f"a duration is meant, such as 3s or 500ms, not {setting.value!r}", setting.position)
    if not found[2]:
        # Logstash takes it for nanoseconds, which nobody means.
        raise ConfigError(f"{setting.value!r} has no unit", setting.position, f"write {setting.value}s")
    return float(found[1]) * _UNITS[found[2]]


def _beside(folder: Path) -> Iterator[str]:
    if (folder / KEYSTORE).exists():
        yield f"{folder / KEYSTORE} is not read: ${{NAME}} is looked for in the environment"
    if others := [name for name in ("jvm.options", "log4j2.properties", "startup.options") if (folder / name).exists()]:
        yield f"{folder}: {', '.join(others)}: not read; sawlog is no Java program"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigErrors([ConfigError(f"cannot be read: {error.strerror}", Position(str(path), 1))]) from None
    except UnicodeDecodeError:
        raise ConfigErrors([ConfigError("is not UTF-8", Position(str(path), 1))]) from None


def of_command_line(files: Sequence[str], text: str | None, base: PipelineSettings) -> list[PipelineSettings]:
    """Return the pipelines that ``-f`` and ``-e`` name: ``-f ID=PATH`` belongs to a pipeline of that id.

    Those without an id are one pipeline, `base` with these files.
    """
    if text is not None:
        return [replace(base, text=text)]
    paths: dict[str, list[str]] = {}
    for file in files:
        found = None if Path(file).exists() else re.fullmatch(r"([A-Za-z_][\w.-]*)=(.+)", file, re.DOTALL)
        name, path = (found[1], found[2]) if found else (base.id, file)
        paths.setdefault(name, []).append(path)
    return [replace(base, id=name, paths=tuple(some)) for name, some in paths.items()]
