"""The options that every filter and input shares, compiled: add_field, remove_field, add_tag, remove_tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ingest.failure import place
from ingest.lang.field import parse_field
from ingest.lang.sprintf import compile_sprintf, fields_in, is_constant, render
from ingest.options import Options
from sawlog.errors import ConfigError
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, Path, add_tag, get, remove

Action = Callable[[Event], None]

_OURS: Final = (METADATA, TIMESTAMP)
"""What a name that an event made does not reach: the event's id and its one time."""


def decorate(
    *,
    add_field: Mapping[str, Any] | None = None,
    remove_field: Sequence[str] | None = None,
    add_tag: Sequence[str] | None = None,
    remove_tag: Sequence[str] | None = None,
) -> Action:
    """Compile the common options into one function that changes an event.

    They work in Logstash's order: add_field, remove_field, add_tag, remove_tag. Names and values take sprintf.
    Adding a field that exists makes a list of the old and the new value; a tag is added once.

    Raises:
        ConfigError: a field name is no field reference.
    """
    actions = [_adder(str(name), value) for name, value in (add_field or {}).items()]
    actions += [_remover(str(name)) for name in remove_field or ()]
    actions += [_tagger(str(tag)) for tag in add_tag or ()]
    if remove_tag:
        actions.append(_untagger([str(tag) for tag in remove_tag]))
    if len(actions) == 1:
        return actions[0]

    def all_of_them(event: Event) -> None:
        for action in actions:
            action(event)

    return all_of_them


def decorate_from(options: Options, names: Mapping[str, str]) -> Action | None:
    """Compile those of a plugin's common options that are given; None when none is.

    `names` says for each argument of `decorate` which option of the plugin it is.

    Raises:
        ConfigError: a field name is no field reference; at the option's place.
    """
    given = {argument: options[name] for argument, name in names.items() if options.given(name)}
    for argument, value in given.items():
        try:
            decorate(**{argument: value})
        except ConfigError as error:
            raise options.error(error.message, names[argument], error.hint) from None
    return decorate(**given) if given else None


def touched_by(options: Options, names: Mapping[str, str]) -> frozenset[str] | None:
    """Return the fields at the top of events that `decorate_from` reads or sets; None if events say which."""
    found: set[str] = set()
    for argument, name in names.items():
        value = options[name] if options.given(name) else ()
        fields = [str(one) for one in value]
        templates = [render(one) for several in _values_of(value) for one in several]
        if argument.endswith("_tag"):
            found.update(["tags"] if fields else [])
            templates += fields
        elif all(map(is_constant, fields)):
            found.update(parse_field(field)[0] for field in fields)
        else:
            return None
        for template in templates:
            read = fields_in(template)
            if read is None:
                return None
            found.update(path[0] for path in read)
    return frozenset(found)


def _values_of(value: Any) -> list[list[Any]]:
    return [one if isinstance(one, list) else [one] for one in value.values()] if isinstance(value, Mapping) else []


def append(event: Event, path: Path, value: Any) -> None:
    """Set `path`, or, when it has a value, make a list of the old and the new one."""
    old = get(event, path, MISSING)
    if old is MISSING:
        place(event, path, value)
    elif isinstance(old, list):
        place(event, path, [*old, value])
    else:
        place(event, path, [old, value])


def _adder(name: str, value: Any) -> Action:
    if isinstance(value, Mapping):
        # Logstash writes a hash here as its text; a nested field is what was meant, and `[a][b]` says it.
        value = render(value)
    templates = [compile_sprintf(render(one)) for one in (value if isinstance(value, list) else [value])]
    if not is_constant(name):
        make_name = compile_sprintf(name)

        def add_named(event: Event) -> None:
            path = _path(make_name(event))
            if path[0] in _OURS:
                return
            for template in templates:
                append(event, path, template(event))

        return add_named

    path = parse_field(name)
    if path[0] == TIMESTAMP:
        raise ConfigError("nothing can be added to @timestamp, which is one time (use the filter date)")
    if len(path) == 1 and len(templates) == 1:
        (key,), (only,) = path, templates

        def add_top(event: Event) -> None:
            if key in event:
                append(event, path, only(event))
            else:
                event[key] = only(event)

        return add_top

    def add(event: Event) -> None:
        for template in templates:
            append(event, path, template(event))

    return add


def _remover(name: str) -> Action:
    if not is_constant(name):
        make_name = compile_sprintf(name)

        def drop_named(event: Event) -> None:
            path = _path(make_name(event))
            if path[0] not in _OURS:
                remove(event, path)

        return drop_named

    path = parse_field(name)
    if len(path) == 1:
        (key,) = path

        def drop_top(event: Event) -> None:
            event.pop(key, None)

        return drop_top
    return lambda event: _drop(event, path)


def _drop(event: Event, path: Path) -> None:
    remove(event, path)


def _path(name: str) -> Path:
    """Read a name that an event made; one that is no reference is taken as a plain key, for nothing may raise."""
    try:
        return parse_field(name)
    except ConfigError:
        return (name,)


def _tagger(tag: str) -> Action:
    if is_constant(tag):
        return lambda event: add_tag(event, tag)
    make_tag = compile_sprintf(tag)
    return lambda event: add_tag(event, make_tag(event))


def _untagger(tags: list[str]) -> Action:
    templates = [compile_sprintf(tag) for tag in tags]

    def untag(event: Event) -> None:
        old = event.get("tags")
        if isinstance(old, str):
            event["tags"] = old = [old]
        if isinstance(old, list) and old:
            unwanted = {template(event) for template in templates}
            event["tags"] = [tag for tag in old if tag not in unwanted]

    return untag
