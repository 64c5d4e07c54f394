"""The page of figures: the table, what is missing in it, its pictures, and the text around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.__main__ import SECTIONS, main, measured
from bench.figures import NOISE, MissingServiceError, Row, Services, Size
from bench.page import table, write

ROWS = [
    Row("Roads, one core", "rsyslog", (16.0, 18.0, 17.0), "µs", "1.00 × rsyslog"),
    Row("Roads, one core", "sawlog up", (4.0,), "µs"),
    Row("Roads, one core", "syslog-ng", (), beside="not installed"),
    Row("Roads, one core", "a loop", (-0.1,), "µs", "7 × rsyslog"),
    Row("Start", "sawlog --help", (0.25, 0.75), "s"),
]
PAGE = "# A\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nB\n"


def test_a_row_shows_the_median_and_the_spread_and_what_is_missing() -> None:
    assert table(ROWS)[2:] == [
        "| **Roads, one core** | | | |",
        "| rsyslog | 17.0 µs | 16.0 to 18.0 | 1.00 × rsyslog |",
        "| sawlog up | 4.00 µs |  |  |",
        "| syslog-ng | – | | not installed |",
        f"| a loop | – | | {NOISE} |",
        "| **Start** | | | |",
        "| sawlog --help | 0.50 s | 0.25 to 0.75 |  |",
    ]


def test_what_stands_around_the_markers_stays_and_pictures_are_renewed(tmp_path: Path) -> None:
    (page := tmp_path / "page.md").write_text(PAGE, "utf-8")
    (pictures := tmp_path / "images" / "performance").mkdir(parents=True)
    (pictures / "gone.svg").write_text("old")
    write(page, ["first"], ROWS)
    once = page.read_text("utf-8")
    write(page, ["first"], ROWS)
    assert page.read_text("utf-8") == once
    assert once.startswith("# A\n<!-- bench: begin -->\n\nfirst\n\n| | median |")
    assert once.endswith("\n<!-- bench: end -->\nB\n")
    assert "![Roads, one core](images/performance/roads-one-core.svg)" in once
    # A group of one figure needs no picture.
    assert [path.name for path in pictures.iterdir()] == ["roads-one-core.svg"]
    assert "sawlog up" in (pictures / "roads-one-core.svg").read_text("utf-8")


def test_a_page_without_markers_stays_as_it_is(tmp_path: Path) -> None:
    (page := tmp_path / "page.md").write_text("# A\n", "utf-8")
    with pytest.raises(SystemExit, match="bench: begin"):
        write(page, [], ROWS)
    assert page.read_text("utf-8") == "# A\n"


def test_what_a_section_lacks_or_where_it_fails_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, said in ((MissingServiceError("no Java"), "missing: no Java"), (ValueError("odd"), "failed: odd")):

        def broken(size: Size, services: Services, error: Exception = error) -> None:
            raise error

        monkeypatch.setitem(SECTIONS, "start", broken)
        (row,) = measured("start", Size(10, 1), Services(), ("",))
        assert (row.values, row.beside) == ((), said)


def test_unknown_sections_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["road"])
    assert "no section is called road" in capsys.readouterr().err


def test_each_group_has_a_picture_of_its_own(tmp_path: Path) -> None:
    (page := tmp_path / "page.md").write_text(PAGE, "utf-8")
    rows = [Row(f"Stages: {form}", stage, (1.0,), "µs") for form in ("plain", "with ids") for stage in ("read", "send")]
    write(page, [], rows)
    pictures = sorted((tmp_path / "images" / "performance").iterdir())
    assert [picture.name for picture in pictures] == ["stages-plain.svg", "stages-with-ids.svg"]
    assert all(f"](images/performance/{picture.name})" in page.read_text("utf-8") for picture in pictures)
