"""Stack traces below a message: where they begin and end."""

import pytest

from ingest.springboot import stack

FRAME = "\tat a.B.c(B.java:1)"


@pytest.mark.parametrize(
    ("text", "message", "kind", "reason"),
    [
        (f"m\n\na.XException: why\n{FRAME}\n", "m", "a.XException", "why"),
        (f"m\n\n\na.XException\n{FRAME}\n", "m\n", "a.XException", ""),
        (f"\n\na.XException: \nwhy\n{FRAME}\n", "", "a.XException", "\nwhy"),
        (f"m\n\nBroken: no package\n{FRAME}\n", "m", "Broken", "no package"),
        ("m\n\na.Problem$Quick: none kept\n", "m", "a.Problem$Quick", "none kept"),
        ("m\n\na.XException: in\n\nmany lines\n", "m", "a.XException", "in\n\nmany lines"),
        (f"m\nOpen: 5\n\nBroken\n{FRAME}\n", "m\nOpen: 5", "Broken", ""),
        (f"m\n\na.XException: why\n\nDetail: x\n{FRAME}\n", "m", "a.XException", "why\n\nDetail: x"),
        (
            f'm\n\na.XException: bad\n at [Source: (String)"x"]\n{FRAME}\n',
            "m",
            "a.XException",
            'bad\n at [Source: (String)"x"]',
        ),
        # Another trace below, on standard error, does not end with a blank line.
        (f"m\n\na.XException: why\n{FRAME}\n\na.YException: other\n{FRAME}", "m", "a.XException", "why"),
        # Patterns without blank lines.
        (f"m\na.XException: why\n{FRAME}", "m", "a.XException", "why"),
        (f"m\na.Order loaded\na.Problem: why\n{FRAME}", "m\na.Order loaded", "a.Problem", "why"),
        (f"m\nBroken: why\n{FRAME}", "m", "Broken", "why"),
        ("m\na.Problem$Quick: none kept", "m", "a.Problem$Quick", "none kept"),
        (f"a.XException: itself\n{FRAME}", "a.XException: itself", "a.XException", "itself"),
    ],
)
def test_split(text: str, message: str, kind: str, reason: str) -> None:
    kept, trace = stack.split(text, apart=True)
    assert trace is not None
    assert (kept, trace.type, trace.message) == (message, kind, reason)


@pytest.mark.parametrize(
    "text",
    [
        "m",
        "m\nmore\n",
        "classes:\na.Order\na.Orders$Inner 5",
        "m\n\nNote: all is well\n",
        "m\n at least (one)\n",
        "m\n",
    ],
)
def test_no_trace(text: str) -> None:
    assert stack.split(text, apart=True) == (text, None)


def test_alone() -> None:
    found = stack.alone(f'Exception in thread "w 1" a.XException: why\n{FRAME}')
    assert found is not None
    assert (found.thread, found.type, found.message) == ("w 1", "a.XException", "why")
    assert stack.alone("a.Note: this is a sentence") is None
    assert stack.alone(f"a.XException\n{FRAME}") is not None
