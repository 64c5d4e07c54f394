"""Where the leaves of `rest` stand: each path is one that DuckDB finds the leaf by."""

from __future__ import annotations

from typing import Any

import duckdb
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sawlog.store.embedded.paths import dotted, paths_of

KEYS = st.one_of(st.text(min_size=1, max_size=5), st.sampled_from(["a", "a.b", 'q"', "\\", "*", "$", "[0]", "]", "é"]))


def test_names() -> None:
    rest = b'{"http":{"status":200},"items":[{"sku":"a"},{"sku":["b",null]}],"a.b":1,"none":null,"empty":[],"":1}'
    found = paths_of([rest.decode(), None])
    assert found == {'$."http"."status"', '$."items"[*]."sku"', '$."items"[*]."sku"[*]', '$."a.b"'}
    assert sorted(map(dotted, found)) == ["a.b", "http.status", "items.sku", "items.sku"]
    assert paths_of([f'{{"k{n}":1}}' for n in range(5)], most=4) is None


@given(st.dictionaries(KEYS, st.one_of(st.text(), st.integers(0, 9), st.dictionaries(KEYS, st.booleans()))))
def test_duckdb_finds_each_leaf_by_its_path(document: dict[str, Any]) -> None:
    text = msgspec.json.encode(document).decode()
    found = paths_of([text])
    assert found is not None
    for path in found:
        [(value,)] = duckdb.execute("SELECT json_extract(?::VARCHAR, ?)", [text, path]).fetchall()
        assert value is not None
    leaves = [dotted(path) for path in found]
    expected = []
    for key, value in document.items():
        expected += [f"{key}.{below}" for below in value] if isinstance(value, dict) else [key]
    assert sorted(leaves) == sorted(expected)
