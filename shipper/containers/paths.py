"""What the path of a container's log says of the container.

Docker: ``…/containers/<id>/<id>-json.log``. The kubelet: ``/var/log/pods/<namespace>_<pod>_<uid>/<container>/0.log``,
and links to these, ``/var/log/containers/<pod>_<namespace>_<container>-<id>.log``. What a pod writes to its volumes:
``/var/lib/kubelet/pods/<uid>/…``.
Sources: Docker's documentation of the driver ``json-file``; the Kubernetes documentation on logging.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LINK: Final = re.compile(r"([^/_]+)_([^/_]+)_([^/]+)-([0-9a-f]{64})\.log[^/]*", re.ASCII)
_POD: Final = re.compile(r"/pods/([^/_]+)_([^/_]+)_([^/_]+)/([^/]+)/[^/]+$")
_VOLUME: Final = re.compile(r"/pods/([0-9a-fA-F-]{32,36})/")
_FOLDER: Final = re.compile(r"/([0-9a-f]{64})/", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Which container wrote a log, as far as its path says; what is not known is empty."""

    container_id: str = ""
    namespace: str = ""
    pod: str = ""
    uid: str = ""
    container: str = ""

    def __bool__(self) -> bool:
        return bool(self.container_id or self.pod or self.uid)


def place_of(path: str) -> LogPlace:
    """Read a path, and, where it is a link, where that leads to."""
    found = _read(path)
    if found.container_id and not found.uid and found.pod:
        # The link of the kubelet names no uid; the file behind it does.
        behind = _read(os.path.realpath(path))
        return LogPlace(found.container_id, found.namespace, found.pod, behind.uid, found.container)
    if not found.container_id:
        behind = _read(os.path.realpath(path))
        if behind.container_id:
            return LogPlace(behind.container_id, found.namespace, found.pod, found.uid, found.container)
    return found


def _read(path: str) -> LogPlace:
    if link := _LINK.fullmatch(path.rpartition("/")[2]):
        pod, namespace, container, container_id = link.groups()
        return LogPlace(container_id, namespace, pod, "", container)
    if below := _POD.search(path):
        namespace, pod, uid, container = below.groups()
        return LogPlace("", namespace, pod, uid, container)
    if folder := _FOLDER.search(path):
        return LogPlace(folder[1])
    volume = _VOLUME.search(path)
    return LogPlace(uid=volume[1]) if volume else LogPlace()
