"""What Kubernetes' API tells of the pods of a node, at hand for whoever reads their logs."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import msgspec

from sawlog.errors import InputError
from sawlog.tls import TlsError
from shipper.containers.access import ApiAccess, ApiSettings, access_of
from shipper.containers.api import ANSWER_SECONDS, WATCH_SECONDS, Api, WatchedList
from shipper.containers.paths import LogPlace
from shipper.containers.pods import ClusterNode, ContainerSpec, Namespace, Pod

log = logging.getLogger(__name__)

SYNC_SECONDS: Final = 10.0
"""Files wait so long for the first list; then they are read with what their paths say."""
POD_SECONDS: Final = 5.0
"""A file of a pod that is not known waits so long for the watch to tell of it."""
LINGERS: Final = 1000
"""So many deleted pods are remembered: their last lines are still to be read."""


class PodCluster:
    """What the API tells of the pods of a node."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._access: ApiAccess | None = None
        self._started = time.monotonic()
        self._asks = True
        """Whether there is an API to be asked, as far as is known."""
        self._waits: dict[str, float] = {}
        self._changed: Callable[[], None] = lambda: None
        namespace = f"/namespaces/{quote(settings.namespace)}" if settings.namespace else ""
        self._pods = WatchedList(f"/api/v1{namespace}/pods", "", Pod, self._on_pod)
        self._nodes = WatchedList("/api/v1/nodes", "", ClusterNode, lambda _: self._changed())
        self._namespaces = WatchedList("/api/v1/namespaces", "", Namespace, lambda _: self._changed())
        self._by_uid: dict[str, Pod] = {}
        self._by_container: dict[str, tuple[Pod, ContainerSpec, str]] = {}
        self._lingering: OrderedDict[str, Pod] = OrderedDict()

    # What is known

    @property
    def ready(self) -> bool:
        """Whether the pods were listed, or there is nothing to wait for."""
        return self._pods.listed or not self._asks or time.monotonic() - self._started > SYNC_SECONDS

    @property
    def known(self) -> bool:
        """Whether the pods were listed once."""
        return self._pods.listed

    def pods(self) -> list[Pod]:
        """Return the pods that there are."""
        return list(self._pods.objects.values())

    def pod(self, place: LogPlace) -> Pod | None:
        """Return the pod that wrote a log; also one that was deleted, for a while."""
        if place.container_id and (found := self._by_container.get(place.container_id)):
            return found[0]
        if place.uid and (pod := self._by_uid.get(place.uid)):
            return pod
        return self._pods.objects.get(f"{place.namespace}/{place.pod}") if place.pod else None

    def container(self, place: LogPlace, pod: Pod) -> tuple[ContainerSpec, str, str] | None:
        """Return the container of a pod that wrote a log, with its id and its runtime."""
        if found := self._by_container.get(place.container_id):
            return found[1], place.container_id, found[2]
        named = [one for one in pod.containers() if one[0].name == place.container]
        # The id of a pod's status is that of the last start; the file may be of an earlier one.
        return (named[0][0], place.container_id or named[0][1], named[0][2]) if named else None

    def waits_for(self, place: LogPlace) -> bool:
        """Whether a file is better read a little later: its pod may be told of any moment."""
        if not self.ready:
            return True
        if not self._pods.listed or self.pod(place) is not None:
            return False
        key = place.container_id or place.uid or f"{place.namespace}/{place.pod}"
        return time.monotonic() - self._waits.setdefault(key, time.monotonic()) < POD_SECONDS

    def node(self, name: str) -> ClusterNode | None:
        """Return a node by its name."""
        return self._nodes.objects.get(f"/{name}")

    def namespace(self, name: str) -> Namespace | None:
        """Return a namespace by its name."""
        return self._namespaces.objects.get(f"/{name}")

    def _on_pod(self, pod: Pod | None) -> None:
        if pod is not None:
            self._lingering.pop(pod.metadata.uid, None)
            self._by_uid[pod.metadata.uid] = pod
            for spec, container_id, runtime in pod.containers():
                if container_id:
                    self._by_container[container_id] = pod, spec, runtime
        else:
            there = {one.metadata.uid for one in self._pods.objects.values()}
            for uid in self._by_uid.keys() - there - self._lingering.keys():
                self._lingering[uid] = self._by_uid[uid]
            while len(self._lingering) > LINGERS:
                uid, _ = self._lingering.popitem(last=False)
                del self._by_uid[uid]
                self._by_container = {
                    key: found for key, found in self._by_container.items() if found[0].metadata.uid != uid
                }
        self._waits.clear()
        self._changed()

    # Asking

    async def run(self, changed: Callable[[], None]) -> None:
        """Keep what is known up to date until cancelled; `changed` hears whenever it is another."""
        import aiohttp  # noqa: PLC0415 - it takes long to load, and most configurations ask no API

        self._changed = changed
        self._started = time.monotonic()
        try:
            self._access = access_of(self._settings)
            context = self._access.context() if self._access else None
        except (InputError, TlsError) as error:
            log.error("Kubernetes cannot be asked: %s", error)
            self._access = None
        if self._access is None:
            self._asks = False
            log.info("no API of Kubernetes is asked: pods are known by the paths of their logs")
            changed()
            return
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=ANSWER_SECONDS, sock_read=WATCH_SECONDS + ANSWER_SECONDS
        )
        connector = aiohttp.TCPConnector(ssl=context or True)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=1 << 20) as session:
            await asyncio.gather(self._keep(Api(self._access, session)), self._remind())

    async def _remind(self) -> None:
        """Say that waiting is over when no list has come."""
        await asyncio.sleep(SYNC_SECONDS + 0.1)
        self._changed()

    async def _keep(self, api: Api) -> None:
        if not self._settings.cluster_wide:
            node = await self._node_name(api)
            self._pods.selector = f"spec.nodeName={node}"
            self._nodes.selector = f"metadata.name={node}"
        if self._settings.namespace:
            self._namespaces.selector = f"metadata.name={self._settings.namespace}"
        # Labels of nodes and namespaces are an extra that a role need not give.
        await asyncio.gather(
            api.keep(self._namespaces, extra=True), api.keep(self._nodes, extra=True), api.keep(self._pods, extra=False)
        )

    async def _node_name(self, api: Api) -> str:
        """Return the node's name: as configured, as ``NODE_NAME`` says, as the own pod says, or the machine's."""
        assert self._access is not None
        name = self._settings.node or os.environ.get("NODE_NAME", "")
        if name or not self._access.namespace:
            return name or socket.gethostname()
        own = f"/api/v1/namespaces/{quote(self._access.namespace)}/pods/{quote(socket.gethostname())}"
        try:
            pod = msgspec.json.decode(await api.get(own), type=Pod)
        except Exception as error:
            why = str(error) or type(error).__name__
            log.warning("Kubernetes does not say on which node this runs (%s); set 'node' or NODE_NAME", why)
            return socket.gethostname()
        return pod.spec.node_name or socket.gethostname()
