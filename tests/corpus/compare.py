"""Compare what `sawlog up` indexes of the corpus with what the applications logged, and list what differs, by kind.

Usage: python -m tests.corpus.compare [--folder FOLDER] [--show N] [NAME...]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.corpus.truth import Capture, Event, actual, read

ARCHIVE = Path(__file__).parent / "captured.tar.xz"
SAWLOG = str(Path(sys.executable).with_name("sawlog"))

Documents = dict[str, dict[int, dict[str, Any]]]
"""Documents by the name of their capture and their offset in it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An event whose document is not as expected: its `kind` says how."""

    capture: str
    event: Event
    kind: str
    document: dict[str, str | None] | None


def compare(captures: Iterable[Capture], documents: Documents) -> tuple[Counter[str], list[Difference]]:
    """Return how many events each capture has that can be decided, and which of them differ."""
    counts: Counter[str] = Counter()
    differences = []
    for capture in captures:
        found = documents.get(capture.name, {})
        for event in capture.events:
            if event.holds_head:
                continue
            counts[capture.name] += 1
            document = found.get(event.start)
            fields = actual(document) if document is not None else None
            if fields is not None and "-clock" in capture.name and "@timestamp" in event.fields:
                # The form prints no date: the time of day is compared.
                fields["@timestamp"] = f"{event.fields['@timestamp']:.11}{(fields['@timestamp'] or '')[11:]}"
            if fields is not None and "-log4j2-template-" in capture.name:
                _as_written(event, fields)
            if kind := _kind(event, fields):
                below = capture.foreign.get(event.end)
                kind += f" (above {below})" if below else ""
                differences.append(Difference(capture.name, event, kind, fields))
    return counts, differences


def _as_written(event: Event, fields: dict[str, str | None]) -> None:
    """Make up for what log4j2's templates leave out: ``$`` in classes' names, causes, and long traces' ends."""
    for name in ("error.type", "error.stack_trace"):
        expected, value = event.fields[name], fields[name]
        if expected and value and expected.replace("$", ".").startswith(value.rstrip("…").replace("$", ".")):
            fields[name] = expected


def _kind(event: Event, fields: dict[str, str | None] | None) -> str:
    """Return how a document differs; empty if it does not."""
    if fields is None:
        return "no document begins here"
    names = [name for name, value in event.fields.items() if fields[name] != value]
    if names == [] or _is_trace_in_message(event, fields, names):
        return ""
    if names == ["message"] and (fields["message"] or "").rstrip("\n") == (event.fields["message"] or "").rstrip("\n"):
        return "message but for line ends at its end"
    return ", ".join(names)


def _is_trace_in_message(event: Event, fields: dict[str, str | None], names: list[str]) -> bool:
    """Tell whether the message held a trace as text, which was made one: all of it must be there."""
    if event.fields["error.type"] is not None or set(names) - {
        "message",
        "error.type",
        "error.message",
        "error.stack_trace",
    }:
        return False
    whole = "\n".join(part for part in (fields["message"], fields["error.stack_trace"]) if part)
    return whole.rstrip("\n") == (event.fields["message"] or "").rstrip("\n")


def index_once(captures: Iterable[Capture], folder: Path) -> Documents:
    """Index captures by `sawlog up --once`, and read the documents back."""
    logs = folder / "logs"
    logs.mkdir()
    for capture in captures:
        (logs / f"{capture.name}.log").write_bytes(capture.text)
    run("up", "--once", "--no-web", "--data", str(folder / "data"), str(logs / "*.log"))
    return indexed(folder / "data")


def indexed(data: Path) -> Documents:
    """Read all documents of an embedded index."""
    documents: Documents = defaultdict(dict)
    for line in run("search", "--data", str(data), "--size", "all", "--json").splitlines():
        document = json.loads(line)
        log = document["log"]
        documents[Path(log["file"]["path"]).stem][log["offset"]] = document
    return documents


def run(*arguments: str) -> str:
    """Run sawlog in UTC; its standard output."""
    environment = os.environ | {"TZ": "UTC"}
    done = subprocess.run([SAWLOG, *arguments], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"sawlog {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def packed(names: Collection[str] = ()) -> list[Capture]:
    """Read the captures that are committed: those that are named, or all."""
    with tarfile.open(ARCHIVE) as tar:
        texts = {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
    logs = [name.removesuffix(".log") for name in texts if name.endswith(".log")]
    return [
        read(name, texts[f"{name}.log"], texts[f"{name}.truth.jsonl"].decode().splitlines())
        for name in logs
        if not names or name in names
    ]


def load(folder: Path, names: Collection[str] = ()) -> list[Capture]:
    """Read captures from a folder: those that are named, or all."""
    logs = sorted(folder.glob("*.log"))
    return [
        read(log.stem, log.read_bytes(), log.with_suffix(".truth.jsonl").read_text(encoding="utf-8").splitlines())
        for log in logs
        if not names or log.stem in names
    ]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="captures to compare; default: all")
    parser.add_argument(
        "--folder", type=Path, help="where NAME.log and NAME.truth.jsonl are; default: those that are committed"
    )
    parser.add_argument("--show", type=int, default=3, metavar="N", help="examples of each kind (default 3)")
    given = parser.parse_args()
    captures = load(given.folder, given.names) if given.folder else packed(given.names)
    with tempfile.TemporaryDirectory() as folder:
        counts, differences = compare(captures, index_once(captures, Path(folder)))
    texts = {capture.name: capture.text for capture in captures}
    _print(counts, differences, texts, given.show)


def _print(counts: Counter[str], differences: list[Difference], texts: dict[str, bytes], show: int) -> None:
    wrong = Counter(difference.capture for difference in differences)
    for name, count in counts.items():
        print(f"{name:30} {count - wrong[name]:6} of {count:6} equal, {100 * (1 - wrong[name] / count):6.2f} %")
    by_kind: dict[str, list[Difference]] = defaultdict(list)
    for difference in differences:
        by_kind[difference.kind].append(difference)
    for kind, those in sorted(by_kind.items(), key=lambda item: -len(item[1])):
        print(f"\n{len(those)} × {kind}")
        for one in those[:: max(1, len(those) // show)][:show]:
            print(
                f"  {one.capture} at {one.event.start}: {texts[one.capture][one.event.start : one.event.end][:300]!r}"
            )
            for name, value in one.event.fields.items():
                if one.document is not None and one.document[name] != value:
                    print(f"    {name}: expected {_short(value)}\n      is {_short(one.document[name])}")
    total = sum(counts.values())
    print(f"\n{total - len(differences)} of {total} equal, {100 * (1 - len(differences) / max(1, total)):.2f} %")


def _short(value: str | None) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:140]} … {text[-140:]}"


if __name__ == "__main__":
    main()
