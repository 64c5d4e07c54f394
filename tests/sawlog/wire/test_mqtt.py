"""The answer to an envelope, against itself and against arbitrary bytes; the topics."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sawlog.wire.envelope import EnvelopeError
from sawlog.wire.mqtt import Answer, answers_topic, batches_topic, decode_answer, encode_answer, lines_topic


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=100) | st.text(max_size=50).map(str.encode))
@example(b'{"version": 1, "ok": "yes"}')
@example(b"[" * 4000)
def test_arbitrary_bytes_are_no_answer(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        decode_answer(data)


@given(st.booleans(), st.text(max_size=600))
def test_answers_come_out_as_they_went_in(ok: bool, reason: str) -> None:
    found = decode_answer(encode_answer(Answer(ok, reason)))
    assert found.ok is ok
    assert found.reason[:100] == reason[:100].encode(errors="backslashreplace").decode()[:100]


def test_a_long_reason_is_cut_and_another_version_refused() -> None:
    assert len(encode_answer(Answer(False, "\x00\ud800" * 5000))) < 4096
    with pytest.raises(EnvelopeError, match="version 2"):
        decode_answer(b'{"version": 2, "ok": true}')


def test_topics() -> None:
    assert batches_topic("tenant/sawlog", "k-1") == "tenant/sawlog/batches/k-1"
    assert lines_topic("sawlog", "kitchen") == "sawlog/lines/kitchen"
    assert answers_topic("sawlog", "c1") == "sawlog-answers/c1"
    assert not answers_topic("sawlog", "c1").startswith("sawlog/")
