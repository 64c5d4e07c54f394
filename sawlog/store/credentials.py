"""The Elasticsearch that a command line and its environment name, with the credentials that the environment holds.

    SAWLOG_ELASTICSEARCH_USERNAME, SAWLOG_ELASTICSEARCH_PASSWORD    HTTP Basic; the user is elastic if not given
    SAWLOG_ELASTICSEARCH_API_KEY                                    an API key in Elasticsearch's encoded form
    SAWLOG_ELASTICSEARCH_CA                                         a file with the certificate of the server's CA

The password and the key can also stand in a file that the variable with ``_FILE`` behind its name names, as Docker
and systemd hand secrets over. A user in the URL comes before user, password and key of the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sawlog.errors import ConfigError
from sawlog.store.base import DEFAULT_INDEX
from sawlog.store.elasticsearch import ElasticsearchStore

USERNAME_VARIABLE: Final = "SAWLOG_ELASTICSEARCH_USERNAME"
PASSWORD_VARIABLE: Final = "SAWLOG_ELASTICSEARCH_PASSWORD"  # noqa: S105 - the variable's name, not a password
API_KEY_VARIABLE: Final = "SAWLOG_ELASTICSEARCH_API_KEY"
CA_VARIABLE: Final = "SAWLOG_ELASTICSEARCH_CA"


def elasticsearch(urls: str, index: str = DEFAULT_INDEX) -> ElasticsearchStore:
    """Return the store at `urls`, one or several with commas between, not open yet.

    Raises:
        ConfigError: a URL is none, the variables contradict one another, or a file that one names cannot be read.
    """
    hosts = [url.strip() for url in urls.split(",") if url.strip()]
    ca = os.environ.get(CA_VARIABLE) or None
    if ca is not None and not Path(ca).is_file():
        raise ConfigError(f"{CA_VARIABLE}: there is no file {ca}")
    if any(_has_user(url) for url in hosts):
        return ElasticsearchStore(hosts, ca_certs=ca, index=index)
    username, password, key = os.environ.get(USERNAME_VARIABLE), _secret(PASSWORD_VARIABLE), _secret(API_KEY_VARIABLE)
    if username and not password:
        raise ConfigError(f"{USERNAME_VARIABLE} is given without {PASSWORD_VARIABLE}")
    if password and key:
        raise ConfigError(f"give {PASSWORD_VARIABLE} or {API_KEY_VARIABLE}, not both")
    user = (username or "elastic") if password else None
    return ElasticsearchStore(hosts, username=user, password=password, api_key=key, ca_certs=ca, index=index)


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
