"""What the inputs that listen share: where they listen, and what a proxy says of their peers.

An input without `host` listens where Logstash's would, on all addresses, so that a pipeline that comes from there
serves the same machines; ``--listen`` of ``sawlog ingest`` sets another address for all of them. Every host that can
reach the port can write events: an input that asks nobody for credentials says so at start.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from typing import Any, Final

from ingest.options import Kind, Option, Options
from sawlog.loopback import is_loopback
from sawlog.paths import LISTEN_VARIABLE
from sawlog.wire.listening import Address

log = logging.getLogger(__name__)

HOST: Final = Option(
    Kind.STRING,
    "The address to listen on; all unless given, or what --listen says.",
    "0.0.0.0",  # noqa: S104 - Logstash's
)
PROXY_SECONDS: Final = 10.0


def port_of(options: Options, name: str = "port") -> int:
    """Read a port; 0 takes a free one.

    Raises:
        ConfigError: it is none.
    """
    port = options[name]
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise options.error(f"'{name}' is a number from 0 to 65535, and got {port!r}", name)
    return port


def whole(options: Options, name: str, least: int, most: int) -> int:
    """Read a whole number.

    Raises:
        ConfigError: it is none, or not between the two.
    """
    value: Any = options[name]
    if not isinstance(value, int) or not least <= value <= most:
        raise options.error(f"'{name}' is a whole number from {least} to {most}, and got {value!r}", name)
    return value


def host_of(options: Options) -> str:
    """Read `HOST`; where the file does not give it, ``--listen`` does."""
    host: str = options["host"]
    return host if options.given("host") else os.environ.get(LISTEN_VARIABLE) or host


def warn_if_open(name: str, host: str, port: int, *, asks: bool, how: str) -> None:
    """Say once, at start, that an input is open to the network; `how` is what would close it."""
    if not asks and not is_loopback(host):
        log.warning(
            "the %s input listens on %s:%d without asking for credentials: whoever reaches the port can write"
            " events; what closes it: %s, a host of its own, or --listen 127.0.0.1", name, host, port, how,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proxied:
    """What a proxy says of the connection that it passes on."""

    client: Address
    proxy: Address


async def read_proxy_header(reader: asyncio.StreamReader) -> Proxied | None:
    """Read the line of the PROXY protocol, version 1 (HAProxy); None when the proxy does not know the client.

    Raises:
        OSError: the connection does not begin with such a line.
    """
    try:
        async with asyncio.timeout(PROXY_SECONDS):
            line = bytearray()
            # The longest line has 107 bytes; what is beyond it is not ours to take.
            while not line.endswith(b"\r\n") and len(line) < 107:
                line += await reader.readexactly(1)
    except (asyncio.IncompleteReadError, TimeoutError):
        raise OSError("no line of the PROXY protocol came") from None
    words = line.decode("latin-1").split()
    if words[:2] == ["PROXY", "UNKNOWN"]:
        return None
    if len(words) != 6 or words[0] != "PROXY" or not (words[4] + words[5]).isdecimal():
        raise OSError("the connection does not begin with a line of the PROXY protocol, version 1")
    return Proxied((words[2], int(words[4])), (words[3], int(words[5])))
