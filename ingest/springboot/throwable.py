"""Exceptions in structured logs: a stack trace as a text or as a list of lines, or objects with lists of frames.

Sources: what Logback's JsonEncoder (`stepArray`), log4j2's JsonLayout and JsonTemplateLayout (`extendedStackTrace`)
and logstash-logback-encoder write; the text made of objects is laid out as Logback and log4j2 print it.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

_DEEPEST: Final = 100
_TYPES: Final = ("className", "name", "exception_class", "class", "type")
_MESSAGES: Final = ("message", "localizedMessage", "exception_message")
_TEXTS: Final = ("extendedStackTrace", "stacktrace", "stack_trace", "stackTrace")
_FRAMES: Final = ("stepArray", "extendedStackTrace", "stackTrace", "stacktrace", "stack_trace")
# logstash-logback-encoder may put a hash of the trace before it, `<#0ff8c1b9> `.
_FIRST: Final = re.compile(
    r"(?:<#[0-9a-f]{1,16}> )?(?P<type>[\w$.]+(?:/[\w$.]+)?)(?::(?: (?P<message>.*))?)?", re.DOTALL
)
_BELOW: Final = re.compile(r"^[ \t]*(?:at [^\s(]+\(|\.\.\. \d|Caused by: |Wrapped by: |Suppressed: )", re.MULTILINE)


class Throwable(NamedTuple):
    """An exception; `type` and `message` are empty where nothing tells them."""

    type: str
    message: str
    text: str


def read(value: Any) -> Throwable | None:
    """Read an exception in any of the forms; None if it is in none."""
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if isinstance(value, str):
        return _of_text(value) if value.strip() else None
    if not isinstance(value, dict):
        return None
    text = next((value[key] for key in _TEXTS if isinstance(value.get(key), str) and value[key].strip()), None)
    if text is None:
        lines = _written(value, [], "", "", 0)
        if not lines:
            return None
        text = "\n".join(lines)
    told = _of_text(text)
    return Throwable(
        nested(_first(value, _TYPES) or "", told) or told.type, _first(value, _MESSAGES) or told.message, text
    )


def nested(name: str, told: Throwable) -> str:
    """Return a class's name with the ``$`` of its trace, where log4j2 writes a dot for it."""
    return told.type if told.type.replace("$", ".") == name else name


def _of_text(text: str) -> Throwable:
    """Tell type and message by the first line, which is an exception's by definition, and those up to the frames."""
    below = _BELOW.search(text)
    head = (text[: below.start()] if below else text).lstrip("\r\n").removesuffix("\n").removesuffix("\r")
    found = _FIRST.fullmatch(head)
    return Throwable(found["type"], found["message"] or "", text) if found else Throwable("", "", text)


def _written(value: dict[str, Any], above: list[Any], indent: str, prefix: str, depth: int) -> list[str]:
    """Write an exception's lines; `above` are all frames of the one that it is below."""
    name, message = _first(value, _TYPES), _first(value, _MESSAGES)
    if (name is None and message is None) or depth > _DEEPEST:
        return []
    logback = "stepArray" in value
    # An anonymous class has no name in log4j2's JSON.
    title = ": ".join(part for part in (name, "null" if message is None and logback else message) if part is not None)
    if value.get("cyclic"):
        return [f"{indent}{prefix}[CIRCULAR REFERENCE: {title}]"]
    frames: list[Any] = next((value[key] for key in _FRAMES if isinstance(value.get(key), list)), [])
    common = next(
        (value[key] for key in ("commonFramesCount", "commonElementCount") if isinstance(value.get(key), int)), 0
    )
    shared = above[-common:] if 0 < common <= len(above) else []
    if shared and frames == shared:
        # Where an exception has no frame of its own, Logback's encoder gives those that it shares.
        frames = []
    lines = [f"{indent}{prefix}{title}", *(f"{indent}\tat {_frame(frame)}" for frame in frames)]
    if common:
        lines.append(f"{indent}\t... {common} {'common frames omitted' if logback else 'more'}")
    whole = [*frames, *shared]
    suppressed = value.get("suppressed")
    for below in suppressed if isinstance(suppressed, list) else []:
        if isinstance(below, dict):
            lines += _written(below, whole, f"{indent}\t", "Suppressed: ", depth + 1)
    cause = value.get("cause")
    if isinstance(cause, dict):
        lines += _written(cause, whole, indent, "Caused by: ", depth + 1)
    return lines


def _frame(frame: Any) -> str:
    if not isinstance(frame, dict):
        return str(frame).removeprefix("\tat ")
    owner = frame.get("className") or frame.get("class") or "?"
    method = frame.get("methodName") or frame.get("method") or "?"
    file, line = frame.get("fileName") or frame.get("file"), frame.get("lineNumber", frame.get("line"))
    place = (
        "Native Method"
        if line == -2
        else "Unknown Source"
        if not file
        else f"{file}:{line}"
        if _is_line(line)
        else file
    )
    origin = ""
    if isinstance(frame.get("location"), str):
        origin = f" {'' if frame.get('exact') else '~'}[{frame['location']}:{frame.get('version', '?')}]"
    return f"{owner}.{method}({place}){origin}"


def _is_line(line: Any) -> bool:
    return isinstance(line, int) and line >= 0


def _first(value: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((value[key] for key in keys if isinstance(value.get(key), str)), None)
