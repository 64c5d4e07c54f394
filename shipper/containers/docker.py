"""Docker's containers, as the engine keeps them beside their logs: ``<folder>/<id>/config.v2.json``.

Whoever may read the logs may read these, too; Docker's socket, which is as good as root's password, is not needed.
The file is written anew whenever a container starts or stops, and goes with the container.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from shipper.containers.paths import ID

log = logging.getLogger(__name__)

FOLDER: Final = "/var/lib/docker/containers"
KUBERNETES_LABELS: Final = "io.kubernetes."
"""What the kubelet labels its containers with where Docker runs them."""
_LARGEST: Final = 8 << 20
"""No description of a container is longer; what is, is none."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as it was started."""

    id: str
    name: str
    image: str
    labels: dict[str, str] = field(default_factory=dict)
    address: str = ""
    ports: tuple[int, ...] = ()


class _Config(msgspec.Struct):
    Image: str = ""
    Labels: dict[str, str] | None = None
    ExposedPorts: dict[str, Any] | None = None


class _Network(msgspec.Struct):
    IPAddress: str = ""


class _Networks(msgspec.Struct):
    Networks: dict[str, _Network | None] | None = None


class _Described(msgspec.Struct):
    ID: str
    Name: str = ""
    Config: _Config = msgspec.field(default_factory=_Config)
    NetworkSettings: _Networks | None = None


_DECODER: Final = msgspec.json.Decoder(_Described)


class DockerFolder:
    """The containers of one engine; each file is read again only when it has changed."""

    def __init__(self, folder: str = FOLDER) -> None:
        self.folder = folder.rstrip("/") or "/"
        self._read: dict[str, tuple[tuple[int, int, int], Container | None]] = {}
        self._told: set[str] = set()

    def container(self, container_id: str) -> Container | None:
        """Return a container by its whole id; also one that is gone, as long as it was not forgotten."""
        return self._look(container_id) if ID.fullmatch(container_id) else None

    def starting_with(self, short: str) -> Container | None:
        """Return the only container whose id begins with `short`."""
        found = [one for one in self._ids() if one.startswith(short)] if short else []
        return self.container(found[0]) if len(found) == 1 else None

    def containers(self) -> list[Container]:
        """Return those that there are, running or stopped; forget those that are gone."""
        ids = self._ids()
        self._read = {one: known for one, known in self._read.items() if one in ids}
        return [found for one in sorted(ids) if (found := self._look(one)) is not None]

    def _ids(self) -> set[str]:
        try:
            with os.scandir(self.folder) as entries:
                return {entry.name for entry in entries if ID.fullmatch(entry.name)}
        except OSError as error:
            self._tell(self.folder, error.strerror or str(error))
            return set()

    def _look(self, container_id: str) -> Container | None:
        path = f"{self.folder}/{container_id}/config.v2.json"
        known = self._read.get(container_id)
        try:
            status = os.stat(path)  # noqa: PTH116 - one system call for each of many files
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if known is None or known[0] != stamp:
                self._read[container_id] = known = (stamp, _described(Path(path).read_bytes()))
        except FileNotFoundError:
            # Gone, or not written yet; what was known of it is still true of the lines that it wrote.
            pass
        except (OSError, ValueError) as error:
            self._tell(path, getattr(error, "strerror", None) or str(error))
        return known[1] if known is not None else None

    def _tell(self, path: str, why: str) -> None:
        if path not in self._told:
            self._told.add(path)
            log.warning("%s: %s; what it says of containers is not known", path, why.lower())


def _described(text: bytes) -> Container:
    """Read a description.

    Raises:
        ValueError: it is none.
    """
    if len(text) > _LARGEST:
        raise ValueError("too long for the description of a container")
    try:
        found = _DECODER.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"no description of a container: {error}") from None
    networks = (found.NetworkSettings.Networks or {}) if found.NetworkSettings else {}
    addresses = [one.IPAddress for one in networks.values() if one is not None and one.IPAddress]
    return Container(
        found.ID,
        found.Name.removeprefix("/"),
        found.Config.Image,
        found.Config.Labels or {},
        addresses[0] if addresses else "",
        tuple(_ports(found.Config.ExposedPorts or {})),
    )


def _ports(exposed: dict[str, Any]) -> Iterator[int]:
    for name in sorted(exposed):
        number = name.partition("/")[0]
        if number.isascii() and number.isdigit():
            yield int(number)
