"""From a file to a server that keeps nothing: what an event costs on sawlog's roads and with other tools.

All read the same generated lines, on one core, one after the other, in several rounds. Time is what all processes of a
tool took of the CPU (user and system); what a short file takes is subtracted, so that the start does not count. The
server's time is nobody's, nor is the broker's. Each tool must have sent every line, once.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import tools
from bench.figures import SHORT, Row, Services, Size, failed
from bench.lines import shorten, write_lines
from bench.running import Spent, UnsentError, null_server, send
from bench.tools import Tool

ROWS: tuple[tuple[str, str, Tool], ...] = (
    ("rsyslog, six fields", "boot2", tools.rsyslog),
    ("rsyslog, six fields, 256 together", "boot2", tools.rsyslog_default_batch),
    ("rsyslog, six fields by expressions", "boot2", tools.rsyslog_expressions),
    ("syslog-ng, six fields", "boot2", tools.syslog_ng),
    ("a bare loop in Python, six fields", "boot2", tools.loop),
    ("sawlog up", "boot2", tools.up),
    ("sawlog up, trace ids", "boot3", tools.up),
    ("sawlog up, two groks", "boot2", tools.up_two_groks),
    ("sawlog ship → beats → ingest", "boot2", tools.ship_beats_ingest),
    ("sawlog ship → mqtt → ingest", "boot2", tools.ship_mqtt_ingest),
    ("sawlog up, embedded index", "boot2", tools.embedded),
)
REFERENCE = ROWS[0][0]
GROUP = "Roads, one core: file → a server that counts and answers"
MEMORY = "Resident memory at most, all processes"


def measure(size: Size, services: Services, only: tuple[str, ...] = ("",)) -> Iterator[Row]:
    """Give the CPU time of an event and the memory of each road; `only`: by the beginnings of their titles."""
    rows = [row for row in ROWS if row[0].startswith(only)]
    spent: dict[str, list[tuple[Spent, Spent]]] = {title: [] for title, _, _ in rows}
    problems = {title: why for title, _, tool in rows if (why := tools.missing(tool))}
    few = max(1, size.lines // SHORT)
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name, null_server() as port:
        files = {
            form: write_lines(Path(name) / f"{form}.log", size.lines, form) for form in sorted({row[1] for row in rows})
        }
        shorts = {form: shorten(file, few) for form, file in files.items()}
        for _ in range(size.rounds):
            for title, form, tool in rows:
                if title in problems:
                    continue
                counted = tool is not tools.embedded
                try:
                    short = send(tool, shorts[form], few, port, counted=counted)
                    spent[title].append((short, send(tool, files[form], size.lines, port, counted=counted)))
                except UnsentError as error:
                    problems[title] = failed(GROUP, title, error).beside
    yield from _times(spent, problems, size.lines - few)
    for title, several in spent.items():
        if several and title not in problems:
            yield Row(MEMORY, title, [whole.memory / 1e6 for _, whole in several], "MB")


def _times(spent: dict[str, list[tuple[Spent, Spent]]], problems: dict[str, str], lines: int) -> Iterator[Row]:
    reference = None
    for title, several in spent.items():
        if title in problems:
            yield Row(GROUP, title, (), beside=problems[title])
            continue
        start = statistics.median(short.processor for short, _ in several)
        each = [(whole.processor - start) / lines * 1e6 for _, whole in several]
        row = Row(GROUP, title, each, "µs")
        if not row.is_known:
            yield row
            continue
        reference = row.median if title == REFERENCE else reference
        words = [f"{1e6 / row.median:,.0f} a CPU second"]
        words += [f"{reference / row.median:.2f} × rsyslog"] if reference else []
        if any(whole.beside for _, whole in several):
            broker = sum(whole.beside - short.beside for short, whole in several) / len(several) / lines * 1e6
            words.append(f"the broker {broker:.2f} µs beside")
        yield Row(GROUP, title, each, "µs", ", ".join(words))
