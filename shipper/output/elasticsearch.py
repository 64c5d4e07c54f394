"""``output.elasticsearch``: bulk requests straight to a cluster."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence

from sawlog.dead_letter import DeadLetter
from sawlog.errors import ConfigError
from sawlog.event import Event
from sawlog.store import mappings
from sawlog.store.base import DEFAULT_INDEX
from sawlog.store.dead_letter_index import index_letters
from sawlog.store.elasticsearch import ElasticsearchStore
from shipper.output.base import About
from shipper.output.rules import chosen
from shipper.output.store import StoreSender, Target, raw
from shipper.output.tls import context
from shipper.settings import ElasticsearchOutput


class ElasticsearchSender(StoreSender):
    """Creates documents under the events' `_id`s, so that what is sent twice is there once.

    What the cluster refuses for good goes to the index for dead letters if one is named, else to those on disk.
    """

    def __init__(self, settings: ElasticsearchOutput, about: About) -> None:
        """Raises `ConfigError` for a certificate that cannot be used and for what cannot be kept to."""
        self._settings = settings
        self._cluster = _store(settings)
        # Two under way keep the cluster busy while the next request is made.
        requests = max(2, settings.worker * (len(settings.hosts) if settings.loadbalance else 1))
        super().__init__(
            self._cluster,
            about,
            requests=requests,
            first_wait=settings.backoff_init,
            longest_wait=settings.backoff_max,
        )

    def target(self, event: Event) -> Target:  # noqa: D102 - StoreSender.target
        settings = self._settings
        index = raw(event, "raw_index") or chosen(settings.indices, event)
        if index is None:
            index = DEFAULT_INDEX if settings.index is None else settings.index(event)
        pipeline = raw(event, "pipeline") or chosen(settings.pipelines, event)
        if pipeline is None and settings.pipeline is not None:
            pipeline = settings.pipeline(event)
        return index.lower() if index else None, pipeline

    async def keep(self, letters: Sequence[DeadLetter]) -> None:
        """Index what was refused where dead letters are wanted, if anywhere; what is refused there too is kept here."""
        index = self._settings.dead_letter_index
        if index is not None:
            letters = [letters[position] for position in await index_letters(self.gathering, letters, index)]
        await super().keep(letters)

    async def check(self) -> AsyncIterator[str]:
        """Connect and ask for the version."""
        store = _store(self._settings, template=False)
        yield f"elasticsearch: {', '.join(store.hosts)}: parse url"
        async with store:
            version = await store.version()
            yield f"talk to server: version {version}"


def _store(settings: ElasticsearchOutput, *, template: bool | None = None) -> ElasticsearchStore:
    if settings.proxy_headers:
        raise ConfigError("output.elasticsearch.proxy_headers is not offered")
    key = settings.api_key
    if key is not None and ":" in key:
        key = base64.b64encode(key.encode()).decode()
    ssl_context = context(settings.tls, "output.elasticsearch") if settings.tls is not None else None
    return ElasticsearchStore(
        settings.hosts,
        username=settings.username,
        password=settings.password,
        api_key=key,
        compress=False if settings.compression_level == 0 else None,
        timeout=settings.timeout,
        headers=settings.headers,
        parameters=settings.parameters,
        proxy=None if settings.proxy_disable else settings.proxy_url,
        ssl_context=ssl_context,
        template=_is_ours(settings) if template is None else template,
    )


def _is_ours(settings: ElasticsearchOutput) -> bool:
    """Whether sawlog's template is for the index; one of the user's own has a template of the user's own."""
    return settings.index is None or settings.index.text.startswith(mappings.PATTERN.removesuffix("*"))
