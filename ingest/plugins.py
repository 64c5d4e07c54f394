"""The plugins: found by kind and name, imported when they are used, made from a block of a pipeline file.

A plugin ``filter { grok { … } }`` is the class with ``name = "grok"`` in ``ingest/filter/grok.py``.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from ingest.aliases import ALIASES, resolved
from ingest.codec.base import Codec
from ingest.not_offered import NOT_OFFERED
from ingest.options import Block, Kind, Option, Options, Unresolved, resolve
from ingest.plugin import Plugin, PluginKind
from sawlog.errors import ConfigError, Position, nearest
from sawlog.extras import ExtraMissingError, needing

_EXTRAS = {"ingest.output.embedded": ("search",)}
"""Of a module, what it stands on that not every ingest has."""


def lookup(kind: PluginKind, name: str, position: Position) -> type[Plugin]:
    """Return the class of a plugin.

    Raises:
        ConfigError: there is none of that name, with the nearest known name, or with what does its job here; or what it
            stands on is not installed.
    """
    if hint := NOT_OFFERED[kind].get(name):
        raise ConfigError(f"the {kind} '{name}' is not offered", position, hint)
    alias = ALIASES[kind].get(name)
    try:
        found = _import(kind, name if alias is None else alias.plugin)
    except ExtraMissingError as error:
        raise ConfigError(str(error), position) from None
    if found is None:
        raise ConfigError(f"there is no {kind} '{name}'", position, nearest(name, [*known(kind), *ALIASES[kind]]))
    return found


def known(kind: PluginKind) -> list[str]:
    """Return the names of all plugins of a kind, sorted; imports them all."""
    folder = Path(__file__).with_name(kind)
    return sorted(path.stem for path in folder.glob("*.py") if _is_plugin(kind, path.stem))


def _is_plugin(kind: PluginKind, name: str) -> bool:
    try:
        return _import(kind, name) is not None
    except ExtraMissingError:
        return True


def declared(plugin: type[Plugin]) -> dict[str, Option]:
    """Return all options of a plugin, the common ones of its kind too."""
    return {**plugin.common_options, **plugin.options}


def check(kind: PluginKind, block: Block) -> Options:
    """Check the name, options and codec of a block, without making the plugin; return its options.

    Raises:
        ConfigError: the plugin or an option is unknown or refused, or a value is of the wrong type.
    """
    block, notes = resolved(kind, block)
    plugin = lookup(kind, block.name, block.position)
    options = resolve(block.name, declared(plugin), block)
    options.notes[:0] = notes
    for name, option in declared(plugin).items():
        if option.kind is Kind.CODEC and options.given(name) and not isinstance(options[name], Unresolved):
            codec = _codec_block(options[name], options.positions[name])
            about = check("codec", codec)
            options.notes += about.notes
            options.differences += about.differences if kind == "input" else []
            found = lookup("codec", codec.name, codec.position)
            if kind == "input" and issubclass(found, Codec) and not found.decodes:
                raise options.error(f"the codec '{codec.name}' only writes; an input needs one that reads", name)
            if kind == "output" and issubclass(found, Codec) and not found.encodes:
                raise options.error(f"the codec '{codec.name}' only reads; an output needs one that writes", name)
    if kind == "input" and plugin.default_codec and not options.given("codec"):
        codec = Block(plugin.default_codec, [], block.position)
        options.differences += check("codec", codec).differences
    return options


def make(kind: PluginKind, block: Block) -> tuple[Plugin, list[str]]:
    """Make the plugin of a block; also return what is to be said about its options.

    Raises:
        ConfigError: as `check`, values that the plugin itself refuses, and a library that is not installed.
    """
    options = check(kind, block)
    # Every concrete plugin takes its options alone; the base classes' abstract methods hide that from mypy.
    factory = cast("Callable[[Options], Plugin]", lookup(kind, resolved(kind, block)[0].name, block.position))
    try:
        return factory(options), [*options.notes, *options.differences]
    except ConfigError as error:
        if error.position is not None:
            raise
        raise ConfigError(f"{block.name}: {error.message}", block.position, error.hint) from None
    except ExtraMissingError as error:
        raise ConfigError(str(error), block.position) from None


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
        with needing(f"the {name} {kind}", *_EXTRAS.get(module_name, ())):
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name == module_name:
            return None
        raise
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Plugin) and getattr(found, "name", None) == name and found.kind == kind:
            return found
    return None
