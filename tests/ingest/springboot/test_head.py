"""The ids of traces in heads: looked for one by one, and in many lines at once."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ingest.springboot.head import ids_in, ids_of

TRACE, SPAN = "78e510617311d8a3c2ce6f447ed4d57b", "612e7696a6cecc1b"
IDS = f" [{TRACE}-{SPAN}]"


@st.composite
def nearly_ids(draw: st.DrawFn) -> str:
    """Ids, mostly with a character changed, left out or put in."""
    ids = draw(st.sampled_from([IDS, f" [{SPAN}-{SPAN}]", f" [{TRACE},{SPAN}]"]))
    at, size = draw(st.integers(0, len(ids))), draw(st.integers(0, 2))
    return ids[:at] + draw(st.sampled_from(["", "a", "0", "-", "[", "] [", "G", "é", "－"])) + ids[at + size :]


@example(pieces=[IDS, IDS])
@example(pieces=[IDS[:-1], f" {IDS}"])
@example(pieces=[f" [{TRACE[:15]}-{SPAN}]"])
@example(pieces=[f" [{TRACE}{SPAN}-]"])
@given(pieces=st.lists(nearly_ids(), max_size=3))
def test_many_at_once_are_what_each_is_alone(pieces: list[str]) -> None:
    alone = [ids_in(piece, 0, len(piece)) for piece in pieces]
    together = ids_of(pieces)
    if together is not None:
        assert together == [f"{ids.trace}-{ids.span}" for ids in alone if ids is not None]
        assert all(ids is not None and ids.end == len(piece) for ids, piece in zip(alone, pieces, strict=True))


def test_ids_of_one_length_are_found_together() -> None:
    assert ids_of([IDS, IDS.replace("78e5", "0000")]) == [f"{TRACE}-{SPAN}", f"{TRACE.replace('78e5', '0000')}-{SPAN}"]
    assert ids_of([f" [{SPAN}-{SPAN}]"]) == [f"{SPAN}-{SPAN}"]
    assert ids_of([]) is None
