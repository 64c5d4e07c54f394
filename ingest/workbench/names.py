"""What captured values may be called: ECS names by what the values are and where they stand.

https://www.elastic.co/guide/en/ecs/8.17/ecs-field-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

METHODS: Final = frozenset(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"])

OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("timestamp", "[event][start]", "[event][end]"),
    "LOGLEVEL": ("[log][level]",),
    "INT": (
        "[process][pid]",
        "[source][port]",
        "[destination][port]",
        "[http][response][status_code]",
        "[http][response][body][bytes]",
        "[process][thread][id]",
        "[log][origin][file][line]",
        "[event][duration_ms]",
        "[event][sequence]",
    ),
    "NUMBER": ("[event][duration_ms]", "[http][response][body][bytes]", "[http][version]"),
    "IP": ("[source][ip]", "[client][ip]", "[destination][ip]", "[server][ip]", "[host][ip]"),
    "JAVACLASS": ("[log][logger]", "[error][type]", "[log][origin][function]"),
    "UUID": ("[trace][id]", "[transaction][id]", "[event][id]", "[user][id]"),
    "HEX": ("[trace][id]", "[span][id]", "[transaction][id]", "[event][id]"),
    "URI": ("[url][original]", "[http][request][referrer]"),
    "PATH": ("[url][original]", "[url][path]", "[file][path]"),
    "EMAILADDRESS": ("[user][email]",),
    "MAC": ("[host][mac]", "[client][mac]"),
    "WORD": ("[event][action]", "[event][outcome]", "[process][name]", "[user][name]", "[service][name]"),
    "NAME": ("[host][hostname]", "[service][name]", "[process][thread][name]", "[user][name]", "[event][action]"),
    "text": ("message", "[process][thread][name]", "[user_agent][original]", "[service][name]", "[error][message]"),
}
"""By what a value is: names of ECS, the usual one first."""

_KINDS: Final = {
    "NONNEGINT": "INT",
    "POSINT": "INT",
    "BASE10NUM": "NUMBER",
    "HTTPDERROR_DATE": "time",
    "HTTPDATE": "time",
    "SYSLOGTIMESTAMP": "time",
    "TIMESTAMP_ISO8601": "time",
    "TIME": "time",
    "IPV4": "IP",
    "IPV6": "IP",
    "IPORHOST": "IP",
    "HOSTNAME": "NAME",
    "USER": "NAME",
    "USERNAME": "NAME",
    "NOTSPACE": "NAME",
    "PROG": "NAME",
    "BASE16NUM": "HEX",
    "UNIXPATH": "PATH",
    "URIPATH": "PATH",
    "URIPATHPARAM": "PATH",
    "DATA": "text",
    "GREEDYDATA": "text",
    "QS": "text",
    "QUOTEDSTRING": "text",
}
_TYPES: Final = {"INT": ("int", "float"), "NUMBER": ("float", "int")}
_BAD: Final = re.compile(r"[^a-z0-9_]+")


def offered_names(pattern: str) -> tuple[str, ...]:
    """Return the names of ECS for what a pattern of the library captures."""
    return OFFERED.get(_KINDS.get(pattern, pattern), OFFERED["text"])


def offered_types(pattern: str) -> tuple[str, ...]:
    """Return the types, other than text, that suit what a pattern captures."""
    return _TYPES.get(_KINDS.get(pattern, pattern), ())


def of_key(key: str) -> str:
    """Make a field's name of a key that stands before a value, ``userId=`` or ``took``; empty if it gives none."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key.strip("=: "))
    return _BAD.sub("_", words.lower()).strip("_")


class FieldNames:
    """The names of one expression: each is given once."""

    def __init__(self) -> None:
        self.taken: dict[str, None] = {}

    def has(self, *names: str) -> bool:
        """Whether one of these is taken."""
        return any(name in self.taken for name in names)

    def give(self, *wanted: str) -> str:
        """Return the first of these that is not taken, or the last with a number."""
        for name in wanted:
            if name not in self.taken:
                return self._take(name)
        number = 2
        while _numbered(wanted[-1], number) in self.taken:
            number += 1
        return self._take(_numbered(wanted[-1], number))

    def _take(self, name: str) -> str:
        self.taken[name] = None
        return name


def name_of(kind: str, texts: Collection[str], before: str, after: str, key: str, names: FieldNames) -> str:
    """Name a value: by its key, by what it is, by what stands before and after it in the line."""
    if key and kind not in ("LOGLEVEL", "time"):
        return names.give(of_key(key) or "value")
    match kind:
        case "INT" | "NUMBER":
            return _number(texts, before, after, names)
        case "WORD" if METHODS.issuperset(texts):
            return names.give("[http][request][method]", "word")
        case "NAME" | "WORD" if before.endswith("}") or after.startswith(r"\["):
            return names.give("[process][name]" if after.startswith(r"\[") else "[host][hostname]", "name")
        case "HEX" if all(len(text) in (16, 32) for text in texts):
            return names.give("[trace][id]", "[span][id]", "id")
        case "HEX":
            return names.give("hex")
        case "UUID":
            return names.give("id")
        case "PATH" if before.endswith('"%{WORD:[http][request][method]} '):
            return names.give("[url][original]", "path")
        case "PATH":
            return names.give("path")
        case "WORD" | "NAME":
            return names.give("word")
        case "text":
            return _text(texts, before, names)
        case _:
            fallback = {"time": "time", "LOGLEVEL": "level", "IP": "address", "JAVACLASS": "class"}.get(kind)
            usual = OFFERED[kind][:1] if kind != "IP" else ("[source][ip]", "[destination][ip]")
            return names.give(*usual, fallback or kind.lower())


def _number(texts: Collection[str], before: str, after: str, names: FieldNames) -> str:
    beside_level = re.search(r"\[level\]\}(?:\\\])?(?: \+?)?$", before)
    if (beside_level or after.startswith(" ---")) and all(map(str.isdigit, texts)):
        return names.give("[process][pid]", "number")
    if before.endswith(r"\[") and names.has("[process][name]"):
        return names.give("[process][pid]", "number")
    if before.endswith("ip]}:"):
        return names.give("[source][port]", "[destination][port]", "port")
    if before.endswith('" ') and all(len(text) == 3 and "100" <= text < "600" for text in texts):
        return names.give("[http][response][status_code]", "number")
    if before.endswith("[status_code]:int} "):
        return names.give("[http][response][body][bytes]", "number")
    if after.startswith((" ms", "ms")):
        return names.give("[event][duration_ms]", "number")
    word = re.search(r"([A-Za-z_]\w*)(?:\\?[ :=#])+$", before)
    return names.give(of_key(word[1]) if word and "}" not in before[word.end(1) :] else "number")


def _text(texts: Collection[str], before: str, names: FieldNames) -> str:
    if before.endswith('"'):
        if any("Mozilla" in text or re.match(r"[\w.-]+/\d", text) for text in texts):
            return names.give("[user_agent][original]", "text")
        if all(text == "-" or "://" in text for text in texts):
            return names.give("[http][request][referrer]", "text")
        return names.give("text")
    if before.endswith((r"\[", r"\[\s*")) and names.has("[log][level]", "timestamp"):
        return names.give("[process][thread][name]", "text")
    return names.give("text")


def _numbered(name: str, number: int) -> str:
    return f"{name[:-1]}{number}]" if name.endswith("]") else f"{name}{number}"
