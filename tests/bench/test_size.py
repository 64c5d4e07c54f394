"""docs/how-to/size.md has the figures of docs/performance.md."""

from __future__ import annotations

import pytest

from bench import size


def test_the_page_has_the_figures_of_the_last_run() -> None:
    _, begun, rest = size.SIZE.read_text().partition(size.BEGIN)
    text, ended, _ = rest.partition(size.END)
    made = size.table(size.PERFORMANCE.read_text(), size.STORES.read_text())
    assert begun
    assert ended
    assert text.strip() == made.strip(), "made by: python -m bench.size"


def test_figures_are_read_and_worked_out() -> None:
    roads, memory, node = (f"| **{one}** | | | |" for one in (size._ROADS, size._MEMORY, size._NODE))
    names = ("sawlog up, embedded index", "sawlog up", "sawlog up, two groks", "sawlog ship → beats → ingest")
    names += ("sawlog ship → mqtt → ingest",)
    page = "\n".join([
        roads, *(f"| {one} | 4.00 µs | 1 to 2 | |" for one in names),
        memory, *(f"| {one} | 100 MB | 1 to 2 | |" for one in names),
        node, "| sawlog up | 29,937 a second | | |",
    ])  # fmt: skip
    made = size.table(page, "lines of Spring Boot (160 bytes each), and\n16.0 bytes an event on disk")
    assert "| `sawlog up` into its own index | 250,000 | 100 MB | tail, parse, index |" in made
    assert "16 bytes an event of a line of 160 bytes\n  (10 bytes of log to one)" in made
    assert "21.6 billion events,\n  3.5 TB of such lines, which become 346 GB" in made
    assert "29,937 a second" in made


def test_a_page_without_the_figure_is_said() -> None:
    with pytest.raises(KeyError):
        size.table("| **Roads** | | | |", "")
