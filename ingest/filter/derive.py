"""How one event becomes several: each derived event has an `_id` of its own, the same after a second try.

The n-th event that is made from one with the `_id` X has X-n; from X-2 comes X-2-1, and so on. An event counts
what was made of it in ``@metadata._derived``, so that a second clone or split gives no `_id` twice.
"""

from __future__ import annotations

from typing import Final

from sawlog.event import METADATA, Event

_COUNT: Final = "_derived"


def derive(event: Event) -> Event:
    """Copy an event (its top level; what is below is shared) and give the copy an `_id` of its own."""
    copy = dict(event)
    metadata = event.get(METADATA)
    if isinstance(metadata, dict) and "_id" in metadata:
        count = metadata.get(_COUNT, 0) + 1
        event[METADATA] = {**metadata, _COUNT: count}
        metadata = {key: value for key, value in metadata.items() if key != _COUNT}
        copy[METADATA] = {**metadata, "_id": f"{metadata['_id']}-{count}"}
    return copy
