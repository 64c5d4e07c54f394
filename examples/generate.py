#!/usr/bin/env python3
"""Write logs of three small services, orders, payments, inventory, as Spring Boot 2 and 3 write them.

Either a given number of lines into one file, or lines at a given rate into one file for each service, until
stopped. Needs nothing but Python 3.11.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from types import FrameType

BLOCK = 5_000
"""Lines written at once."""

LEVELS = ("INFO", "DEBUG", "WARN", "ERROR", "TRACE")
LEVEL_WEIGHTS = (78, 12, 6, 3, 1)


@dataclass(frozen=True)
class Service:
    """What one service logs: its port, and by level pairs of logger and message with places for numbers."""

    name: str
    pid: int
    port: int
    messages: dict[str, list[tuple[str, str]]]
    exceptions: list[tuple[str, str, str]]


COMMON = {
    "TRACE": [("o.s.t.i.TransactionInterceptor", "Completing transaction for [{service}.Service.handle-{a}]")],
    "DEBUG": [
        ("o.s.web.servlet.DispatcherServlet", 'GET "/api/v1/{service}/{a}?page={c}", parameters={{masked}}'),
        ("o.s.web.servlet.DispatcherServlet", "Completed 200 OK"),
        ("org.hibernate.SQL", "select e.id, e.version, e.state from {service} e where e.id=? /* {a} */"),
    ],
    "INFO": [
        ("o.a.c.c.C.[Tomcat].[localhost].[/]", "Initializing Spring DispatcherServlet 'dispatcherServlet'"),
        ("com.zaxxer.hikari.pool.HikariPool", "HikariPool-1 - Pool stats (total={c}, active={d}, idle={d})"),
    ],
    "WARN": [
        ("com.zaxxer.hikari.pool.PoolBase", "HikariPool-1 - Connection org.postgresql.jdbc.PgConnection@{a} is stale"),
        ("o.s.w.s.m.s.DefaultHandlerExceptionResolver", "Request method 'PUT' is not supported for item {a}"),
    ],
    "ERROR": [
        ("o.a.c.c.C.[.[.[/].[dispatcherServlet]", "Servlet.service() for [dispatcherServlet] threw, request {a}"),
    ],
}

SERVICES = [
    Service(
        "orders",
        4711,
        8080,
        {
            "INFO": [
                ("c.a.orders.web.OrderController", "Order {a} accepted for customer {b}, {c} items, total {b}.{d} EUR"),
                ("c.a.orders.domain.OrderService", "Order {a} moved from CREATED to PAID after {c} ms"),
                ("c.a.orders.messaging.OrderPublisher", "Published OrderPlaced for order {a} to partition {d}"),
                ("c.a.orders.client.PaymentClient", "POST http://payments:8081/api/v1/payments -> 201 in {c} ms"),
            ],
            "WARN": [("c.a.orders.client.PaymentClient", "Slow answer of payments: {b} ms for order {a}")],
            "ERROR": [("c.a.orders.domain.OrderService", "Order {a} could not be placed, giving up after {d} tries")],
        },
        [
            ("java.lang.IllegalStateException", "Order {a} is already paid", "com.acme.orders.domain.Order"),
            ("org.springframework.dao.DataIntegrityViolationException", "could not execute statement {a}", "java.sql"),
        ],
    ),
    Service(
        "payments",
        5822,
        8081,
        {
            "INFO": [
                ("c.a.payments.web.PaymentController", "Payment {a} authorised: {b}.{d} EUR, order {b}, took {c} ms"),
                ("c.a.payments.gateway.CardGateway", "Card gateway answered APPROVED for payment {a} in {c} ms"),
                ("c.a.p.ledger.LedgerService", "Booked {b}.{d} EUR on account {a}, balance checked : OK"),
            ],
            "WARN": [("c.a.payments.gateway.CardGateway", "Card gateway answered DECLINED for payment {a}, code {d}")],
            "ERROR": [("c.a.payments.gateway.CardGateway", "Card gateway unreachable for payment {a}")],
        },
        [
            ("java.net.SocketTimeoutException", "Read timed out after {b} ms", "com.acme.payments.gateway.CardGateway"),
            ("com.acme.payments.PaymentException", "Payment {a} failed: gateway", "com.acme.payments.web"),
        ],
    ),
    Service(
        "inventory",
        6933,
        8082,
        {
            "INFO": [
                ("c.a.inventory.stock.StockService", "Reserved {c} of article {a} in warehouse {d}, {b} left"),
                ("c.a.inventory.stock.StockService", "Released {c} of article {a} after the order was cancelled"),
                ("c.a.i.replenish.ReplenishmentJob", "Replenishment run {a} finished: {b} articles in {c} ms"),
            ],
            "WARN": [("c.a.inventory.stock.StockService", "Low stock: article {a} has {c} left, threshold {b}")],
            "ERROR": [("c.a.inventory.stock.StockService", "Reservation {a} failed: version conflict on article {b}")],
        },
        [
            ("java.lang.NullPointerException", 'Cannot invoke "Article.id()" for {a}', "com.acme.inventory.stock"),
            ("org.hibernate.StaleObjectStateException", "Row {a} was changed by another one", "org.hibernate"),
        ],
    ),
]


class Generator:
    """Makes log lines; equal seeds make equal lines."""

    def __init__(self, form: str, traces: bool, seed: int, start: datetime) -> None:
        self.form = form
        self.traces = traces
        self.time = start
        self._random = random.Random(seed)
        self._second = ""
        self._seconds = -1

    def event(self, service: Service, gap: float) -> list[str]:
        """Return the lines of the next event, `gap` seconds on average after the one before."""
        rng = self._random
        self.time += timedelta(microseconds=int(rng.random() * gap * 2_000_000))
        level = rng.choices(LEVELS, LEVEL_WEIGHTS)[0]
        logger, message = rng.choice(service.messages.get(level, []) * 4 + COMMON[level])
        head = self._head(service, level, logger)
        lines = [head + self._fill(message, service)]
        if self.traces and level == "ERROR" and rng.random() < 0.5:
            lines += self._trace(service)
        return lines

    def _head(self, service: Service, level: str, logger: str) -> str:
        rng = self._random
        chance = rng.random()
        if chance < 0.8:
            thread = f"nio-{service.port}-exec-{int(chance * 60) + 1}"
        elif chance < 0.95:
            thread = f"scheduling-{int(chance * 100) % 4 + 1}"
        else:
            thread = "main"
        millis = self.time.microsecond // 1000
        # Names that are too long are cut in front.
        thread, logger = thread[-15:], logger[-40:]
        if not self._is_boot3(service):
            return f"{self._clock(' ')}.{millis:03} {level:>5} {service.pid} --- [{thread:>15}] {logger:40} : "
        ids = ""
        if service.name == "orders":  # With tracing: without ids, their place is blank.
            ids = f" [{rng.getrandbits(128):032x}-{rng.getrandbits(64):016x}]" if chance < 0.95 else f" [{'':49}]"
        return (
            f"{self._clock('T')}.{millis:03}Z {level:>5} {service.pid} --- [{service.name}] [{thread:>15}]{ids} "
            f"{logger:40} : "
        )

    def _clock(self, between: str) -> str:
        time = self.time
        seconds = (time.minute * 60 + time.second) * 24 + time.hour
        if seconds != self._seconds:
            self._seconds = seconds
            self._second = f"{time:%Y-%m-%d %H:%M:%S}"
        return self._second if between == " " else self._second.replace(" ", between)

    def _fill(self, message: str, service: Service) -> str:
        number = self._random.getrandbits(40)
        return message.format(
            service=service.name, a=number % 9_999_991, b=number % 9_973, c=number % 499, d=number % 97
        )

    def _trace(self, service: Service) -> list[str]:
        """Spring Boot prints a blank line before a trace and one after it."""
        rng = self._random
        kind, message, package = rng.choice(service.exceptions)
        lines = ["", f"{kind}: {self._fill(message, service)}", *self._frames(service, package, rng.randint(4, 14))]
        if rng.random() < 0.5:
            cause = rng.choice(["java.sql.SQLException: connection is closed", "java.io.IOException: Broken pipe"])
            lines += [f"Caused by: {cause}", *self._frames(service, package, rng.randint(2, 5))]
            lines.append(f"\t... {rng.randint(8, 60)} common frames omitted")
        return [*lines, ""]

    def _frames(self, service: Service, package: str, count: int) -> list[str]:
        rng = self._random
        # As Logback names what a class came from, in one jar: Spring Boot 3 leaves the folder out.
        ours = "!/:1.4.2" if self._is_boot3(service) else "classes!/:1.4.2"
        owners = [f"{package}.Handler", f"{package}.Repository$Proxy", "java.base/java.lang.reflect.Method"]
        frames = []
        for line in range(count):
            owner = rng.choice(owners)
            jar = "na:na" if owner.startswith("java.") else ours
            frames.append(f"\tat {owner}.call{line}(Handler.java:{rng.randint(20, 400)}) ~[{jar}]")
        return frames

    def _is_boot3(self, service: Service) -> bool:
        return self.form == "boot3" or (self.form == "mixed" and service.name == "orders")


def write_file(generator: Generator, path: Path, lines: int) -> None:
    """Write exactly `lines` lines; the last stack trace is cut where they end."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        block: list[str] = []
        for line in _lines(generator, lines):
            block.append(line)
            if len(block) == BLOCK:
                file.write("\n".join(block) + "\n")
                block.clear()
        if block:
            file.write("\n".join(block) + "\n")


