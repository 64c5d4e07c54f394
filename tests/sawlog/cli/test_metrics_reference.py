"""docs/reference/metrics.md is what the code has, and what is scraped is on it."""

from __future__ import annotations

from pathlib import Path

from sawlog.cli import metrics_reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


def test_the_page_is_that_of_the_code() -> None:
    told = "run: python -m sawlog.cli.metrics_reference > docs/reference/metrics.md"
    assert PAGE.read_text() == metrics_reference.page(), told


def test_each_name_means_one_thing() -> None:
    names = [name for measures in metrics_reference.ALL.values() for one in measures for name in one.series]
    assert len(names) == len(set(names))
