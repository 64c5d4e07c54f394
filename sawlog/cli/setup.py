"""``sawlog setup``: bring into Elasticsearch what sawlog's data streams need, once per cluster and after an upgrade."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Final

import click
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from sawlog.cli.connection import connects, print_rows
from sawlog.cli.retention import checked_age
from sawlog.errors import ConfigError, StoreUnavailableError, nearest
from sawlog.store import mappings
from sawlog.store.assets import ROLE, AssetOutcome, install, lifecycle, role, role_descriptor, templates
from sawlog.store.credentials import ELASTICSEARCH, elasticsearch
from sawlog.store.elasticsearch import ElasticsearchStore, RefusedError

KEY_NAME: Final = "sawlog-ingest"
_NO_SUCH_API: Final = frozenset({400, 404, 405})
"""What a server answers that lacks an API: it is switched off, or no part of that distribution."""


@click.command()
@click.option(
    "--elasticsearch",
    "urls",
    metavar="URL",
    envvar="SAWLOG_ELASTICSEARCH_URL",
    required=True,
    help="The cluster: https://host:9200; several with commas between.",
)
@connects(ELASTICSEARCH)
@click.option(
    "--retention",
    "keep",
    metavar="TIME",
    envvar="SAWLOG_RETENTION",
    callback=checked_age,
    help="Keep documents so long: 30d, 12h.",
)
@click.option("--ilm-policy", "policy", metavar="NAME", help="Leave rollover and retention to this policy of ILM.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="PATTERN",
    help=f"Let the role {ROLE} also write to these data streams or indices; repeatable.",
)
@click.option("--no-role", is_flag=True, help="Make no role.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"Make an API key with the rights of {ROLE}, and write it into this new file.",
)
@click.option("--force", is_flag=True, help="Also replace what was changed here, or is not sawlog's.")
def setup(
    urls: str,
    user: str | None,
    api_key: str | None,
    ca: str | None,
    wait: float,
    keep: str | None,
    policy: str | None,
    allowed: tuple[str, ...],
    no_role: bool,
    key_file: Path | None,
    force: bool,
) -> None:
    """Set up Elasticsearch: templates for logs-spring-*, their lifecycle, and a role that may only write there.

    Running it again changes nothing. What was changed by somebody else stays; additions of your own belong in the
    component template sawlog-spring@custom. Without --retention and --ilm-policy, what is set stays.
    """
    if keep is not None and policy is not None:
        raise click.UsageError("give --retention or --ilm-policy: a policy says itself how long documents are kept")
    store = elasticsearch(urls, user=user, api_key=api_key, ca=ca, template=False)
    patterns = (mappings.PATTERN, *allowed)
    wanted = mappings.Lifecycle(keep, policy)
    outcomes = asyncio.run(_setup(store, wait, wanted, () if no_role else patterns, key_file, force=force))
    print_rows([(one.kind, one.name, one.action, one.note) for one in outcomes])


async def _setup(
    store: ElasticsearchStore,
    wait: float,
    kept: mappings.Lifecycle,
    patterns: tuple[str, ...],
    key_file: Path | None,
    *,
    force: bool,
) -> list[AssetOutcome]:
    async with store:
        secured = await _reach(store, wait)
        if kept.policy is not None:
            await _find_policy(store, kept.policy)
        set_up = kept if kept != mappings.Lifecycle() else await lifecycle(store.request)
        outcomes = [await install(store.request, asset, force=force) for asset in templates(set_up)]
        if kept.retention is not None:
            outcomes += await _streams(store, kept.retention)
        elif kept.policy is not None:
            outcomes += await _managed(store, kept.policy)
        if patterns and secured:
            outcomes.append(await install(store.request, role(patterns), force=force))
        elif patterns:
            outcomes.append(AssetOutcome("role", ROLE, "kept", "security is off here: everybody may do everything"))
        if key_file is not None:
            if not secured:
                raise ConfigError("--key-file: this Elasticsearch has no API keys, because its security is off")
            outcomes.append(await _key(store, patterns or (mappings.PATTERN,), key_file))
    return outcomes


async def _reach(store: ElasticsearchStore, wait: float) -> bool:
    """Wait until the cluster answers; return whether its security is on."""
    retrying = AsyncRetrying(
        wait=wait_exponential(multiplier=0.2, max=2),
        stop=stop_after_delay(wait),
        retry=retry_if_exception_type(StoreUnavailableError),
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            try:
                await store.request("GET", "/_security/_authenticate")
            except RefusedError as error:
                if error.status not in _NO_SUCH_API:
                    raise
                return False
    return True


async def _find_policy(store: ElasticsearchStore, policy: str) -> None:
    try:
        there: dict[str, Any] = await store.request("GET", "/_ilm/policy")
    except RefusedError as error:
        if error.status not in _NO_SUCH_API:
            raise
        raise ConfigError("--ilm-policy: this Elasticsearch has no ILM") from None
    if policy not in there:
        raise ConfigError(f"--ilm-policy: there is no policy {policy!r}", hint=nearest(policy, there))


async def _managed(store: ElasticsearchStore, policy: str) -> list[AssetOutcome]:
    """Give the indices that are there the policy, which a template gives to new ones alone."""
    path = f"/{mappings.PATTERN}/_settings"
    # Each index has a uuid, and is therefore in the answer.
    indices: dict[str, Any] = await store.request("GET", f"{path}/index.lifecycle.name,index.uuid?flat_settings=true")
    wrong = [name for name, one in indices.items() if one["settings"].get("index.lifecycle.name") != policy]
    if not wrong:
        return [AssetOutcome("data streams", mappings.PATTERN, "unchanged", f"{len(indices)} indices there")]
    await store.request("PUT", path, {"index.lifecycle.name": policy})
    return [AssetOutcome("data streams", mappings.PATTERN, "updated", f"{len(indices)} indices there follow {policy}")]


async def _streams(store: ElasticsearchStore, keep: str) -> list[AssetOutcome]:
    """Give the data streams that are there the retention, which a template gives to new ones alone."""
    path = f"/_data_stream/{mappings.PATTERN}"
    try:
        answer: dict[str, Any] = await store.request("GET", path, missing={})
    except RefusedError as error:
        if error.status not in _NO_SUCH_API:
            raise
        return [
            AssetOutcome("data streams", mappings.PATTERN, "kept", "this Elasticsearch has no API for their lifecycles")
        ]
    streams = answer.get("data_streams", [])
    if all(one.get("lifecycle", {}).get("data_retention") == keep for one in streams):
        return [AssetOutcome("data streams", mappings.PATTERN, "unchanged", f"{len(streams)} there")]
    await store.request("PUT", f"{path}/_lifecycle", {"data_retention": keep})
    return [AssetOutcome("data streams", mappings.PATTERN, "updated", f"{len(streams)} there are kept {keep}")]


async def _key(store: ElasticsearchStore, patterns: tuple[str, ...], path: Path) -> AssetOutcome:
    """Make an API key and write it into a file that only its owner can read; a file that is there is left."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return AssetOutcome("API key", KEY_NAME, "unchanged", f"{path} is there")
    except OSError as error:
        raise ConfigError(f"--key-file: {path} cannot be written: {error.strerror}") from None
    body = {"name": KEY_NAME, "role_descriptors": {ROLE: role_descriptor(patterns)}}
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            answer = await store.request("POST", "/_security/api_key", body)
            file.write(f"{answer['encoded']}\n")
    except BaseException:
        os.unlink(path)  # noqa: PTH108 - a moment, at the end of a command
        raise
    return AssetOutcome("API key", KEY_NAME, "created", f"in {path}")
