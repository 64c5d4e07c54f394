"""`load`: from a path to a `Config`, everything that is to be said about it collected."""

from __future__ import annotations

import codecs
import glob
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from sawlog.errors import ConfigError, InputError, Position
from sawlog.event import Event
from sawlog.extras import ExtraMissingError, library
from sawlog.wire import s3_client
from sawlog.yaml_tree import Mapping, merge, parse, parse_list, parse_value
from shipper.config.autodiscover import read_providers
from shipper.config.inputs import CommonFields, place_fields, read_inputs
from shipper.config.modules import read_modules
from shipper.config.outputs import read_output
from shipper.config.problems import Problems
from shipper.config.processors import read_processors
from shipper.config.root import ROOT
from shipper.config.schema import Schema, Values
from shipper.config.values import Reader
from shipper.config.variables import Variables
from shipper.input.settings import ReceiverSettings
from shipper.settings import Config, FileInput, HttpSettings, Logging, Reload

_LEVELS = {"debug": "debug", "info": "info", "warn": "warning", "warning": "warning", "error": "error"}
_LEVELS |= {"err": "error", "critical": "critical", "fatal": "critical", "notice": "info"}


def load(path: str | Path, *, overrides: Sequence[str] = (), strict: bool = False, syntax_only: bool = False) -> Config:
    """Read a ``filebeat.yml``; `path` may be ``s3://bucket/key``.

    `overrides` are ``key=value`` texts (``-E``). `strict` makes warnings errors. `syntax_only` looks at nothing
    but the file: variables need no value, other files are not read, an output or inputs may be missing.

    Raises:
        ConfigError: the one thing that is wrong.
        ConfigErrors: the things that are wrong, each with its place.
        InputError: the file cannot be read.
    """
    name = str(path)
    document = parse(_read(name), name)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"-E takes 'key=value', and got '{override}'")
        merge(document.tree, key.strip(), Position("-E", 1), parse_value(value, "-E"))
    problems = Problems(strict, notes=list(document.notes), warnings=list(document.warnings))
    if strict and document.warnings:
        problems.errors += [ConfigError(text) for text in document.warnings]
    home = "" if "://" in name else str(Path(name).absolute().parent)
    variables = Variables(document.tree, os.environ, _builtin(home), lenient=syntax_only)
    schema = Schema(Reader(variables), problems)
    config = _config(schema, document.tree, name, syntax_only)
    problems.check()
    return config


def _read(name: str) -> str:
    try:
        if "://" in name:
            return _remote(name)
        return _text(Path(name).read_bytes())
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"the file is not in UTF-8 (byte {error.start})", Position(name, line)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name}: {reason}") from None


def _remote(name: str) -> str:
    reading = "reading from there"
    try:
        fsspec = library("fsspec", "s3", reading)
        s3_client.quiet()
        # Without what fsspec has remembered of earlier reads: a SIGHUP asks for what is there now.
        with fsspec.open(name, "rb", skip_instance_cache=True) as file:
            content: bytes = file.read()
    except ExtraMissingError as error:
        raise InputError(f"{name}: {error}") from None
    except ImportError as error:
        # What fsspec itself lacks for this kind of address: for S3, it is the rest of the extra.
        lacking = ExtraMissingError("s3", reading) if name.startswith("s3://") else f"{reading} fails: {error}"
        raise InputError(f"{name}: {lacking}") from None
    except FileNotFoundError as error:
        # Of an object that is not there, all that it says is its name.
        said = error.strerror or str(error)
        raise InputError(f"{name}: {'there is no such object' if said in name else said}") from None
    except OSError:
        raise
    except Exception as error:
        # Each of fsspec's file systems has errors of its own: no credentials, no such host, access denied.
        raise InputError(f"{name}: {error}") from None
    return _text(content)


