"""The table of docs/how-to/size.md, made of docs/performance.md: ``python -m bench.size``.

Who sizes machines needs few of the figures, and in other units. They are worked out here, so that they are those of the
last `make bench`, which runs this, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BEGIN, END = "<!-- size: begin -->", "<!-- size: end -->"
ROOT: Final = Path(__file__).parents[1]
PERFORMANCE: Final = ROOT / "docs" / "performance.md"
STORES: Final = ROOT / "docs" / "design" / "stores.md"
SIZE: Final = ROOT / "docs" / "how-to" / "size.md"
_ROADS: Final = "Roads, one core: file → a server that counts and answers"
_MEMORY: Final = "Resident memory at most, all processes"
_NODE: Final = "Into Elasticsearch, wall time"
_SECONDS_A_DAY: Final = 86_400


def figures(page: str) -> dict[str, dict[str, str]]:
    """Return what a page of figures has: the median of each row, by group and row."""
    groups: dict[str, dict[str, str]] = {}
    rows: dict[str, str] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("| ") else []
        if cells and (group := re.fullmatch(r"\*\*(.+)\*\*", cells[0])):
            rows = groups.setdefault(group[1], {})
        elif len(cells) > 1:
            rows[cells[0]] = cells[1]
    return groups


def table(performance: str, stores: str) -> str:
    """Return the table as Markdown."""
    found = figures(performance)
    rows = ["| | events a second of one core | resident memory at most | |", "|---|--:|--:|---|"]
    for what, name, words in (
        ("`sawlog up` into its own index", "sawlog up, embedded index", "tail, parse, index"),
        ("`sawlog up` → Elasticsearch", "sawlog up", "its part; see below for Elasticsearch's"),
        ("the same, two groks", "sawlog up, two groks", "a pipeline of your own"),
        ("`sawlog ship` → beats → `sawlog ingest`", "sawlog ship → beats → ingest", "both together"),
        ("`sawlog ship` → MQTT → `sawlog ingest`", "sawlog ship → mqtt → ingest", "both together"),
    ):
        cost, memory = found[_ROADS][name], found[_MEMORY][name]
        rows.append(f"| {what} | {_rate(cost)} | {memory} | {words} |")
    return "\n".join([*rows, "", *_words(found, stores), ""])


def _words(found: dict[str, dict[str, str]], stores: str) -> Iterator[str]:
    disk = re.search(
        r"lines of Spring Boot \((\d+) bytes each\)(?:(?!\(\d+ bytes).)*?\s([\d.]+) bytes an event", stores, re.DOTALL
    )
    assert disk is not None, "docs/design/stores.md does not say what an event takes"
    line, event = int(disk[1]), float(disk[2])
    core = 1e6 / _number(found[_ROADS]["sawlog up, embedded index"])
    yield f"- **Disk of the embedded index**: {event:g} bytes an event of a line of {line} bytes"
    yield f"  ({line / event:.0f} bytes of log to one). A billion events are {event:.0f} GB."
    yield f"- **A day at full speed**: one core takes in {core * _SECONDS_A_DAY / 1e9:.1f} billion events,"
    day = core * _SECONDS_A_DAY
    yield f"  {day * line / 1e12:.1f} TB of such lines, which become {day * event / 1e9:.0f} GB."
    yield f"- **Elasticsearch** of one node on the same two cores took {found[_NODE]['sawlog up']}, whoever sends:"
    yield "  it is the bottleneck."


def _rate(cost: str) -> str:
    """Return how many events a second a cost of so many microseconds is, to two figures."""
    rate = 1e6 / _number(cost)
    digits = len(str(int(rate))) - 2
    return f"{round(rate, -digits):,.0f}"


def _number(text: str) -> float:
    return float(text.split(maxsplit=1)[0].replace(",", ""))


def write(page: Path = SIZE) -> None:
    """Replace what stands between the page's markers."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    made = table(PERFORMANCE.read_text("utf-8"), STORES.read_text("utf-8"))
    page.write_text(f"{before}{BEGIN}\n\n{made}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    write()
