"""An index for dead letters: what a store has refused, as text, where people search anyway."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sawlog.dead_letter import DeadLetter, document_text
from sawlog.store.base import DOCUMENT_BYTES, Bulk
from sawlog.store.gathering import Gathering
from sawlog.times.instant import now


async def index_letters(gathering: Gathering, letters: Sequence[DeadLetter], index: str) -> list[int]:
    """Index dead letters; return the positions of those that are refused there, too. Raises as `Gathering.deliver`."""
    time = now()
    documents = [_document(letter, time) for letter in letters]
    size = sum(len(document["message"]) + DOCUMENT_BYTES for document in documents)
    bulk = Bulk([letter.id or uuid.uuid4().hex for letter in letters], documents, index, size=size)
    return sorted(refusal.position for refusal in (await gathering.deliver(bulk)).refused)


def _document(letter: DeadLetter, time: str) -> dict[str, Any]:
    """Make what stands for a refused document; that is text in it, so that nothing can be refused again."""
    return {
        "@timestamp": time,
        "message": document_text(letter.document),
        "error": {"type": letter.type, "message": letter.reason, "code": str(letter.status)},
    }
