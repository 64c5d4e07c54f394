"""What a filter does to an event that it cannot handle: tags, and the reason in ``error.message``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sawlog.event import Event, Path, add_tag, get, put

_REASON: Final[Path] = ("error", "message")


def fail(event: Event, tags: Iterable[str], reason: str) -> None:
    """Add `tags` to the event and say why in ``error.message``; a message that is there stays, in front."""
    for tag in tags:
        add_tag(event, tag)
    earlier = get(event, _REASON)
    if isinstance(earlier, str) and earlier and reason not in earlier:
        reason = f"{earlier}; {reason}"
    elif earlier:
        return
    put(event, _REASON, reason)
