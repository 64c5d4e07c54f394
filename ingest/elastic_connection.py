"""How plugins reach a cluster of Elasticsearch: the options, under Logstash's names, as hosts, login and a client.

What the elasticsearch output has beside these (old names, a path, a port for all hosts) is read where it is given.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from ingest.lang.sprintf import render
from ingest.options import Kind, Option, Options
from ingest.output import tls
from sawlog.store.elasticsearch import ElasticsearchStore

CA: Final = "give the CA's certificate in ssl_certificate_authorities"
PORT: Final = 9200

OPTIONS: Final[dict[str, Option]] = {
    "hosts": Option(Kind.ARRAY, "Hosts: names with or without port, or URLs; port 9200 if none.", ["localhost:9200"]),
    "cloud_id": Option(Kind.STRING, "The id of a deployment in Elastic's cloud, instead of hosts."),
    "user": Option(Kind.STRING, "The user name."),
    "password": Option(Kind.PASSWORD, "That user's password."),
    "cloud_auth": Option(Kind.PASSWORD, "User name, colon, password."),
    "api_key": Option(Kind.PASSWORD, "An API key: id, colon, key; or encoded."),
    "proxy": Option(Kind.STRING, "The URL of an HTTP proxy."),
    "custom_headers": Option(Kind.HASH, "Headers for each request.", {}),
    **tls.OPTIONS,
    "ssl": Option(Kind.BOOLEAN, "", replaced_by="ssl_enabled"),
    "ca_file": Option(Kind.ARRAY, "", replaced_by="ssl_certificate_authorities"),
    "ca_trusted_fingerprint": Option(Kind.STRING, "", refused=CA),
}
"""Those of the filter and the input."""


def hosts_of(options: Options) -> list[str]:
    """Complete the hosts to URLs, as Logstash does: port 9200 if none is named, http unless TLS is asked for."""
    if options["cloud_id"]:
        if options.given("hosts"):
            raise options.error("give 'hosts' or 'cloud_id', not both", "cloud_id")
        return [_cloud_url(options)]
    if not options["hosts"]:
        raise options.error("there is no host", "hosts")
    return [_url(options, str(host)) for host in options["hosts"]]


def login_of(options: Options) -> tuple[str | None, str | None]:
    """Return the user name and the password, if there are any."""
    user, password = options["user"], options["password"]
    if options["cloud_auth"]:
        if user:
            raise options.error("give 'user' or 'cloud_auth', not both", "cloud_auth")
        user, colon, password = options["cloud_auth"].partition(":")
        if not colon:
            raise options.error("'cloud_auth' is a user name, a colon and a password", "cloud_auth")
    if user and options["api_key"]:
        raise options.error("give a user name or an API key, not both", "api_key")
    if password and not user:
        raise options.error("the password has no 'user'", "password")
    return user or None, password or None


def api_key_of(options: Options) -> str | None:
    """Return the key in the form of the header: an ``id:key`` is encoded, one that is encoded already stays."""
    key = options["api_key"]
    return base64.b64encode(key.encode()).decode() if key and ":" in key else key or None


class Cluster:
    """The cluster that a filter or an input asks: its options are checked when it is made, files are read later."""

    def __init__(self, options: Options) -> None:
        """Raises ConfigError when options contradict one another."""
        tls.check(options)
        self._options = options
        self._hosts = hosts_of(options)
        self._login = login_of(options)
        self._api_key = api_key_of(options)

    def check_files(self) -> None:
        """Raise ConfigError when a file of certificates or keys cannot be used."""
        tls.context(self._options)

    async def connect(self, seconds: float = 60.0) -> ElasticsearchStore:
        """Return a client, which has asked for nothing yet; a request may take so many seconds.

        Raises:
            ConfigError: a file of certificates or keys cannot be used.
            StoreError: the cluster cannot be used with these options.
        """
        options = self._options
        verified = any(host.startswith("https:") for host in self._hosts)
        store = ElasticsearchStore(
            self._hosts,
            username=self._login[0],
            password=self._login[1],
            api_key=self._api_key,
            timeout=seconds,
            headers={str(name): render(value) for name, value in options["custom_headers"].items()},
            proxy=options["proxy"] or None,
            ssl_context=tls.context(options) if verified else None,
            template=False,
        )
        await store.open()
        return store


def _url(options: Options, host: str) -> str:
    enabled, given = options["ssl_enabled"], options.values
    scheme = "https" if enabled or given.get("protocol") == "https" else "http"
    text = host.strip()
    text = f"{scheme}:{text}" if text.startswith("//") else text if "://" in text else f"{scheme}://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        hint = "such as localhost:9200 or https://elastic.example:9200"
        raise options.error("a host is not a name, with or without port, and not a URL", "hosts", hint)
    if enabled is not None and enabled != (parts.scheme == "https"):
        raise options.error(f"'ssl_enabled' and the {parts.scheme} in 'hosts' contradict one another", "ssl_enabled")
    below = given.get("path")
    if parts.path.strip("/") and below:
        raise options.error("a path stands in 'hosts' already", "path")
    path = parts.path.rstrip("/") or ("/" + str(below).strip("/") if below else "")
    netloc = parts.netloc if port else f"{parts.netloc.rstrip(':')}:{int(given.get('port') or PORT)}"
    return urlunsplit((parts.scheme, netloc, path, "", ""))


def _cloud_url(options: Options) -> str:
    text = options["cloud_id"].rpartition(":")[2]
    try:
        domain, name = base64.b64decode(text + "=" * (-len(text) % 4)).decode().split("$")[:2]
    except (binascii.Error, ValueError):
        domain = name = ""
    if not domain or not name:
        raise options.error("this is no cloud_id", "cloud_id", "copy it from the page of the deployment")
    host, _, port = domain.partition(":")
    return f"https://{name}.{host}:{port or 443}"
