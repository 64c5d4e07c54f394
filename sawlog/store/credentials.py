"""The credentials for Elasticsearch and Kibana that a command line and its environment give.

    SAWLOG_ELASTICSEARCH_USERNAME, SAWLOG_ELASTICSEARCH_PASSWORD    HTTP Basic; the user is elastic if not given
    SAWLOG_ELASTICSEARCH_API_KEY                                    an API key in Elasticsearch's encoded form
    SAWLOG_ELASTICSEARCH_CA                                         a file with the certificate of the server's CA

The password and the key can also stand in a file that the variable with ``_FILE`` behind its name names, as Docker
and systemd hand secrets over. For Kibana the variables begin with ``SAWLOG_KIBANA``. What a command line names comes
before the environment, and a user in the URL before both.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sawlog.errors import ConfigError
from sawlog.store.base import DEFAULT_INDEX
from sawlog.store.elasticsearch import ElasticsearchStore

ELASTICSEARCH: Final = "SAWLOG_ELASTICSEARCH"
KIBANA: Final = "SAWLOG_KIBANA"
"""The beginnings of the variables' names."""
DEFAULT_USER: Final = "elastic"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with a password, or an API key, or neither; and the file of the CA's certificate."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    ca: str | None = None


def credentials(
    service: str, *, user: str | None = None, api_key: str | None = None, ca: str | None = None
) -> Credentials:
    """Return the credentials for a service, `ELASTICSEARCH` or `KIBANA`; the arguments are a command line's.

    `user` may hold a password behind a colon.

    Raises:
        ConfigError: they contradict one another, or a file that one names cannot be read.
    """
    authority = ca or os.environ.get(f"{service}_CA") or None
    if authority is not None and not Path(authority).is_file():
        raise ConfigError(f"{'--ca' if ca else f'{service}_CA'}: there is no file {authority}")
    if user and api_key:
        raise ConfigError("give --user or --api-key, not both")
    if api_key:
        return Credentials(api_key=api_key, ca=authority)
    name, _, password = (user or "").partition(":")
    if password:
        return Credentials(name, password, ca=authority)
    username, found = name or os.environ.get(f"{service}_USERNAME"), _secret(f"{service}_PASSWORD")
    key = None if user else _secret(f"{service}_API_KEY")
    if username and not found:
        raise ConfigError(f"{'--user' if user else f'{service}_USERNAME'} is given without {service}_PASSWORD")
    if found and key:
        raise ConfigError(f"give {service}_PASSWORD or {service}_API_KEY, not both")
    return Credentials((username or DEFAULT_USER) if found else None, found, key, authority)


def elasticsearch(
    urls: str,
    index: str = DEFAULT_INDEX,
    *,
    user: str | None = None,
    api_key: str | None = None,
    ca: str | None = None,
    template: bool = True,
) -> ElasticsearchStore:
    """Return the store at `urls`, one or several with commas between, not open yet.

    Raises:
        ConfigError: a URL is none, or as `credentials` does.
    """
    hosts = [url.strip() for url in urls.split(",") if url.strip()]
    if any(_has_user(url) for url in hosts) and not (user or api_key):
        authority = ca or os.environ.get(f"{ELASTICSEARCH}_CA") or None
        if authority is not None and not Path(authority).is_file():
            raise ConfigError(f"{'--ca' if ca else f'{ELASTICSEARCH}_CA'}: there is no file {authority}")
        return ElasticsearchStore(hosts, ca_certs=authority, index=index, template=template)
    found = credentials(ELASTICSEARCH, user=user, api_key=api_key, ca=ca)
    return ElasticsearchStore(
        hosts,
        username=found.username,
        password=found.password,
        api_key=found.api_key,
        ca_certs=found.ca,
        index=index,
        template=template,
    )


def _secret(name: str) -> str | None:
    """Return the variable's value, or the content of the file that the variable with ``_FILE`` names."""
    value, file = os.environ.get(name), os.environ.get(f"{name}_FILE")
    if value or not file:
        return value or None
    try:
        value = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}_FILE: cannot read {file}: {error}") from None
    if not value:
        raise ConfigError(f"{name}_FILE: {file} is empty")
    return value


def _has_user(url: str) -> bool:
    try:
        return urlsplit(url if "://" in url else f"http://{url}").username is not None
    except ValueError:
        return False
