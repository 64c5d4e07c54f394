"""A test that hangs fails and says what it waits for, and the run goes on.

Each phase of a test (setting up, the test, tearing down) has a time that no healthy one needs. When it is over, the
test's thread is signalled and fails wherever it waits; the failure names what each task of its loop waits for. A
fixture that hangs, too, while it is torn down is signalled again. Only code that hears no signals (a library's own
loop) ends the whole run, with the stacks of all threads.

pytest-timeout works with the alarm that the time limits of groks take for themselves (`ingest.timeout`), tells its
failure once, and does not say what tasks wait for.
"""

from __future__ import annotations

import asyncio
import faulthandler
import io
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

SECONDS = 600.0
SLOW_SECONDS = 7200.0
AGAIN_SECONDS = 60.0
SIGNAL = signal.SIGUSR1

_errors = -1
"""Standard error of the run itself, as the tests' is captured."""


def pytest_configure(config: pytest.Config) -> None:
    """Have the signal; not when somebody looks through a test in the debugger."""
    global _errors  # noqa: PLW0603 # pytest has no other place for what is one per run
    if config.getoption("usepdb"):
        return
    _errors = os.dup(2)
    signal.signal(SIGNAL, _fail)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with watched(_seconds(item)):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with watched(_seconds(item)):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with watched(_seconds(item)):
        return (yield)


def _seconds(item: pytest.Item) -> float:
    slow = os.environ.get("SAWLOG_NIGHTLY") or item.get_closest_marker("slow") or item.get_closest_marker("docker")
    return SLOW_SECONDS if slow else SECONDS


@contextmanager
def watched(seconds: float, again: float = AGAIN_SECONDS) -> Iterator[None]:
    """Fail what runs in here after `seconds`, and every `again` seconds from then on, as it may have been heard by
    somebody who went on."""
    if _errors < 0:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_signal, args=(over, seconds, again), name="hanging", daemon=True)
    faulthandler.dump_traceback_later(seconds + 5 * again, exit=True, file=_errors)
    thread.start()
    try:
        yield
    finally:
        over.set()
        faulthandler.cancel_dump_traceback_later()
        thread.join()


def _signal(over: threading.Event, seconds: float, again: float) -> None:
    wait = seconds
    while not over.wait(wait):
        signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)
        wait = again


def _fail(number: int, frame: FrameType | None) -> None:
    pytest.fail(f"It hangs.\n{tasks()}")


def tasks() -> str:
    """Where each task of the loop that runs waits."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return ""
    stacks = io.StringIO()
    for task in asyncio.all_tasks(loop):
        task.print_stack(file=stacks)
    return stacks.getvalue()
