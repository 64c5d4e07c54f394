"""`alerts.yml`: read, and refused with file, line and the nearest known name where something cannot be honoured.

delay: 30s
notify:
  - name: team
    url: ${TEAM_WEBHOOK}
rules:
  - name: many errors
    query: 'log.level: ERROR'
    more_than: 20
    within: 5m
    by: service.name
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sawlog import secrets, yaml_tree
from sawlog.errors import ConfigError, ConfigErrors, Position, QueryError, nearest
from sawlog.search import language, times
from sawlog.search.filters import TEXTS
from sawlog.search.steps import STEPS
from sawlog.watch import options
from sawlog.watch.durations import read_duration, write_duration
from sawlog.watch.options import AlertOption
from sawlog.watch.rules import (
    FEWER_THAN,
    KINDS,
    MORE_THAN,
    MOST_CELLS,
    NEW,
    AlertRule,
    AlertSettings,
    AlertTarget,
)
from sawlog.watch.template import AlertTemplate, TemplateError
from sawlog.yaml_tree import Entry, Scalar, Tree

NAME: Final = "alerts.yml"
MOST_RULES: Final = 200
MOST_GROUPS: Final = 1_000
SHORTEST: Final = 1_000
LONGEST: Final = 90 * 86_400_000
_USUAL_EVERY: Final = 30_000
_WINDOWS: Final = 60
"""So many windows overlap, unless somebody says otherwise."""
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")
_SECRET: Final = re.compile(r"(?![a-z-]{0,12}$|\d{1,5}$|[\w-]+(?:\.[\w-]+)+$).{6,}")
"""A part of an address that may be a secret, though it is no password: no word, no port, no name of a host."""
_MINUTE: Final = 60_000
_DAY: Final = 86_400_000


def read_alerts(file: Path, *, syntax_only: bool = False) -> AlertSettings:
    """Read a file of rules; with `syntax_only`, variables and files that it names need not be there.

    Raises:
        ConfigErrors: something in it cannot be honoured.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigErrors([ConfigError(f"cannot be read: {why}", Position(str(file), 1))]) from None
    try:
        document = yaml_tree.parse(text, str(file))
    except ConfigError as error:
        raise ConfigErrors([error]) from None
    reader = _Reader(file, syntax_only)
    settings = reader.settings(document)
    if reader.errors:
        raise ConfigErrors(reader.errors)
    return settings


