from __future__ import annotations

from pathlib import Path

from shipper.config.reference import page


def test_the_page_is_that_of_the_tables() -> None:
    written = Path(__file__).parents[3] / "docs/reference/filebeat-compatibility.md"
    assert written.read_text() == page()
