"""Java stack traces below a log line: where they begin, what they say, and what is no part of them."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

_CLASS = r"(?>[^\W\d][\w$]*(?:\.[\w$]+)*)"
_HEADER = re.compile(
    rf"(?:Exception in thread \"(?P<thread>.{{0,300}}?)\" |Caused by: |Wrapped by: )?"
    rf"(?P<type>{_CLASS})(?::(?: (?P<message>.*))?)?"
)
_THROWABLE = re.compile(r"(?:Exception|Error|Throwable|Failure|Fault)(?:\$\w+)*$")
_QUALIFIED = re.compile(r"(?:[\w$]+\.)+[A-Z][\w$]*")
_FRAME = re.compile(
    r"[ \t]+at (?=[^\s.$/(\[]*[.$/])[^(]*\(.*|[ \t]*\.\.\. \d+ (?:more|common frames|frames? |lines ).*"
)
"""A frame, or how many were left out. Jackson's `` at [Source: (String)"…"`` is none: it belongs to a message."""
_CAUSE = re.compile(r"[ \t]*(?:Caused by|Wrapped by|Suppressed): .*|[ \t]*\[?CIRCULAR REFERENCE.*")

_LONGEST_NAME = 500


class Stack(NamedTuple):
    """A stack trace: its first line's type and message, and all of it."""

    type: str
    message: str
    text: str
    thread: str = ""
    """The thread that it ended, where the virtual machine says so."""


def split(message: str, *, apart: bool = False) -> tuple[str, Stack | None]:
    """Part a log message of several lines into what was logged and the stack trace below it.

    The trace runs from its first exception line to its last frame, cause or "... more"; lines after that, and
    before it, stay in the message. With `apart`, the trace may stand between two blank lines, as Spring Boot's
    patterns print it: these are nobody's.
    """
    lines = message.split("\n")
    bare = [line.removesuffix("\r") for line in lines]
    frames = [at for at, line in enumerate(bare) if at and _FRAME.fullmatch(line)]
    first = _between_blank_lines(bare, frames) if apart else None
    blank = first is not None
    if first is None:
        first = _header(bare, frames)
    if first is None:
        return message, None
    last = _last(bare, first)
    stack = _stack(bare, first, last)
    above = lines[: first - 1] if blank else lines[: max(first, 1)]
    below = lines[last + 1 :]
    while below and not below[-1].strip("\r"):
        below.pop()
    if below and not below[0].strip("\r"):
        del below[0]
    kept = "\n".join([*above, *below])
    return kept if blank else kept.removesuffix("\r"), stack


def read(text: str) -> Stack | None:
    """Read a text that begins with an exception's line and goes on with its trace; None if it does not."""
    lines = [line.removesuffix("\r") for line in text.strip("\r\n").split("\n")]
    return _stack(lines, 0, len(lines) - 1) if _HEADER.fullmatch(lines[0]) else None


def alone(text: str) -> Stack | None:
    """Read a trace that stands by itself, as on standard error: ``Exception in thread "main" …``, or with frames."""
    stack = read(text)
    if stack is not None and (stack.thread or any(map(_FRAME.fullmatch, stack.text.split("\n")[1:]))):
        return stack
    return None


def _stack(lines: list[str], first: int, last: int) -> Stack:
    """Read the trace that stands in these lines."""
    header = _HEADER.fullmatch(lines[first])
    assert header is not None
    end = next((at for at in range(first + 1, last + 1) if _is_part(lines[at])), last + 1)
    reason = "\n".join([header["message"] or "", *lines[first + 1 : end]])
    return Stack(header["type"], reason, "\n".join(lines[first : last + 1]), header["thread"] or "")


def _is_part(line: str) -> bool:
    return _FRAME.fullmatch(line) is not None or _CAUSE.fullmatch(line) is not None


def _last(lines: list[str], first: int) -> int:
    """Return the last line of the trace that begins at `first`; what has no frames has all that follows."""
    end = len(lines) - 1
    while end > first and not lines[end]:
        end -= 1
    part = next((at for at in range(end, first, -1) if _is_part(lines[at])), None)
    return part if part is not None and _FRAME.fullmatch(lines[part]) else end


def _between_blank_lines(lines: list[str], frames: list[int]) -> int | None:
    """Return the first line of a trace that stands below a blank line and, if it has no frames, above one.

    Names with a package count before those without one, such as ``Broken: why``, or ``Detail: why`` within the
    message of an exception.
    """
    last = frames[-1] if frames else 0
    candidates = [
        at
        for at in range(2, len(lines))
        if not lines[at - 1]
        and _HEADER.fullmatch(lines[at])
        and (at < last or (not lines[-1] and _is_named(lines[at])))
    ]
    named = [at for at in candidates if _is_named(lines[at])]
    framed = [at for at in named if at < last]
    # What ends without a blank line was printed by somebody else below the event.
    ended = [at for at, end in pairwise([*framed, len(lines)]) if not lines[end - 1]]
    for found in (ended, framed, named):
        if found:
            return found[-1]
    return candidates[-1] if candidates else None


def _header(lines: list[str], frames: list[int]) -> int | None:
    """Return the first line of a trace that stands directly below the message.

    A name like an exception's is enough; any other class name needs frames below it. When the exception is
    itself the log message, that is line 0.
    """
    end = frames[0] if frames else len(lines)
    headers = [at for at in range(1, frames[-1] if frames else end) if _HEADER.fullmatch(lines[at])]
    thrown = [at for at in headers if _is_thrown(lines[at])]
    qualified = [at for at in thrown if "." in lines[at].partition(":")[0]]
    if thrown or not frames:
        return qualified[0] if qualified else thrown[0] if thrown else _frameless(lines)
    headers = [at for at in headers if at < end]
    named = [at for at in headers if _is_named(lines[at])]
    telling = [at for at in named if ":" in lines[at]]
    above = [at for at in headers if lines[at][0].isupper() and (at == end - 1 or ": " in lines[at])]
    for found in (telling, above, named):
        if found:
            return found[-1]
    return 0 if _is_named(lines[0]) else None


def _frameless(lines: list[str]) -> int | None:
    """Return the last line if it is an exception without frames whose name says little: ``c.a.Problem$Quick: why``."""
    last = len(lines) - 1
    inner = last > 0 and "$" in lines[last].partition(": ")[0] and _is_named(lines[last])
    return last if inner and ": " in lines[last] else None


def _is_named(line: str) -> bool:
    """Whether a line begins with a class that has a package, or a name like an exception's."""
    header = _HEADER.fullmatch(line)
    return header is not None and (_QUALIFIED.fullmatch(header["type"]) is not None or _is_thrown(line))


def _is_thrown(line: str) -> bool:
    """Whether a line begins with a class whose name is like an exception's."""
    header = _HEADER.fullmatch(line)
    return header is not None and _THROWABLE.search(header["type"][-_LONGEST_NAME:]) is not None
