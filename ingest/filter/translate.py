"""translate: look values up in a dictionary of the pipeline file or in one of its own file."""

from __future__ import annotations

import csv
import json
import re
import time
from collections.abc import Callable
from pathlib import Path as File
from typing import Any, ClassVar, Final

from ingest import settings, timeout
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.errors import ConfigError
from sawlog.event import MISSING, Event

Find = Callable[[str], Any]
"""From a text to what stands for it in the dictionary, or `MISSING`."""

_LATE: Final = f"translate: the expressions of its dictionary took longer than {timeout.SECONDS:.0f} s"


class Translate(Filter):
    """A dictionary's file is read again when it has changed; until then, and when it is broken, the old one counts."""

    name = "translate"
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field to look up; of a list, the first value."),
        "field": Option(Kind.FIELD, "", replaced_by="source"),
        "target": Option(Kind.FIELD, "The field for what is found: `source`, or translation without ECS."),
        "destination": Option(Kind.FIELD, "", replaced_by="target"),
        "dictionary": Option(Kind.HASH, "The dictionary.", {}),
        "dictionary_path": Option(Kind.PATH, "The dictionary's file: .yml, .yaml, .json or .csv."),
        "exact": Option(Kind.BOOLEAN, "Whether a key is the whole value, not a part to replace.", True),
        "regex": Option(Kind.BOOLEAN, "Whether keys are regular expressions.", False),
        "fallback": Option(Kind.STRING, "The value where nothing is found (sprintf)."),
        "override": Option(
            Kind.BOOLEAN, "Whether a value in the target is replaced; yes where target is source, else no."
        ),
        "iterate_on": Option(Kind.FIELD, "A list, each of whose values, or of whose objects' fields, is looked up."),
        "refresh_interval": Option(Kind.NUMBER, "How often the file is looked at, in seconds; 0 for never.", 300),
        "refresh_behaviour": Option(
            Kind.STRING, "Whether a changed file replaces the dictionary.", "merge", one_of=("merge", "replace")
        ),
        "yaml_dictionary_code_point_limit": Option(Kind.NUMBER, "", 134217728, noted="files of any size are read"),
        "yaml_load_strategy": Option(
            Kind.STRING, "", "one_shot", one_of=("one_shot", "streaming"), noted="files are read at once"
        ),
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if not options["source"]:
            raise options.error("translate needs the option 'source'")
        if options["dictionary"] and options.given("dictionary_path"):
            raise options.error("translate takes a dictionary or a dictionary_path, not both", "dictionary_path")
        source = options["source"]
        target = options["target"] or (source if settings.is_ecs(options) else "translation")
        self._same = settings.field(options, "source") == settings.field(options, "target", target)
        self._read = settings.reader(settings.field(options, "source"))
        target_path = settings.field(options, "target", target)
        self._read_target, self._write = settings.reader(target_path), settings.writer(target_path)
        over = options["override"]
        self._override: bool = self._same if over is None else over
        self._fallback = settings.template(options, "fallback") if options.given("fallback") else None
        list_path = settings.field(options, "iterate_on") if options["iterate_on"] else None
        self._list = settings.reader(list_path) if list_path else None
        self._write_list = settings.writer(list_path) if list_path else None
        self._of_values = list_path == settings.field(options, "source")
        self._exact, self._regex = bool(options["exact"]), bool(options["regex"])
        self._file = _DictionaryFile(options) if options["dictionary_path"] else None
        self._dictionary = {str(key): value for key, value in options["dictionary"].items()}
        try:
            if self._file:
                self._dictionary = self._file.load()
            self._find = self._compile()
        except (OSError, ValueError) as error:
            raise options.error(f"translate: {error}", "dictionary_path") from None
        except ConfigError as error:
            raise options.error(f"translate: {error.message}", "dictionary") from None

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        reason = self._refresh()
        if reason:
            for event in events:
                fail(event, (), reason)
        if self._regex:
            timeout.each(events, self._one, lambda event: fail(event, ["_translate_timeout"], _LATE))
        else:
            for event in events:
                self._one(event)
        return events

    def _one(self, event: Event) -> None:
        translated = self._iterate(event, self._list) if self._list else self._translate(event)
        if translated and self.succeeded:
            self.succeeded(event)

    def _translate(self, event: Event) -> bool:
        value = self._read(event)
        if value is MISSING or (not self._override and self._read_target(event) is not MISSING):
            return False
        found = self._look_up(value, event)
        if found is not MISSING:
            self._write(event, found)
        return found is not MISSING or self._same

    def _look_up(self, value: Any, event: Event) -> Any:
        if isinstance(value, list):
            value = value[0] if value else None
        found = self._find(ruby.to_s(value))
        return self._fallback(event) if found is MISSING and self._fallback else found

    def _iterate(self, event: Event, read_list: settings.Read) -> bool:
        values = read_list(event)
        if not isinstance(values, list):
            return False
        if self._of_values:
            if not self._override and self._read_target(event) is not MISSING:
                return False
            found = [self._look_up(value, event) for value in values]
            self._write(event, [None if one is MISSING else one for one in found])
            return any(one is not MISSING for one in found)
        copies = [dict(one) if isinstance(one, dict) else one for one in values]
        matched = [self._translate_object(one, event) for one in copies if isinstance(one, dict)]
        assert self._write_list
        self._write_list(event, copies)
        return any(matched)

    def _translate_object(self, item: dict[str, Any], event: Event) -> bool:
        value = self._read(item)
        if value is MISSING or (not self._override and self._read_target(item) is not MISSING):
            return False
        found = self._look_up(value, event)
        if found is not MISSING:
            self._write(item, found)
        return found is not MISSING

    def _compile(self) -> Find:
        dictionary = self._dictionary
        if self._exact and not self._regex:
            return lambda text: dictionary.get(text, MISSING)
        if self._exact:
            patterns = [(ruby.Regex(key), value) for key, value in dictionary.items()]
            return lambda text: next((value for pattern, value in patterns if pattern.search(text)), MISSING)
        if self._regex:
            patterns = [(ruby.Regex(key), value) for key, value in dictionary.items()]
            return lambda text: _replaced(text, patterns)
        if not dictionary:
            return lambda text: MISSING
        parts = re.compile("|".join(map(re.escape, dictionary)))

        def replace_parts(text: str) -> Any:
            changed = parts.sub(lambda match: ruby.to_s(dictionary[match[0]]), text)
            return MISSING if changed == text else changed

        return replace_parts

    def _refresh(self) -> str | None:
        """Read the file again if it is time and it has changed; return why that failed."""
        if self._file is None or not self._file.changed():
            return None
        try:
            new = self._file.load()
            old = self._dictionary
            self._dictionary = new if self._file.replaces else {**old, **new}
            self._find = self._compile()
        except (OSError, ValueError, ConfigError) as error:
            return f"translate: the old dictionary counts, as the new one cannot be read: {error}"
        return None


