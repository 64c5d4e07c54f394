"""opensearch: events as documents of OpenSearch's indices, as the elasticsearch output writes them.

sawlog's own templates are not installed: they name types of fields that OpenSearch does not have.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from ingest.options import Kind, Option, Options
from ingest.output.elasticsearch import Elasticsearch
from ingest.output.elasticsearch_options import OPTIONS

_ELASTICS: Final = "OpenSearch has none: give a user and a password, or a client's certificate"


class OpenSearch(Elasticsearch):
    """What differs are the media types, how one logs in, and what is done when nothing is said of data streams."""

    name = "opensearch"
    product = "OpenSearch"
    options: ClassVar = {
        **OPTIONS,
        "cloud_id": replace(OPTIONS["cloud_id"], refused=_ELASTICS),
        "cloud_auth": replace(OPTIONS["cloud_auth"], refused=_ELASTICS),
        "api_key": replace(OPTIONS["api_key"], refused=_ELASTICS),
        "data_stream": Option(
            Kind.STRING,
            "Whether to write to a data stream, for which OpenSearch has a template.",
            "false",
            one_of=("true", "false", "auto"),
        ),
        "auth_type": Option(Kind.HASH, "How one logs in: type => basic, user and password.", {}),
    }

    def __init__(self, options: Options) -> None:
        _log_in(options)
        super().__init__(options)

    def _wants_our_template(self) -> bool:
        return False


def _log_in(options: Options) -> None:
    """Take user and password from `auth_type`."""
    given = options["auth_type"]
    if not given:
        return
    if given.get("type") != "basic":
        raise options.error(
            "'auth_type' is basic here: requests are not signed for Amazon's IAM",
            "auth_type",
            "use a user of the cluster",
        )
    unknown = sorted(set(given) - {"type", "user", "password"})
    if unknown:
        raise options.error(f"'auth_type' has no '{unknown[0]}' with type => basic", "auth_type")
    for name in ("user", "password"):
        options.values[name] = given.get(name) or options.values[name]
