"""kv: fields out of ``key=value`` pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from ingest import settings, timeout
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang.ruby import Regex
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event

_TRANSFORMS: Final = ("lowercase", "uppercase", "capitalize")
_CASES: Final[dict[str, Callable[[str], str]]] = {
    "lowercase": str.lower,
    "uppercase": str.upper,
    "capitalize": str.capitalize,
}
_CHARACTERS: Final = " as inside [] in an expression."

Transform = Callable[[str], str]
Pairs = dict[str, Any]


class Kv(Filter):
    """One expression finds key and value; what follows is trimming, choosing and collecting."""

    name = "kv"
    parses = True
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field with the pairs; a list of texts works too.", "message"),
        "target": Option(Kind.FIELD, "The field for the pairs; the event itself if not given."),
        "field_split": Option(Kind.STRING, "The characters between pairs," + _CHARACTERS, " "),
        "field_split_pattern": Option(Kind.STRING, "An expression for what is between pairs; wins."),
        "value_split": Option(Kind.STRING, "The characters between key and value," + _CHARACTERS, "="),
        "value_split_pattern": Option(Kind.STRING, "An expression for what is between key and value; wins."),
        "whitespace": Option(
            Kind.STRING, "Whether spaces around the value's split count.", "lenient", one_of=("lenient", "strict")
        ),
        "prefix": Option(Kind.STRING, "What goes before every key (sprintf).", ""),
        "include_keys": Option(Kind.ARRAY, "The only keys to take (sprintf).", []),
        "exclude_keys": Option(Kind.ARRAY, "Keys to leave out (sprintf).", []),
        "default_keys": Option(Kind.HASH, "Values for keys that are not there.", {}),
        "include_brackets": Option(Kind.BOOLEAN, "Whether (…), […] and <…> hold a value together.", True),
        "recursive": Option(Kind.BOOLEAN, "Whether values are looked into for pairs.", False),
        "allow_duplicate_values": Option(Kind.BOOLEAN, "Whether an equal pair counts twice.", True),
        "allow_empty_values": Option(Kind.BOOLEAN, "Whether a key with an empty value is taken.", False),
        "trim_key": Option(Kind.STRING, "Characters to take off a key's ends," + _CHARACTERS),
        "trim_value": Option(Kind.STRING, "Characters to take off a value's ends," + _CHARACTERS),
        "trimkey": Option(Kind.STRING, "", replaced_by="trim_key"),
        "trim": Option(Kind.STRING, "", replaced_by="trim_value"),
        "remove_char_key": Option(Kind.STRING, "Characters to take out of keys," + _CHARACTERS),
        "remove_char_value": Option(Kind.STRING, "Characters to take out of values," + _CHARACTERS),
        "transform_key": Option(Kind.STRING, "How keys are written.", one_of=_TRANSFORMS),
        "transform_value": Option(Kind.STRING, "How values are written.", one_of=_TRANSFORMS),
        "tag_on_failure": Option(Kind.ARRAY, "Tags of an event that cannot be handled.", ["_kv_filter_error"]),
        "tag_on_timeout": Option(
            Kind.STRING, "The tag of an event in which the search took too long.", "_kv_filter_timeout"
        ),
        "timeout_millis": Option(Kind.NUMBER, "After how long the search is given up; 0 is never.", 30000),
        "ecs_compatibility": settings.EITHER_WAY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        for name in ("value_split", "field_split", "value_split_pattern", "field_split_pattern"):
            if options[name] == "":
                raise options.error(f"kv: {name} is empty", name)
        self._scan, self._splitter = _expressions(options)
        self._read = settings.reader(settings.field(options, "source"))
        self._write = settings.writer(settings.field(options, "target")) if options["target"] else None
        self._tags = options["tag_on_failure"]
        self._timeout_tag: str = options["tag_on_timeout"]
        self._seconds: float = options["timeout_millis"] / 1000
        self._prefix = settings.template(options, "prefix")
        self._include = [settings.template(options, "include_keys", key) for key in options["include_keys"]]
        self._exclude = [settings.template(options, "exclude_keys", key) for key in options["exclude_keys"]]
        self._defaults: Pairs = options["default_keys"]
        self._recursive: bool = options["recursive"]
        self._duplicates: bool = options["allow_duplicate_values"]
        self._empty: bool = options["allow_empty_values"]
        self._key_changes = _changes(options, "key")
        self._value_changes = _changes(options, "value")

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        timeout.each(events, self._one, self._late, self._seconds)
        return events

    def _one(self, event: Event) -> None:
        source = self._read(event)
        pairs: Pairs = {}
        if isinstance(source, str):
            self._parse(source, event, pairs)
        elif isinstance(source, list) and all(isinstance(one, str) for one in source):
            for one in source:
                self._parse(one, event, pairs)
        elif source is not MISSING and source is not None:
            fail(event, self._tags, f"kv: a {type(source).__name__} is no text with pairs")
            return
        for key, value in self._defaults.items():
            pairs.setdefault(key, value)
        if not pairs:
            return
        reasons = self._store(event, pairs)
        for reason in reasons:
            fail(event, self._tags, f"kv: {reason}")
        if self.succeeded and not reasons:
            self.succeeded(event)

    def _late(self, event: Event) -> None:
        fail(event, [self._timeout_tag], f"kv: the search for pairs took longer than {self._seconds * 1000:.0f} ms")

    def _store(self, event: Event, pairs: Pairs) -> list[ValueError]:
        """Set the pairs; return why some of them cannot be set."""
        if self._write:
            self._write(event, pairs)
            return []
        reasons = []
        for key, value in pairs.items():
            try:
                settings.put_field(event, settings.path_of_line(key), value)
            except ValueError as error:
                reasons.append(error)
        return reasons

    def _parse(self, text: str, event: Event, pairs: Pairs) -> Pairs:
        if not self._splitter.search(text):
            return pairs
        include = {key(event) for key in self._include}
        exclude = {key(event) for key in self._exclude}
        prefix = self._prefix(event)
        for match in self._scan.finditer(text):
            key, *candidates = match.groups()
            value = next((one for one in candidates if one is not None), "")
            if not value and not self._empty:
                continue
            for change in self._key_changes:
                key = change(key)
            if (include and key not in include) or key in exclude or not prefix + key:
                continue
            for change in self._value_changes:
                value = change(value)
            self._add(pairs, prefix + key, value, event)
        return pairs

    def _add(self, pairs: Pairs, key: str, text: str, event: Event) -> None:
        old = pairs.get(key, MISSING)
        if not self._duplicates and old is not MISSING and text in (old if isinstance(old, list) else [old]):
            return
        inner = self._parse(text, event, {}) if self._recursive and text else {}
        value: Any = inner or text
        if old is MISSING:
            pairs[key] = value
        elif isinstance(old, list):
            old.append(value)
        else:
            pairs[key] = [old, value]


def _expressions(options: Options) -> tuple[Regex, Regex]:
    """Return the expression that finds pairs (key, then one group for each form of value), and the value's split."""
    fields, values = options["field_split_pattern"], options["value_split_pattern"]
    field = fields or f"[{options['field_split']}]"
    value = f"(?:{values})" if values else f"[{options['value_split']}]"
    if options["whitespace"] == "lenient":
        value = f" *{value} *"
    if fields or values:
        # What splits comes first: it may itself begin with a backslash.
        key = rf"((?:(?!{value}|{field})(?:\\.|.))+)"
    else:
        key = rf"((?:\\.|[^{options['value_split']}{options['field_split']}])+)"
    bare = rf"((?:(?!{field})(?:\\.|.))+)" if fields else rf"((?:\\.|[^{options['field_split']}])+)"
    forms = [_between('"', '"'), _between("'", "'")]
    if options["include_brackets"]:
        forms += [_between(r"\(", r"\)"), _between(r"\[", r"\]"), _between("<", ">")]
    end = f"(?:{field}|$)"
    name = "field_split_pattern" if fields else ("value_split_pattern" if values else "field_split")
    scan = settings.regex(options, name, f"{key}{value}(?:{'|'.join([*forms, bare])})?{end}")
    return scan, settings.regex(options, name, value)


def _between(opening: str, closing: str) -> str:
    return rf"{opening}((?:\\.|[^{closing}])+)?{closing}"


def _changes(options: Options, what: str) -> list[Transform]:
    """Return what happens to a key or a value, in order: trim, remove, transform."""
    changes: list[Transform] = []
    if options[f"trim_{what}"]:
        characters = options[f"trim_{what}"]
        ends = settings.regex(options, f"trim_{what}", f"^[{characters}]+|[{characters}]+$")
        changes.append(lambda text: ends.sub("", text))
    if options[f"remove_char_{what}"]:
        unwanted = settings.regex(options, f"remove_char_{what}", f"[{options[f'remove_char_{what}']}]")
        changes.append(lambda text: unwanted.sub("", text))
    if options[f"transform_{what}"]:
        changes.append(_CASES[options[f"transform_{what}"]])
    return changes
