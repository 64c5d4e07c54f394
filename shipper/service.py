"""The shipper at work: the agent and standard input on one side, the output on the other, and reload between."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from sawlog.errors import InputError, SawlogError
from sawlog.private import make_folder
from shipper.agent import Agent
from shipper.identity import agent_id
from shipper.input.receiving import Receiving
from shipper.inputs import inputs_of
from shipper.output import About, Sender, sender_for
from shipper.registry import Registry
from shipper.settings import Config
from shipper.standard_input import StandardInput

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 5.0
"""How long a stop waits for acknowledgements when ``shutdown_timeout`` does not say; the rest is sent again."""
LOOK_SECONDS: Final = 0.5

Load = Callable[[], Config]


class ShipperService:
    """Ships what a configuration names until it is stopped, or, with `once`, until everything is delivered."""

    def __init__(self, config: Config, load: Load, *, once: bool = False) -> None:
        """`load` reads the configuration anew, for a reload.

        Raises:
            InputError: the data folder cannot be used, or another agent uses it.
        """
        assert config.output is not None, "a configuration is loaded with its output"
        endless = next((one.type for one in config.receivers if one.type != "journald"), None)
        if once and endless is not None:
            raise InputError(f"an input of type {endless} has no end, and --once waits for all ends")
        self.config = config
        self.agent: Agent | None = None
        self.sender: Sender | None = None
        self.standard_input: StandardInput | None = None
        self.receiving: Receiving | None = None
        self._load = load
        self._once = once
        self._stopping = asyncio.Event()
        self._fresh: Config | None = None
        self._wake = asyncio.Event()
        self._said: str | None = None
        try:
            make_folder(config.path_data)
            self.identity = agent_id(config.path_data)
        except OSError as error:
            raise InputError(f"path.data {config.path_data} cannot be used: {error.strerror}") from None

    @property
    def events(self) -> int:
        """Events that the output has confirmed since it was opened."""
        return self.sender.counters.events if self.sender else 0

    @property
    def lag(self) -> int:
        """Bytes that are there and not delivered."""
        waiting = self.standard_input.in_flight if self.standard_input else 0
        waiting += self.receiving.held.in_flight if self.receiving else 0
        return waiting + (self.agent.lag if self.agent else 0)

    def stop(self) -> None:
        """Make `run` end within its grace."""
        self._stopping.set()
        self._wake.set()

    def reload(self) -> None:
        """Read the configuration anew and go on with it; a broken one is told, and the old one stays."""
        try:
            fresh = self._load()
        except SawlogError as error:
            for one in error.each:
                log.error("%s", one)
        else:
            if fresh == self.config:
                log.debug("the configuration has not changed")
                return
            if fresh.path_data != self.config.path_data or fresh.registry_path != self.config.registry_path:
                log.error("path.data and the registry cannot be changed while the shipper runs; start it anew")
                return
            self._fresh = fresh
            self._wake.set()
            return
        log.error("the shipper goes on with the configuration that it has")

    async def run(self) -> None:
        """Ship.

        Raises:
            SawlogError: the registry cannot be used, or, with `once`, the output refuses events.
        """
        path = registry_path(self.config)
        make_folder(path.parent)
        registry = Registry(path)
        watching = asyncio.create_task(self._watch_files())
        try:
            path.chmod(self.config.registry_permissions)
            while not self._stopping.is_set():
                self._wake.clear()
                await self._ship(registry)
                fresh, self._fresh = self._fresh, None
                if fresh is None:
                    return
                self.config = fresh
                log.info("the configuration is read anew: %s", summary(self.config))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            if self.receiving is not None:
                await self.receiving.stop()
            registry.close()

    async def _ship(self, registry: Registry) -> None:
        """Ship with one configuration: to the end, to a stop, or to a reload."""
        config = self.config
        assert config.output is not None
        about = About(self.identity, config.name, config.path_data)
        async with sender_for(config.output, about) as sender:
            self.sender = sender
            running = self._start(config, sender, registry)
            try:
                await self._until_done(running)
                await self._wind_up(running, config.shutdown_timeout or GRACE_SECONDS)
            finally:
                for task in running:
                    task.cancel()
                # Before the sender closes: a nack by then finds nobody who would send again.
                ended = await asyncio.gather(*running, return_exceptions=True)
            for error in ended:
                if isinstance(error, Exception):
                    raise error

    def _start(self, config: Config, sender: Sender, registry: Registry) -> list[asyncio.Task[None]]:
        inputs = inputs_of(config)
        files = [tail for tail in inputs.tails if tail.settings.type != "stdin"]
        running: list[asyncio.Task[None]] = []
        self.agent = None
        if files or inputs.finder is not None:
            self.agent = Agent(files, registry, self.identity, name=config.name, once=self._once, finder=inputs.finder)
            running.append(asyncio.create_task(self.agent.run(sender.send)))
        for tail in [tail for tail in inputs.tails if tail.settings.type == "stdin"][:1]:
            # Its reader outlives a reload: what it has read is nowhere else.
            self.standard_input = self.standard_input or StandardInput(tail, self.identity, config.name)
            running.append(asyncio.create_task(self.standard_input.run(sender.send)))
        if config.receivers or self.receiving is not None:
            # They outlive a reload, too.
            self.receiving = self.receiving or Receiving(self.identity, registry, once=self._once)
            hearing = self.receiving.run(config.receivers, config.processors, config.name, sender.send)
            running.append(asyncio.create_task(hearing))
        return running

    async def _until_done(self, running: Sequence[asyncio.Task[None]]) -> None:
        """Wait for a stop, a reload, an error, or, with `once`, for the end of everything."""
        while not self._wake.is_set():
            pending = [task for task in running if not task.done()]
            if any(task.done() and task.exception() for task in running) or (self._once and not pending):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            self._look_for_errors()

    def _look_for_errors(self) -> None:
        """Say once what the output refuses; with `once`, or when standard output has gone, end with it."""
        held = self.receiving and self.receiving.held
        errors = [one.error for one in (self.standard_input, self.agent and self.agent.progress, held) if one]
        error = next((one for one in errors if one is not None), None)
        if error is None:
            self._said = None
            return
        if self._once or (self.config.output and self.config.output.kind == "console"):
            raise error if isinstance(error, SawlogError) else SawlogError(f"the output refuses events: {error}")
        if str(error) != self._said:
            self._said = str(error)
            log.error("%s; trying again", error)

    async def _wind_up(self, running: Sequence[asyncio.Task[None]], grace: float) -> None:
        """Read nothing more, and wait for what is under way as long as is fit."""
        if self.agent is not None:
            self.agent.stop()
        held = self.receiving.held if self.receiving is not None else None
        going_on = self._fresh is not None
        if held is not None and going_on:
            held.pause()
        elif self.receiving is not None:
            await self.receiving.stop()

        def left() -> int:
            return self.in_flight + (held.in_flight - held.handed if held is not None and not going_on else 0)

        end = time.monotonic() + grace
        while left() and time.monotonic() < end:  # noqa: ASYNC110 - several sources, and no event of all
            await asyncio.sleep(0.05)
        if held is not None and held.at_stake and not going_on:
            log.error("stopped with %d bytes that were received and not delivered: they are lost", held.at_stake)
        if again := self.in_flight - (held.handed if held is not None and not going_on else 0):
            log.warning("stopped with %d bytes not acknowledged; they are sent again", again)

    @property
    def in_flight(self) -> int:
        """Bytes handed on and not yet confirmed."""
        waiting = self.standard_input.in_flight if self.standard_input else 0
        waiting += self.receiving.held.handed if self.receiving else 0
        return waiting + (self.agent.progress.in_flight if self.agent else 0)

    async def _watch_files(self) -> None:
        """Reload when a file of ``filebeat.config.inputs`` has changed, if that is wanted."""
        # Nothing yet: a file may have changed between the reading of the configuration and the first look.
        before: dict[str, tuple[int, int]] = {}
        while True:
            periods = [one.period for one in self.config.reloads if one.enabled]
            await asyncio.sleep(min(periods, default=10.0))
            if periods and (now := _stamps(self.config)) != before:
                before = now
                self.reload()


def registry_path(config: Config) -> Path:
    """Return where the offsets are kept: beside what a Filebeat of this configuration has, never the very file."""
    named = config.registry_path or config.path_data / "registry"
    return named.with_name(named.name + ".sqlite")


def summary(config: Config) -> str:
    """Say in a line what is shipped where."""
    paths = sum(len(one.paths) for one in config.inputs)
    kind = config.output.kind if config.output else "nowhere"
    more = ", and those of containers" if config.autodiscover else ""
    if config.receivers:
        more += ", and " + ", ".join(one.type for one in config.receivers)
    return f"{len(config.inputs)} inputs with {paths} paths{more} → {kind}"


def _stamps(config: Config) -> dict[str, tuple[int, int]]:
    stamps: dict[str, tuple[int, int]] = {}
    for reload in config.reloads:
        for pattern in reload.paths if reload.enabled else ():
            for path in glob.glob(pattern):  # noqa: PTH207 - an absolute pattern
                with contextlib.suppress(OSError):
                    status = Path(path).stat()
                    stamps[path] = (status.st_size, status.st_mtime_ns)
    return stamps