class _Reader:
    """Reads one file, and gathers what is wrong with it."""

    def __init__(self, file: Path, syntax_only: bool) -> None:
        self.errors: list[ConfigError] = []
        self._file = file
        self._syntax_only = syntax_only

    def settings(self, document: yaml_tree.Document) -> AlertSettings:
        told = self._values(document.tree, options.FILE, "alerts.yml")
        targets = tuple(self._each(told, "notify", self._target))
        rules = tuple(self._each(told, "rules", lambda one: self._rule(one, [target.name for target in targets])))
        if "rules" not in told:
            self._wrong("there are no 'rules'", document.tree.position)
        elif len(rules) > MOST_RULES:
            self._wrong(f"there are {len(rules)} rules; at most {MOST_RULES}", told["rules"].position)
        for name, named in (("rule", rules), ("target", targets)):
            self._unique(name, [one.name for one in named], document.tree)
        return AlertSettings(
            str(self._file),
            rules,
            targets,
            delay=self._get(told, "delay", 30_000),
            catch_up=self._get(told, "catch_up", _DAY),
            give_up=self._get(told, "give_up", _DAY),
            zone=self._get(told, "zone", None) or times.zone_of("local"),
            page=self._get(told, "page", None),
            notes=tuple(document.warnings),
        )

    def _target(self, tree: Tree) -> AlertTarget | None:
        told = self._values(tree, options.TARGET, "a target")
        if ("url" in told) == ("url_file" in told):
            if isinstance(tree, yaml_tree.Mapping):
                self._wrong("a target has a 'url' or a 'url_file'", tree.position)
            return None
        entry = told.get("url") or told["url_file"]
        if (name := self._named(told, tree, "a target")) is None:
            return None
        url = self._get(told, "url", None) if "url" in told else self._from_file(self._get(told, "url_file", ""), entry)
        if url is None:
            return None
        hide(url, name)
        return AlertTarget(name, url, entry.tree.position)

    def _from_file(self, path: str, entry: Entry) -> str | None:
        if self._syntax_only:
            return ""
        try:
            return (self._file.parent / path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            self._wrong(f"'url_file': {path} cannot be read: {why}", entry.tree.position)
            return None

    def _rule(self, tree: Tree, targets: Sequence[str]) -> AlertRule | None:
        before = len(self.errors)
        told = self._values(tree, options.RULE, "a rule")
        name = self._named(told, tree, "a rule")
        kinds = [kind for kind in KINDS if kind in told]
        if len(kinds) != 1 and isinstance(tree, yaml_tree.Mapping):
            where = told[kinds[1]].position if kinds else tree.position
            self._wrong(f"a rule has one of {', '.join(KINDS)}{', and this has several' if kinds else ''}", where)
        if name is None or len(self.errors) > before:
            return None
        kind = kinds[0]
        made = self._made(name, kind, told, targets)
        self._check(made, told)
        return made if len(self.errors) == before else None

    def _made(self, name: str, kind: str, told: Mapping[str, Entry], targets: Sequence[str]) -> AlertRule:
        query, written_in = self._get(told, "query", ""), self._get(told, "language", "auto")
        by = self._get(told, "by", None)
        within = self._get(told, "within", 10 * _MINUTE if kind == NEW else 5 * _MINUTE)
        is_new = kind == NEW
        title = options.TITLE_OF_GROUP if by or is_new else options.TITLE
        return AlertRule(
            name,
            query,
            written_in,
            self._get(told, "index", None),
            self._clause(query, written_in, told),
            kind,
            limit=0 if is_new else self._get(told, kind, 0),
            of=self._get(told, NEW, "") if is_new else "",
            by=by,
            within=within,
            every=self._get(told, "every", usual_every(within)),
            remember=self._get(told, "remember", max(7 * _DAY if is_new else _DAY, 2 * within)),
            cool_down=self._get(told, "cool_down", 15 * _MINUTE),
            repeat=self._get(told, "repeat", None),
            recovery=self._get(told, "recovery", not is_new),
            groups=self._get(told, "groups", MOST_GROUPS if is_new else 100),
            title=self._template(told, "title", title),
            text=self._template(told, "text", options.TEXTS[kind]),
            recovered_text=self._template(told, "recovered_text", options.RECOVERED_TEXT),
            notify=self._names(told, targets),
        )

    def _check(self, rule: AlertRule, told: Mapping[str, Entry]) -> None:
        """Refuse what does not go together."""

        def refuse(option: str, words: str) -> None:
            self._wrong(words, told[option].tree.position if option in told else told["name"].position)

        if rule.within % rule.every:
            within, every = map(write_duration, (rule.within, rule.every))
            refuse("every" if "every" in told else "within", f"'within' ({within}) is no multiple of 'every' ({every})")
        elif rule.groups * (rule.within // rule.every) > MOST_CELLS:
            refuse("groups" if "groups" in told else "every",
                f"{rule.groups} groups in {rule.within // rule.every} windows are too many to count at once: at most"
                f" {MOST_CELLS:,}; let 'every' be longer")  # fmt: skip
        if rule.remember <= rule.within:
            refuse("remember", "'remember' is longer than 'within'")
        if "by" in told and rule.kind == NEW:
            refuse("by", "a rule with 'new' groups by what is new")
        for option in ("by", NEW):
            if option in told and self._get(told, option, "") in TEXTS:
                refuse(option, f"'{self._get(told, option, '')}' is a text of many words, which has no groups")
        if "remember" in told and not (rule.kind == NEW or (rule.kind == FEWER_THAN and rule.by)):
            refuse("remember", "'remember' is for 'new', and for 'fewer_than' with 'by'")
        if rule.kind == MORE_THAN and rule.repeat is not None and rule.repeat < rule.every:
            refuse("repeat", "'repeat' is not shorter than 'every'")

    def _clause(self, query: str, written_in: str, told: Mapping[str, Entry]) -> dict[str, Any]:
        try:
            return language.read(query, written_in).clause
        except QueryError as error:
            place = told["query"].tree.position
            at = f", at {query[error.at[0] : error.at[1]][:40]!r}" if error.at and error.at[1] > error.at[0] else ""
            self._wrong(f"the query is not understood: {error}{at}", place)
            return {}

    def _template(self, told: Mapping[str, Entry], option: str, usual: str) -> AlertTemplate:
        try:
            return AlertTemplate.compile(self._get(told, option, usual))
        except TemplateError as error:
            self._wrong(f"'{option}': {error}", told[option].tree.position, error.hint)
            return AlertTemplate.compile("")

    def _names(self, told: Mapping[str, Entry], targets: Sequence[str]) -> tuple[str, ...]:
        named: tuple[str, ...] | None = self._get(told, "notify", None)
        if named is None:
            return tuple(targets)
        for one in named:
            if one not in targets:
                known = ", ".join(targets) or "none"
                message = f"there is no target '{one[:60]}' in 'notify' of the file; there is {known}"
                self._wrong(message, told["notify"].tree.position, nearest(one, targets))
        return named

    def _named(self, told: Mapping[str, Entry], tree: Tree, what: str) -> str | None:
        name: str = self._get(told, "name", "")
        if name or not isinstance(tree, yaml_tree.Mapping):
            return name or None
        self._wrong(f"{what} has a 'name'", tree.position)
        return None

    def _unique(self, what: str, names: Sequence[str], tree: Tree) -> None:
        for name in {name for name in names if names.count(name) > 1}:
            self._wrong(f"there are two {what}s with the name '{name}'", tree.position)

    def _each(self, told: Mapping[str, Entry], option: str, make: Any) -> Iterator[Any]:
        entry = told.get(option)
        if entry is None or yaml_tree.is_empty(entry.tree):
            return
        if not isinstance(entry.tree, yaml_tree.Sequence):
            self._wrong(f"'{option}' is a list", entry.tree.position)
            return
        for one in entry.tree.items:
            if (made := make(one)) is not None:
                yield made

    def _values(self, tree: Tree, known: Sequence[AlertOption], what: str) -> dict[str, Entry]:
        """Return the entries of an object, all of which are known."""
        names = [one.name for one in known]
        if not isinstance(tree, yaml_tree.Mapping):
            self._wrong(f"{what} has {', '.join(names)}", tree.position)
            return {}
        found = {}
        for key, entry in tree.entries.items():
            if key not in names:
                message = f"{what} has no option '{key[:60]}'; it has {', '.join(names)}"
                self._wrong(message, entry.position, nearest(key, names))
            elif not (isinstance(entry.tree, Scalar) and entry.tree.empty):
                found[key] = entry
        return found

    def _get(self, told: Mapping[str, Entry], option: str, usual: Any) -> Any:
        """Return the value of an option, read as its kind says; `usual` if it is not given, or wrong."""
        entry = told.get(option)
        if entry is None:
            return usual
        found = _READERS[_KINDS[option]](self, entry, option)
        return usual if found is None else found

    def _wrong(self, message: str, position: Position, hint: str | None = None) -> None:
        error = ConfigError(message, position, hint)
        if str(error) not in map(str, self.errors):
            self.errors.append(error)

    def read_text(self, entry: Entry, option: str) -> str | None:
        if isinstance(entry.tree, Scalar):
            return entry.tree.text
        self._wrong(f"'{option}' is a text", entry.tree.position)
        return None

    def read_duration(self, entry: Entry, option: str) -> int | None:
        text = self.read_text(entry, option)
        found = None if text is None else read_duration(text.strip())
        least = 0 if option in {"delay", "cool_down", "catch_up"} else SHORTEST
        if text is not None and (found is None or not least <= found <= LONGEST or found % 1_000):
            self._wrong(
                f"'{option}' is a duration from {least // 1_000}s to 90d in whole seconds, such as 30s, 5m or 1h30m;"
                f" not '{text[:40]}'",
                entry.tree.position,
            )
            return None
        return found

    def read_count(self, entry: Entry, option: str, least: int = 0, most: int = 1_000_000_000) -> int | None:
        value = entry.tree.value() if isinstance(entry.tree, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self._wrong(f"'{option}' is a whole number from {least} to {most:,}", entry.tree.position)
        return None

    def read_flag(self, entry: Entry, option: str) -> bool | None:
        value = entry.tree.value() if isinstance(entry.tree, Scalar) else None
        if isinstance(value, bool):
            return value
        self._wrong(f"'{option}' is true or false", entry.tree.position)
        return None

    def read_names(self, entry: Entry, option: str) -> tuple[str, ...] | None:
        tree = entry.tree
        items = tree.items if isinstance(tree, yaml_tree.Sequence) else [tree]
        if all(isinstance(one, Scalar) for one in items):
            return tuple(one.text for one in items if isinstance(one, Scalar))
        self._wrong(f"'{option}' is a list of names of targets", tree.position)
        return None

    def read_language(self, entry: Entry, option: str) -> str | None:
        text = self.read_text(entry, option)
        if text is None or text in language.LANGUAGES:
            return text
        known = ", ".join(language.LANGUAGES)
        self._wrong(f"'{option}' is one of {known}", entry.tree.position, nearest(text, language.LANGUAGES))
        return None

    def read_zone(self, entry: Entry, option: str) -> Any:
        text = self.read_text(entry, option)
        try:
            return None if text is None else times.zone_of(text)
        except QueryError as error:
            self._wrong(f"'{option}': {error}", entry.tree.position)
            return None

    def read_address(self, entry: Entry, option: str) -> str | None:
        """Read an address, with variables of the environment filled in."""
        text = self.read_text(entry, option)
        if text is None:
            return None
        missing = []

        def fill(found: re.Match[str]) -> str:
            value = os.environ.get(found[1]) or found[2]
            if value is None and not self._syntax_only:
                missing.append(found[1])
            if value and option == "url":
                secrets.remember_whole(value, found[1])
            return value or ""

        filled = _VARIABLE.sub(fill, text).strip()
        for name in missing:
            self._wrong(f"'{option}': the environment has no '{name}'", entry.tree.position,
                f"set it, or give a default: ${{{name}:default}}")  # fmt: skip
        if option == "page" and not missing and not self._syntax_only and not re.match(r"https?://[^/]", filled):
            self._wrong(f"'{option}' is an address such as https://logs.example.com", entry.tree.position)
            return None
        return None if missing else filled.rstrip("/") if option == "page" else filled


_KINDS: Final = {one.name: one.kind for one in (*options.FILE, *options.TARGET, *options.RULE)}
_READERS: Final[dict[str, Any]] = {
    "text": _Reader.read_text,
    "field": _Reader.read_text,
    "path": _Reader.read_text,
    "template": _Reader.read_text,
    "duration": _Reader.read_duration,
    "count": _Reader.read_count,
    "positive": lambda reader, entry, option: reader.read_count(entry, option, 1),
    "groups": lambda reader, entry, option: reader.read_count(entry, option, 1, MOST_GROUPS),
    "flag": _Reader.read_flag,
    "names": _Reader.read_names,
    "language": _Reader.read_language,
    "zone": _Reader.read_zone,
    "address": _Reader.read_address,
}


def usual_every(within: int) -> int:
    """Return how often windows of a length end: so that sixty overlap, at most each half minute."""
    least = min(within, max(_USUAL_EVERY, within // _WINDOWS))
    return next((one for one in STEPS if one >= least and within % one == 0), within)


def hide(url: str, name: str) -> None:
    """Keep an address out of logs and errors, and what of it may be a secret: all but its kind and a host's name."""
    what = f"url of {name}"
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    login, _, host = parts.netloc.rpartition("@")
    # slack://TOKEN/…: where there is no host, it is a token that stands in its place.
    pieces = [*login.split(":")[:1], *host.split(":"), *parts.path.split("/"), *re.split(r"[&=]", parts.query)]
    password = login.partition(":")[2]
    whole = url if parts.netloc or "/" in parts.path else ""
    for text in (whole, password, *(piece for piece in pieces if _SECRET.fullmatch(piece))):
        for form in {text, unquote(text)} - {""}:
            secrets.remember_whole(form, what)
