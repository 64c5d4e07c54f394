"""sawlog over MQTT 5, both ends: topics, and the answer to one batch; bytes in and out, no sockets.

A sender publishes each batch, in an envelope (`sawlog.wire.envelope`), to `batches_topic`, with two properties of MQTT
5: a response topic below `answers_topic`, and correlation data of its choice. The receiver publishes an `Answer` to the
response topic, with the same correlation data, when every event is durable, or when the batch was not delivered. That
the broker has acknowledged a message says nothing: it may still lose it. So a sender keeps a batch until its answer has
come, and publishes it again after a time; each event's ``_id`` makes that harmless.

    answer    JSON object: version, ok, reason
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from sawlog.wire.envelope import EnvelopeError

ANSWER_BYTES: Final = 4096
CORRELATION_BYTES: Final = 256
"""The longest correlation data that is answered."""

_VERSION: Final = 1
_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch: durable, or not delivered for a `reason`, and then to be sent again."""

    ok: bool
    reason: str = ""


def batches_topic(prefix: str, key: str) -> str:
    """Return where the envelopes of a source go; `prefix` is the part that a tenant has of its own."""
    return f"{prefix}/batches/{key}"


def lines_topic(prefix: str, name: str) -> str:
    """Return where messages go that are no envelopes, whatever they begin with."""
    return f"{prefix}/lines/{name}"


def answers_topic(prefix: str, client: str) -> str:
    """Return a response topic for the answers to a client; it is not below `prefix`, where receivers subscribe."""
    return f"{prefix}-answers/{client}"


def encode_answer(answer: Answer) -> bytes:
    """Write an answer; a long reason is cut."""
    # Lone surrogates of a file's name have no UTF-8.
    reason = answer.reason[:_LONGEST_REASON].encode(errors="backslashreplace").decode()
    return msgspec.json.encode(_Answer(_VERSION, answer.ok, reason))


def decode_answer(data: bytes) -> Answer:
    """Read an answer.

    Raises:
        EnvelopeError: it is none, or of another version.
    """
    _check(len(data) <= ANSWER_BYTES, "the answer is too long")
    try:
        answer = msgspec.json.decode(data, type=_Answer)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError(f"the answer is not what it should be: {error}") from None
    _check(answer.version == _VERSION, f"version {answer.version} of the answer is not known here")
    return Answer(answer.ok, answer.reason)


class _Answer(msgspec.Struct):
    version: int
    ok: bool
    reason: str = ""


def _check(holds: bool, words: str) -> None:
    if not holds:
        raise EnvelopeError(words)
