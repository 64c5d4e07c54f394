"""The page of figures: what a benchmark says replaces what stands there between its two markers."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import vl_convert


def machine() -> str:
    """Describe what was measured on, without names of hosts, and how busy it was."""
    text = Path("/proc/cpuinfo").read_text("utf-8")
    model = next((line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line), "unknown")
    load = f"load {os.getloadavg()[1]:.1f}"
    return f"{os.cpu_count()} cores ({model}, {load}), Python {platform.python_version()}, sawlog {version('sawlog')}"


def write(page: Path, name: str, said: Sequence[str]) -> None:
    """Replace what stands between the markers of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{page} has no markers {begin} and {end}")
    page.write_text("\n".join([f"{before}{begin}", "", *said, "", f"{end}{after}"]), "utf-8")


def chart(picture: Path, title: str, rates: Mapping[str, float]) -> None:
    """Draw a bar for each rate, in the order given, as SVG."""
    order = list(rates)
    bars = {"y": {"field": "road", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 400}}}
    color = {"condition": {"test": "indexof(datum.road, 'sawlog') == 0", "value": "#2f6fb2"}, "value": "#9aa4ad"}
    specification = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "width": 480,
        "data": {"values": [{"road": road, "rate": round(rate)} for road, rate in rates.items()]},
        "mark": "bar",
        "encoding": {**bars, "x": {"field": "rate", "type": "quantitative", "title": title}, "color": color},
    }
    picture.write_text(vl_convert.vegalite_to_svg(specification), "utf-8")
