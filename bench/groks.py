"""The grok filter beside pygrok with the same expression on the same lines: CPU time of a line in this process.

The filter makes fields in an event out of what it captures; pygrok returns its flat dictionary.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from time import process_time

from pygrok import Grok as Pygrok

from bench.figures import Row, Services, Size
from ingest.filter.base import COMMON_OPTIONS
from ingest.filter.grok import Grok
from ingest.options import Block, Setting, resolve
from sawlog.errors import Position

LINES = 4_000
GROUP = "Grok beside pygrok"
BOOT2 = (
    r"^%{TIMESTAMP_ISO8601:timestamp}\s+%{LOGLEVEL:level}\s+(?:\[%{DATA:ids}\]\s+)?%{POSINT:pid:int} --- "
    r"\[\s*%{DATA:thread}\] %{NOTSPACE:logger}\s*: %{GREEDYDATA:text}"
)
FIRST = (
    r"\A%{TIMESTAMP_ISO8601}%{SPACE}%{LOGLEVEL}%{SPACE}%{INT}%{SPACE}%{SYSLOGPROG}%{SPACE}%{SYSLOG5424SD}%{SPACE}"
    r"%{JAVACLASS:service}%{SPACE}%{NOTSPACE}%{SPACE}%{JAVALOGMESSAGE:java_message}"
)
SECOND = (
    r"\A%{TIMESTAMP_ISO8601}%{SPACE}%{SYSLOG5424SD}%{CRON_ACTION}%{JAVACLASS:servico}%{CRON_ACTION}%{SYSLOG5424SD}"
    r"%{SPACE}%{JAVALOGMESSAGE:java_message}"
)


def spring(number: int) -> str:
    return (
        f"2017-07-04 11:11:{number % 60:02}.{number % 1000:03}  INFO [billing,5b7d3a91c2e84f60,77aa01bc23de45f6] 60820"
        f" --- [nio-8080-exec-{number % 9}] c.e.billing.InvoiceController         : invoice {number} was paid in 12 ms"
    )


def bare(number: int) -> str:
    return (
        f"2017-07-04 11:11:{number % 60:02}.{number % 1000:03}  INFO 60820 --- [  restartedMain]"
        f" com.example.billing.BillingApplication   : invoice {number} was paid in 12 ms"
    )


def access(number: int) -> str:
    return (
        f"192.0.2.{number % 255} - bob [10/Oct/2023:13:55:{number % 60:02} +0000]"
        f' "GET /invoices/{number}?a=b HTTP/1.1" 200 {number} "https://example.org/start"'
        ' "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0"'
    )


CASES: list[tuple[str, list[str], list[str], Callable[[int], str]]] = [
    ("SPRINGBOOT2", ["%{SPRINGBOOT2}"], [BOOT2], spring),
    ("the same expression as pygrok's", [BOOT2], [BOOT2], spring),
    ("COMBINEDAPACHELOG", ["%{COMBINEDAPACHELOG}"], ["%{COMBINEDAPACHELOG}"], access),
    ("two groks, one after the other", [FIRST, SECOND], [FIRST, SECOND], bare),
]


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Give the CPU time of a line for the filter and for pygrok, which take turns."""
    count = min(size.lines, LINES)
    for name, ours, theirs, line in CASES:
        lines = [line(number) for number in range(count)]
        runs = _filters(ours, lines), _pygroks(theirs, lines)
        for run in runs:
            run()
        rounds = [[_timed(run) / count * 1e6 for run in runs] for _ in range(size.rounds)]
        mine, pygrok = (Row(GROUP, "", values, "µs") for values in zip(*rounds, strict=True))
        yield Row(GROUP, f"sawlog, {name}", mine.values, "µs", f"{pygrok.median / mine.median:.1f} × pygrok")
        yield Row(GROUP, f"pygrok, {name}", pygrok.values, "µs")


def _filters(expressions: list[str], lines: list[str]) -> Callable[[], None]:
    at = Position("bench", 1)
    groks = []
    for expression in expressions:
        settings = [Setting("match", {"message": expression}, at), Setting("overwrite", ["message"], at)]
        groks.append(Grok(resolve("grok", {**COMMON_OPTIONS, **Grok.options}, Block("grok", settings, at))))

    def run() -> None:
        events = [{"message": line} for line in lines]
        for grok in groks:
            events = grok.apply(events)

    return run


def _pygroks(expressions: list[str], lines: list[str]) -> Callable[[], None]:
    groks = [Pygrok(expression) for expression in expressions]

    def run() -> None:
        for grok in groks:
            for line in lines:
                grok.match(line)

    return run


def _timed(run: Callable[[], None]) -> float:
    gc.collect()
    start = process_time()
    run()
    return process_time() - start
