"""What becomes of an event that a filter, a codec or an input cannot handle: tags, and the reason.

The reasons stand in ``@metadata.failures``, which no application uses and no store sees; ``--inspect`` shows them. A
document has them in ``sawlog.failure``, and only when no filter could parse the event: of two expressions of which one
always fails, the other one tells all. ``error`` belongs to the application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sawlog.event import METADATA, Event, Path, add_tag, put

REASONS: Final = "failures"
_PARSED: Final = "parsed"
_NAMESPACE: Final = "sawlog"
_FAILURE: Final = "failure"
CONFLICT: Final = "_fieldconflict"
"""The tag where a filter that has none of its own could not set a field."""
FAILURE: Final[Path] = (_NAMESPACE, _FAILURE)


def fail(event: Event, tags: Iterable[str], reason: str) -> None:
    """Add `tags` to the event and keep why."""
    for tag in tags:
        add_tag(event, tag)
    about = event.get(METADATA) or {}
    reasons = about.get(REASONS, [])
    if reason in reasons:
        return
    reasons = [*reasons, reason]
    event[METADATA] = {**about, REASONS: reasons}
    own = event.get(_NAMESPACE, {})
    if not about.get(_PARSED) and isinstance(own, dict):
        event[_NAMESPACE] = {**own, _FAILURE: "; ".join(reasons)}


def fail_all(events: Iterable[Event], tags: Sequence[str], reason: str) -> None:
    """Do to each event what `fail` does: for a filter in which many fail for one reason.

    What an event gets is made once. Events share it, as they may (`sawlog.event`).
    """
    shared_tags = list(dict.fromkeys(tags))
    reasons = {REASONS: [reason]}
    own = {_FAILURE: reason}
    for event in events:
        about = event.get(METADATA)
        if about is None or REASONS in about or "tags" in event or _NAMESPACE in event:
            fail(event, tags, reason)
            continue
        if shared_tags:
            event["tags"] = shared_tags
        event[METADATA] = about | reasons
        if _PARSED not in about:
            event[_NAMESPACE] = own


def place(event: Event, path: Path, value: Any) -> bool:
    """Set a field; where a text or a number stands in its way, that stays, and the event is tagged. Says which."""
    if put(event, path, value):
        return True
    fail(event, [CONFLICT], conflict(path))
    return False


def conflict(path: Path) -> str:
    """Return why a field cannot be set in whose way there is a value that is no object."""
    return f"[{']['.join(path)}] cannot be set: a field above it holds a value that is no object"


def reasons_of(event: Event) -> list[str]:
    """Return why filters could not handle the event, in the order in which they met it."""
    return list((event.get(METADATA) or {}).get(REASONS, []))


def marking(succeeded: Callable[[Event], None] | None) -> Callable[[Event], None]:
    """Return what is called with an event that a filter has parsed: `parsed`, and then `succeeded` if there is any."""
    if succeeded is None:
        return parsed

    def parsed_and_more(event: Event) -> None:
        parsed(event)
        succeeded(event)

    return parsed_and_more


def parsed(event: Event) -> None:
    """Mark an event as parsed: its document needs no reasons."""
    parsed_all((event,))


def parsed_all(events: Iterable[Event]) -> None:
    """Do to each event what `parsed` does."""
    for event in events:
        about = event.get(METADATA)
        event[METADATA] = {**about, _PARSED: True} if about else {_PARSED: True}
        if _NAMESPACE in event:
            _forget_reasons(event)


def is_parsed(event: Event) -> bool:
    """Whether a filter has marked the event as parsed."""
    return bool((event.get(METADATA) or {}).get(_PARSED))


def _forget_reasons(event: Event) -> None:
    own = event[_NAMESPACE]
    if isinstance(own, dict) and _FAILURE in own:
        rest = {key: value for key, value in own.items() if key != _FAILURE}
        if rest:
            event[_NAMESPACE] = rest
        else:
            del event[_NAMESPACE]