def _lines(generator: Generator, count: int) -> Iterator[str]:
    made = 0
    while made < count:
        service = SERVICES[(made * 7) // 11 % 3]
        for line in generator.event(service, gap=0.004)[: count - made]:
            yield line
            made += 1


def write_directory(
    generator: Generator, folder: Path, rate: float, duration: float | None, services: Sequence[Service] = SERVICES
) -> None:
    """Write about `rate` lines a second into a file for each service until `duration` is over or a signal comes.

    Every tenth second or so one service bursts: five times its share. Lines are flushed whole.
    """
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    folder.mkdir(parents=True, exist_ok=True)
    tick = 0.1
    begin = monotonic()
    owed = dict.fromkeys((service.name for service in services), 0.0)
    with ExitStack() as stack:
        files = {
            service.name: stack.enter_context((folder / f"{service.name}.log").open("a", encoding="utf-8"))
            for service in services
        }
        while not stopped.is_set() and (duration is None or monotonic() - begin < duration):
            second = int(monotonic() - begin)
            for place, service in enumerate(services):
                burst = 5 if second % 10 == 5 and second // 10 % 3 == place else 1
                owed[service.name] += rate / len(services) * tick * burst
                lines: list[str] = []
                while owed[service.name] >= 1:
                    generator.time = datetime.now(UTC)
                    made = generator.event(service, gap=0.0)
                    owed[service.name] -= len(made)
                    lines += made
                if lines:
                    files[service.name].write("\n".join(lines) + "\n")
                    files[service.name].flush()
            stopped.wait(tick)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, metavar="N", help="write exactly N lines into one file (with --output)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the file for --lines; it is replaced")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="write orders.log, payments.log, inventory.log")
    parser.add_argument(
        "--service", choices=[service.name for service in SERVICES], help="of this service alone (with --directory)"
    )
    parser.add_argument("--rate", type=float, default=50.0, metavar="LINES", help="lines a second (default 50)")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="stop after this long (default: never)")
    parser.add_argument("--format", choices=["boot2", "boot3", "mixed"], default="mixed", help="default: mixed")
    parser.add_argument("--no-traces", action="store_true", help="no stack traces: each line is an event")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="equal seeds write equal lines (default 1)")
    parser.add_argument(
        "--start",
        type=datetime.fromisoformat,
        default=datetime(2025, 3, 1, 10),
        metavar="TIME",
        help="time of the first line, in UTC (default 2025-03-01T10:00)",
    )
    given = parser.parse_args(arguments)
    if (given.lines is None) != (given.output is None) or (given.lines is None) == (given.directory is None):
        parser.error("give either --lines with --output, or --directory")
    if given.service and given.directory is None:
        parser.error("--service goes with --directory")
    if given.rate <= 0 or (given.lines is not None and given.lines < 0):
        parser.error("--rate is above 0, --lines not below 0")
    generator = Generator(given.format, not given.no_traces, given.seed, given.start)
    try:
        if given.lines is not None:
            write_file(generator, given.output, given.lines)
        else:
            services = [service for service in SERVICES if given.service in (None, service.name)]
            write_directory(generator, given.directory, given.rate, given.duration, services)
    except OSError as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
