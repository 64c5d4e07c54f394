"""`sawlog ingest` as a process, for tests."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec

ROOT = Path(__file__).parents[1]
SAWLOG = str(Path(sys.executable).with_name("sawlog"))
SECONDS = 60.0


class Ingest:
    """One run of `sawlog ingest`; its messages are in `log`."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.log = folder / "ingest.log"
        command = [SAWLOG, "ingest", "--data", str(folder / "data"), *map(str, arguments)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def messages(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def until(self, text: str, count: int = 1) -> None:
        """Wait until the log has the text so many times."""

        def told() -> bool:
            assert self.process.poll() is None, self.messages
            return self.messages.count(text) >= count

        until(told, lambda: f"{text!r} was not logged:\n{self.messages}")

    def stop(self) -> str:
        """End it as its operator would; return its messages."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        messages = self.messages
        assert "Traceback" not in messages, messages
        return messages


@contextlib.contextmanager
def ingesting(folder: Path, *arguments: object) -> Iterator[Ingest]:
    """Run `sawlog ingest` for the length of a block."""
    ingest = Ingest(folder, *arguments)
    try:
        yield ingest
    finally:
        ingest.stop()


def until(
    condition: Callable[[], bool], why: Callable[[], str] = lambda: "it did not come", seconds: float = SECONDS
) -> None:
    """Wait for a condition; fail with `why` after a while."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, why()
        time.sleep(0.05)


def example(name: str, folder: Path, **changes: str) -> Path:
    """Copy an example's pipeline with some texts replaced, each of which must be there."""
    text = (ROOT / "examples" / name / "pipeline.conf").read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{old} is not in the example"
        text = text.replace(old, new)
    (copy := folder / "pipeline.conf").write_text(text, "utf-8")
    return copy


def documents(url: str, index: str) -> list[dict[str, Any]]:
    """Return the documents of an index in Elasticsearch, in the order of their time."""
    body = msgspec.json.encode({"size": 10_000, "sort": [{"@timestamp": {"order": "asc", "unmapped_type": "date"}}]})
    request = Request(
        f"{url}/{index}/_search?ignore_unavailable=true&allow_no_indices=true",
        body,
        {"content-type": "application/json"},
    )
    ask(Request(f"{url}/{index}/_refresh?ignore_unavailable=true", b""))
    found = msgspec.json.decode(ask(request))
    return [hit["_source"] for hit in found["hits"]["hits"]]


def count_in(url: str, index: str) -> int:
    """Return how many documents an index has."""
    ask(Request(f"{url}/{index}/_refresh?ignore_unavailable=true", b""))
    found = msgspec.json.decode(ask(Request(f"{url}/{index}/_count?ignore_unavailable=true")))
    return int(found["count"])


def documents_in(url: str, index: str) -> Iterator[dict[str, Any]]:
    """Yield all documents of an index, however many."""
    headers = {"content-type": "application/json"}
    body = msgspec.json.encode({"size": 10_000, "sort": ["_doc"]})
    found = msgspec.json.decode(ask(Request(f"{url}/{index}/_search?scroll=1m", body, headers)))
    while found["hits"]["hits"]:
        yield from (hit["_source"] for hit in found["hits"]["hits"])
        body = msgspec.json.encode({"scroll": "1m", "scroll_id": found["_scroll_id"]})
        found = msgspec.json.decode(ask(Request(f"{url}/_search/scroll", body, headers)))


def ask(request: Request, tls: ssl.SSLContext | None = None) -> bytes:
    """Return what Elasticsearch answers; while it says 503, as long as a new index has no shard yet, ask again."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            with urlopen(request, context=tls) as answer:
                body: bytes = answer.read()
                return body
        except HTTPError as error:
            if error.code != 503 or time.monotonic() > end:
                raise
            time.sleep(0.1)


def text_of(url: str, path: str) -> str:
    """Return what a question to Elasticsearch is answered."""
    return ask(Request(url + path)).decode()


def remove_index(url: str, index: str) -> None:
    """Remove an index that an earlier test may have left."""
    with urlopen(Request(f"{url}/{index}?ignore_unavailable=true", method="DELETE")) as answer:
        answer.read()
