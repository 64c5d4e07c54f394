"""The page of figures: one table and its pictures replace what stands there between the markers."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

import vl_convert

from bench import tools
from bench.figures import NOISE, Row

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
PICTURES = Path("images") / "performance"


def machine() -> str:
    """Describe what was measured on, without names of hosts, and how busy it was."""
    text = Path("/proc/cpuinfo").read_text("utf-8")
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line), "unknown")
    peers = [("rsyslog", tools.rsyslog), ("syslog-ng", tools.syslog_ng)]
    there = [f", {name} {tools.version_of(tool)}" for name, tool in peers if not tools.missing(tool)]
    load = f"load {os.getloadavg()[1]:.1f}"
    return (
        f"{os.cpu_count()} cores ({model}, {load}), Python {platform.python_version()}, sawlog {version('sawlog')}"
        + "".join(there)
    )


def table(rows: Sequence[Row]) -> list[str]:
    """Return the table as Markdown: a line for each row, one above each group."""
    out = ["| | median | lowest to highest | |", "|---|--:|--:|---|"]
    for group, several in _grouped(rows):
        out.append(f"| **{group}** | | | |")
        out += [_line(row) for row in several]
    return out


def write(page: Path, said: Sequence[str], rows: Sequence[Row]) -> None:
    """Replace what stands between the markers by this text, the table of the rows, and a picture of each group."""
    before, found, rest = page.read_text("utf-8").partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise SystemExit(f"{page} has no markers {BEGIN} and {END}")
    folder = page.parent / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    pictures = []
    for group, several in _grouped(rows):
        if len(there := [row for row in several if row.is_known]) > 1:
            name = re.sub(r"[\W\d_]+", "-", group.lower()).strip("-")
            chart(folder / f"{name}.svg", there)
            pictures.append(f"![{group}]({PICTURES}/{name}.svg)")
    text = [*said, "", *table(rows), "", *_between(pictures)]
    page.write_text("\n".join([f"{before}{BEGIN}", "", *text, f"{END}{after}"]), "utf-8")


def chart(picture: Path, rows: Sequence[Row]) -> None:
    """Draw a bar for each row, in the order given, with the lowest and the highest round, as SVG."""
    order = [row.what for row in rows]
    values = [
        {"what": row.what, "median": row.median, "lowest": min(row.values), "highest": max(row.values)} for row in rows
    ]
    y = {"field": "what", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 400}}
    color = {"condition": {"test": "indexof(datum.what, 'sawlog') == 0", "value": "#2f6fb2"}, "value": "#9aa4ad"}
    title = {"title": rows[0].unit, "type": "quantitative"}
    specification = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "title": {"text": rows[0].group, "anchor": "start"},
        "width": 480,
        "data": {"values": values},
        "encoding": {"y": y},
        "layer": [
            {"mark": "bar", "encoding": {"x": {"field": "median", **title}, "color": color}},
            {"mark": "rule", "encoding": {"x": {"field": "lowest", **title}, "x2": {"field": "highest"}}},
        ],
    }
    picture.write_text(vl_convert.vegalite_to_svg(specification), "utf-8")


def _line(row: Row) -> str:
    if not row.is_known:
        return f"| {row.what} | – | | {NOISE if row.values else row.beside} |"
    spread = f"{_number(min(row.values))} to {_number(max(row.values))}" if len(row.values) > 1 else ""
    return f"| {row.what} | {_number(row.median)} {row.unit} | {spread} | {row.beside} |"


def _number(value: float) -> str:
    return f"{value:,.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


def _grouped(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    return [(group, list(several)) for group, several in groupby(rows, key=lambda row: row.group)]


def _between(pictures: list[str]) -> list[str]:
    return [text for picture in pictures for text in (picture, "")]