def _text(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark, as Filebeat's reader does."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8")


def _builtin(home: str) -> dict[str, str]:
    data = str(Path(platformdirs.user_data_path("sawlog")) / "shipper")
    return {"path.home": home, "path.config": home, "path.data": data, "path.logs": str(Path(data) / "logs")}


def _config(schema: Schema, tree: Mapping, name: str, syntax_only: bool) -> Config:
    values = schema.section("", ROOT, tree)
    paths = {
        key: Path(values[f"path.{key}"] or schema.reader.variables.builtin[f"path.{key}"])
        for key in ("home", "config", "data", "logs")
    }
    fields: Event = {}
    place_fields(fields, values["fields"], values["fields_under_root"])
    common = CommonFields(fields, values["tags"])
    inputs: list[FileInput] = []
    receivers: list[ReceiverSettings] = []
    for option in ("filebeat.inputs", "filebeat.prospectors"):
        if values[option] is not None:
            inputs += read_inputs(schema, option, values[option], common, receivers)
    if values["filebeat.modules"] is not None:
        inputs += read_modules(schema, "filebeat.modules", values["filebeat.modules"], common)
    reloads = _reloads(values, paths["config"])
    if not syntax_only:
        inputs += _inputs_of_files(schema, reloads, common, receivers)
    autodiscover = read_providers(schema, values["filebeat.autodiscover.providers"], common)
    output = read_output(schema, values["output"], values) if values["output"] is not None else None
    processors = read_processors(schema, "processors", values["processors"])
    if not syntax_only and not schema.problems.errors:
        if output is None:
            raise ConfigError("no output is enabled", Position(name, 1), "for example 'output.logstash.hosts'")
        if not (inputs or receivers or reloads or autodiscover):
            raise ConfigError("no input is enabled", Position(name, 1))
    elif not (inputs or receivers or reloads or autodiscover):
        schema.problems.warn("no input is enabled", Position(name, 1))
    registry = values["filebeat.registry.path"]
    return Config(
        inputs=tuple(inputs),
        receivers=tuple(receivers),
        output=output,
        processors=processors,
        name=values["name"] or socket.gethostname(),
        fields=fields,
        tags=values["tags"],
        path_data=paths["data"],
        path_logs=paths["logs"],
        registry_path=paths["data"] / registry if registry else None,
        registry_permissions=values["filebeat.registry.file_permissions"],
        shutdown_timeout=values["filebeat.shutdown_timeout"],
        logging=_logging(schema, values),
        http=_http(schema, values),
        reloads=tuple(reloads),
        autodiscover=autodiscover,
        notes=tuple(schema.problems.notes),
        warnings=tuple(schema.problems.warnings),
    )


def _http(schema: Schema, values: Values) -> HttpSettings:
    certificate, key = values["http.ssl.certificate"], values["http.ssl.key"]
    if (certificate is None) != (key is None):
        given = "http.ssl.certificate" if key is None else "http.ssl.key"
        schema.problems.error("http.ssl.certificate and http.ssl.key need each other", values.at(given))
    return HttpSettings(values["http.enabled"], values["http.host"], values["http.port"], certificate, key)


def _reloads(values: Values, base: Path) -> list[Reload]:
    reloads: list[Reload] = []
    for kind in ("inputs", "modules"):
        section = f"filebeat.config.{kind}"
        if values[f"{section}.path"] and values[f"{section}.enabled"]:
            found = tuple(str(base / path) for path in values[f"{section}.path"])
            enabled, period = (values[f"{section}.reload.{key}"] for key in ("enabled", "period"))
            reloads.append(Reload(found, enabled, period, kind == "modules"))
    if values["filebeat.config_dir"]:
        reloads.append(Reload((str(base / values["filebeat.config_dir"] / "*.yml"),)))
    return reloads


def _inputs_of_files(
    schema: Schema, reloads: list[Reload], common: CommonFields, receivers: list[ReceiverSettings]
) -> list[FileInput]:
    inputs: list[FileInput] = []
    for reload in reloads:
        for path in sorted(one for pattern in reload.paths for one in glob.glob(pattern)):  # noqa: PTH207 - an absolute pattern
            with schema.problems.collect():
                tree, warnings = parse_list(_read(path), path, "modules" if reload.modules else "inputs")
                schema.problems.warnings += warnings
                if reload.modules:
                    inputs += read_modules(schema, "modules", tree, common)
                    continue
                # An old `config_dir` has whole files with `filebeat.prospectors` in them.
                for item in list(tree.items):
                    for name in ("filebeat.inputs", "filebeat.prospectors"):
                        nested = item.find(name) if isinstance(item, Mapping) else None
                        if nested is not None:
                            inputs += read_inputs(schema, name, nested.tree, common, receivers)
                            tree.items.remove(item)
                inputs += read_inputs(schema, "inputs", tree, common, receivers)
    return inputs


def _logging(schema: Schema, values: Values) -> Logging:
    level = _LEVELS.get(values["logging.level"].lower())
    if level is None:
        if "${" not in values["logging.level"]:
            schema.problems.error(f"there is no level '{values['logging.level']}'", values.at("logging.level"))
        level = "info"
    return Logging(
        level=level,  # type: ignore[arg-type] # a value of _LEVELS
        to_stderr=values["logging.to_stderr"],
        to_files=values["logging.to_files"],
        to_syslog=values["logging.to_syslog"],
        path=values["logging.files.path"],
        name=values["logging.files.name"],
        rotate_every_bytes=values["logging.files.rotateeverybytes"],
        rotate_on_startup=values["logging.files.rotateonstartup"],
        keep_files=values["logging.files.keepfiles"],
        permissions=values["logging.files.permissions"],
        metrics=values["logging.metrics.enabled"],
        metrics_period=values["logging.metrics.period"],
    )
