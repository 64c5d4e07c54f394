"""The finder of inputs for containers: asks the providers at each scan what there is, and makes inputs of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sawlog.errors import ConfigError, SawlogError
from shipper.autodiscover.discovered import Discovered, discovered
from shipper.autodiscover.inputs import inputs_for
from shipper.containers.known import KnownContainers
from shipper.following import Finder, Tail
from shipper.settings import AutodiscoverProvider, Config, FileInput

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Seen:
    """A container, and the inputs that were made of it."""

    found: Discovered
    tails: list[Tail]
    gone_since: float | None = None


class Autodiscover(Finder):
    """Makes inputs of what the providers see; without providers, it only keeps what is known up to date."""

    def __init__(self, config: Config, known: KnownContainers, make: Callable[[FileInput], Tail]) -> None:
        self._config = config
        self._known = known
        self._make = make
        self._seen: list[dict[str, _Seen]] = [{} for _ in config.autodiscover]
        for provider in config.autodiscover:
            if provider.kind == "kubernetes":
                # Known by when `run` asks for what it is to keep up to date.
                known.cluster(provider.api)

    def look(self) -> Sequence[Tail]:  # noqa: D102 - Finder.look
        tails: dict[tuple[str, ...], Tail] = {}
        for provider, seen in zip(self._config.autodiscover, self._seen, strict=True):
            self._look(provider, seen)
            for one in seen.values():
                for tail in one.tails:
                    # A container with several ports is seen once for each, and two providers may see one.
                    tails.setdefault(tail.settings.paths, tail)
        return list(tails.values())

    def folders(self) -> Iterable[tuple[str, bool]]:  # noqa: D102 - Finder.folders
        for provider in self._config.autodiscover:
            if provider.kind == "docker":
                yield provider.folder, True
            else:
                yield provider.logs, False

    @property
    def waiting(self) -> bool:  # noqa: D102 - Finder.waiting
        clusters = [one.api for one in self._config.autodiscover if one.kind == "kubernetes"]
        return any(not self._known.cluster(api).ready for api in clusters)

    async def run(self, changed: Callable[[], None]) -> None:  # noqa: D102 - Finder.run
        try:
            await self._known.run(changed)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("containers are known no better than now: what asks Kubernetes has failed")

    def _look(self, provider: AutodiscoverProvider, seen: dict[str, _Seen]) -> None:
        now = time.monotonic()
        there: set[str] = set()
        for found in discovered(provider, self._known):
            there.add(found.key)
            before = seen.get(found.key)
            if before is None or before.found != found:
                seen[found.key] = _Seen(found, self._tails(provider, found, before.tails if before else []))
            else:
                before.gone_since = None
        for key in seen.keys() - there:
            one = seen[key]
            one.gone_since = now if one.gone_since is None else one.gone_since
            # Its files are followed to their ends in any case; until then new ones may still appear.
            if now - one.gone_since >= provider.cleanup_timeout:
                del seen[key]

    def _tails(self, provider: AutodiscoverProvider, found: Discovered, before: Sequence[Tail]) -> list[Tail]:
        """Make the inputs of a container; those that are as they were stay what they are."""
        try:
            wanted = inputs_for(provider, self._config, found)
        except SawlogError as error:
            for one in error.each:
                words = one.message if isinstance(one, ConfigError) else str(one)
                log.error("the container %s is not read: %s", found.name, words)
            return []
        tails: list[Tail] = []
        for settings in wanted:
            same = next((tail for tail in before if tail.settings == settings), None)
            if any(tail.settings.paths == settings.paths for tail in tails):
                log.warning(
                    "the container %s has two inputs with the same files; the first of them reads them", found.name
                )
                continue
            tails.append(same or self._make(settings))
        return tails