def _replaced(text: str, patterns: list[tuple[ruby.Regex, Any]]) -> Any:
    changed = text
    for pattern, value in patterns:
        changed = pattern.sub(pattern.replacement(ruby.to_s(value)), changed)
    return MISSING if changed == text else changed


class _DictionaryFile:
    """A dictionary's file and when it was looked at last."""

    def __init__(self, options: Options) -> None:
        self._path = File(options["dictionary_path"])
        self._interval: float = options["refresh_interval"]
        self.replaces: bool = options["refresh_behaviour"] == "replace"
        self._looked = time.monotonic()
        self._stamp: tuple[int, int] | None = None
        if self._path.suffix not in (".yml", ".yaml", ".json", ".csv"):
            raise options.error(
                f"translate: '{self._path}' is no dictionary: its name ends in .yml, .yaml, .json or .csv",
                "dictionary_path",
            )

    def changed(self) -> bool:
        now = time.monotonic()
        if self._interval <= 0 or now - self._looked < self._interval:
            return False
        self._looked = now
        try:
            return self._stat() != self._stamp
        except OSError:
            return False

    def load(self) -> dict[str, Any]:
        """Read the file; raises OSError or ValueError."""
        self._stamp = self._stat()
        text = self._path.read_text(encoding="utf-8")
        if self._path.suffix == ".csv":
            return {row[0]: row[1] for row in csv.reader(text.splitlines()) if len(row) > 1}
        if not text.strip():
            return {}
        data = json.loads(text) if self._path.suffix == ".json" else _yaml(text)
        if not isinstance(data, dict):
            raise ValueError(f"'{self._path}' holds no mapping")
        return {ruby.to_s(key): value for key, value in data.items()}

    def _stat(self) -> tuple[int, int]:
        stat = self._path.stat()
        return stat.st_mtime_ns, stat.st_size


def _yaml(text: str) -> Any:
    import yaml  # noqa: PLC0415 - only who uses it loads it

    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"no YAML: {error}") from None
