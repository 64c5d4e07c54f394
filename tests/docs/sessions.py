"""Console blocks of a page that are marked as runnable, ```` ```console run ````, and what they print.

A page is one session in a fresh folder. Files that it shows are written under the names that they have there: by
a first line ``# shop.conf``, or by a line "`orders.log`:" before the block. Each command runs in a shell of its own.
One that shows no output only has to end well. Times, seconds, ids and the paths of the folder are compared as such;
more words behind the mark say what else may differ, and where it is shown:

    figures   all figures
    events    what stands behind time and level in a line of log, and the lines of a trace below it
    terminal  what is shown is what a terminal shows, which is not always what goes into a pipe
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.ingesting import ROOT, until
from tests.patience import SECONDS
from tests.services import free_port

PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("examples/*/README.md"))]
PAGE_OF_UP: Final = "127.0.0.1:5601"
_BLOCK: Final = re.compile(r"(?ms)(?:^`([\w.-]+)`:\n\n)?^```(\w*)([^\n]*)\n(.*?)^```$")
_NAMED: Final = re.compile(r"# ([\w.-]+\.(?:yml|conf))\b.*\n")
_LINKED: Final = {".venv": Path(sys.prefix), "deploy": ROOT / "deploy", "examples": ROOT / "examples"}
"""What commands find of a clone."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?")
_PROGRESS: Final = re.compile(r"(?m)^[\d,]+ events in, from \d+ files.*\n")
"""What a command says on its way when it takes long, into a pipe."""
_TOOK: Final = re.compile(r"(?m)^(seconds +)[\d.]+$")
_ID: Final = re.compile(r"\b(?=[0-9a-f-]*\d)[0-9a-f]{8}[0-9a-f-]*\b")
_FIGURE: Final = re.compile(r"\d[\d,.]*(?<=\d)")
_EVENT: Final = re.compile(r"(TIME [A-Z]+) .*")


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and what the page shows below it."""

    command: str
    shown: str
    marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Session:
    """What a page does: files to be written, by name, and commands."""

    page: Path
    steps: list[Step | tuple[str, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.page.relative_to(ROOT))

    @property
    def commands(self) -> list[Step]:
        return [step for step in self.steps if isinstance(step, Step)]

    def run(self, folder: Path, before: str = "") -> list[str]:
        """Do it in an empty folder, after what the page takes for granted; return what is not as it is shown."""
        for name, target in _LINKED.items():
            (folder / name).symlink_to(target)
        environment = _environment(folder)
        wrong = []
        served = None
        if before and (done := _shell(before, folder, environment)).returncode:
            return [f"before it: {done.stdout}"]
        try:
            for step in self.steps:
                if isinstance(step, tuple):
                    (folder / step[0]).write_text(step[1])
                    continue
                command = step.command
                if PAGE_OF_UP in command:
                    served = served or _Served(folder, environment)
                    command = command.replace(PAGE_OF_UP, served.address).replace("curl -s ", "curl -sSf ")
                done = (_terminal if "terminal" in step.marks else _shell)(command, folder, environment)
                printed = _PROGRESS.sub("", done.stdout.replace(f"{folder}/", ""))
                if told := differs(step, printed, done.returncode):
                    wrong.append(told)
        finally:
            if served is not None:
                served.stop()
        return wrong


def session_of(page: Path) -> Session:
    """Read a page."""
    session = Session(page)
    for name, language, marks, text in _BLOCK.findall(page.read_text()):
        if language == "console" and marks.split()[:1] == ["run"]:
            session.steps.extend(steps_of(text, frozenset(marks.split()[1:])))
        elif language not in ("console", "") and (name or (named := _NAMED.match(text))):
            session.steps.append((name or named[1], text))
    return session


def steps_of(text: str, marks: frozenset[str] = frozenset()) -> Iterator[Step]:
    """Cut a block into commands with what is shown below each."""
    assert marks <= {"figures", "events", "terminal"}, marks
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        lines = part.splitlines(keepends=True)
        size = 1
        while size < len(lines) and (lines[size - 1].endswith("\\\n") or _open("".join(lines[:size]))):
            size += 1
        yield Step("".join(lines[:size]).rstrip("\n"), "".join(lines[size:]), marks)


def differs(step: Step, printed: str, code: int) -> str:
    """Say how what was printed differs from what is shown; empty: it does not."""
    head = f"$ {step.command}\n"
    if not step.shown.strip():
        return f"{head}ended with {code}:\n{printed}" if code else ""
    if _alike(step.shown, step.marks) == _alike(printed, step.marks) or _fits(step, printed):
        return ""
    return f"{head}the page shows\n{step.shown}and it printed\n{printed}"


def _alike(text: str, marks: frozenset[str]) -> list[Any]:
    """Return lines without what may differ."""
    text = _ID.sub("ID", _TOOK.sub(r"\1N", _TIME.sub("TIME", text)))
    lines: list[Any] = [_shape(line) for line in text.rstrip().splitlines()]
    if "events" in marks:
        lines = [
            _EVENT.sub(r"\1", line) if isinstance(line, str) else line
            for line in lines
            if not (isinstance(line, str) and line.startswith("    "))
        ]
    if "figures" in marks:
        lines = [re.sub(r" +", " ", _FIGURE.sub("N", line)) if isinstance(line, str) else line for line in lines]
    return [line.rstrip() if isinstance(line, str) else line for line in lines]


def _shape(line: str) -> Any:
    """Return the names that an object of JSON has, or the line itself."""
    if not line.startswith('{"'):
        return line
    return sorted(_names(json.loads(line)))


def _names(tree: Any, before: str = "") -> Iterator[str]:
    if not isinstance(tree, dict):
        yield before
        return
    for name, value in tree.items():
        yield from _names(value, f"{before}.{name}")


def _fits(step: Step, printed: str) -> bool:
    """Whether what is shown leaves parts out, by '…', and has the rest."""
    if "…" not in step.shown:
        return False
    shown, found = ("\n".join(map(str, _alike(text, step.marks))) for text in (step.shown, printed))
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), found, re.DOTALL) is not None


def _open(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return True
    return False


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SAWLOG_", "XDG_"))}
    path = f"{Path(sys.executable).parent}:{kept.get('PATH', os.defpath)}"
    return kept | {
        "PATH": path,
        "HOME": str(folder),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "160",
        "NO_COLOR": "1",
    }


def _shell(command: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash") or "bash"
    return subprocess.run(
        [bash, "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=SECONDS * 6,
        check=False,
    )


def _terminal(command: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Do the same on a terminal of 160 columns."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (50, 160))
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", command], cwd=folder, env=environment,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    try:
        # A terminal that nobody has open any more is no end of file, but an error.
        with contextlib.suppress(OSError):
            while select.select([ours], [], [], SECONDS * 6)[0] and (more := os.read(ours, 1 << 16)):
                printed += more
        code = process.wait(SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return subprocess.CompletedProcess(command, code, printed.decode(errors="replace").replace("\r\n", "\n"))


class _Served:
    """The page of a `sawlog up` on the logs of the folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._log = folder / "up.log"
        command = ["sawlog", "up", "--data", "served", "--port", self.address.partition(":")[2], "logs/*.log"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [shutil.which(command[0], path=environment["PATH"]) or command[0], *command[1:]],
                cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        until(
            lambda: re.search(r"(?<!\d)[1-9][\d,]* events in", self._log.read_text()) is not None, self._log.read_text
        )

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)
