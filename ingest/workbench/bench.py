"""The workbench beside a running pipeline: a process of its own answers, so that no expression holds the pipeline up.

The process is started by the first question and ends with its input. Questions wait for one another; one that takes
too long, whatever it is about, ends the process, and the next question gets another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from sawlog.errors import InputError, SawlogError

SECONDS: Final = 45.0
"""How long an answer may take."""
_MEMORY: Final = 2 << 30
_LENGTH: Final = struct.Struct("!I")

_Answer = Callable[[str, Mapping[str, Any]], dict[str, Any]]
ReloadPipeline = Callable[[], Awaitable[str | None]]
"""Has the running pipeline read its files anew; returns why it has not, or None."""


class Workbench:
    """Answers questions about expressions, and saves filters where the running pipeline reads them."""

    def __init__(
        self,
        pipeline: Sequence[str] = (),
        data: Path | None = None,
        reload: ReloadPipeline | None = None,
        *,
        seconds: float = SECONDS,
    ) -> None:
        """`pipeline` is what was given as its files, none for the default; filters beside that go into `data`."""
        self._places = {
            "pipeline": [str(Path(path).absolute()) for path in pipeline],
            "data": str(data) if data else None,
        }
        self._reload = reload
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def ask(self, what: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """_Answer a question; see `ingest.workbench.answers`.

        Raises:
            SawlogError: it cannot be answered, or not in time.
        """
        body = msgspec.msgpack.encode([what, {**request, **self._places}])
        async with self._lock:
            try:
                async with asyncio.timeout(self._seconds):
                    kind, found = await self._answer(body)
            except TimeoutError:
                await self._end()
                raise InputError(
                    f"there was no answer within {self._seconds:g} s: an expression may run away, or there are too many"
                    " or too long samples"
                ) from None
            except (OSError, EOFError):
                await self._end()
                raise InputError("the workbench's process ended: the samples may need too much memory") from None
            except BaseException:
                # The answer that is under way would be taken for that to the next question.
                await self._end()
                raise
        if kind == "error":
            raise InputError(found)
        if what in {"save", "delete"}:
            found["reload"] = await self._reload() if self._reload else "no pipeline runs here that could be reloaded"
        return dict(found)

    async def close(self) -> None:
        """End the process."""
        await self._end()

    async def _answer(self, body: bytes) -> tuple[str, Any]:
        if self._process is None or self._process.returncode is not None:
            # -P: a file in the working folder is no module of ours.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "ingest.workbench.bench",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(_LENGTH.pack(len(body)) + body)
        await stdin.drain()
        (length,) = _LENGTH.unpack(await stdout.readexactly(_LENGTH.size))
        kind, found = msgspec.msgpack.decode(await stdout.readexactly(length))
        return kind, found

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _serve(read: BinaryIO, write: BinaryIO) -> None:
    """_Answer questions until there are no more."""
    # Whoever only asks does without it.
    from ingest.workbench.answers import answer  # noqa: PLC0415

    while head := read.read(_LENGTH.size):
        what, request = msgspec.msgpack.decode(read.read(_LENGTH.unpack(head)[0]))
        body = msgspec.msgpack.encode(_told(answer, what, request))
        write.write(_LENGTH.pack(len(body)) + body)
        write.flush()


def _told(answer: _Answer, what: str, request: Mapping[str, Any]) -> tuple[str, Any]:
    try:
        return "answer", answer(what, request)
    except SawlogError as error:
        reasons = list(error.each)
        return "error", "; ".join(str(one) for one in reasons[:5])
    except (MemoryError, RecursionError):
        return "error", "the expression or the samples are too large"


def main() -> None:
    """Be the process that answers."""
    # Whoever has started it ends it; Ctrl-C on a terminal is not for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard), hard))
    os.nice(5)
    write = os.fdopen(os.dup(1), "wb")
    # What a library prints is no answer.
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, write)


if __name__ == "__main__":
    main()
