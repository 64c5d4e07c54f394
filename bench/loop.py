"""The least that a program in Python can do with a file of Spring Boot's lines: read, cut, match six fields, send.

python bench/loop.py FILE PORT

No offsets are kept, no answer is looked at, nothing is sent again, and a line that does not match is left out: it is
the measure of what sawlog costs beyond that.
"""

from __future__ import annotations

import http.client
import re
import sys
from typing import Any

import msgspec

LINE = re.compile(
    r"(\S+ \S+|\S+) +([A-Z]+) (\d+) --- (?:\[[^\]]*\] )?\[ *([^\]]*)\] (?:\[[^\]]*\] )?(\S+) +: (.*)"
).match
ACTION = msgspec.Raw(b'{"create":{}}')
NAMES = ("@timestamp", "level", "pid", "thread", "logger", "message")


def main(path: str, port: int) -> None:
    """Send each line of the file as a document."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    encoder = msgspec.json.Encoder()
    rest = b""
    with open(path, "rb") as file:  # noqa: PTH123 - the least
        while block := file.read(1 << 20):
            block = rest + block
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            lines: list[Any] = []
            for line in block[:end].decode().split("\n"):
                found = LINE(line)
                if found is not None:
                    lines += (ACTION, dict(zip(NAMES, found.groups(), strict=True)))
            connection.request("POST", "/_bulk", encoder.encode_lines(lines), {"Content-Type": "application/x-ndjson"})
            connection.getresponse().read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
