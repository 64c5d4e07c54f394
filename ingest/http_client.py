"""What plugins that make HTTP requests share: the options of connections, and the session that they ask for."""

from __future__ import annotations

import base64
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from ingest.options import Kind, Option, Options
from ingest.output import tls

OPTIONS: Final[dict[str, Option]] = {
    "user": Option(Kind.STRING, "The user name, for basic authentication."),
    "password": Option(Kind.PASSWORD, "That user's password."),
    "request_timeout": Option(Kind.NUMBER, "Seconds for a whole request.", 60),
    "connect_timeout": Option(Kind.NUMBER, "Seconds for making a connection.", 10),
    "socket_timeout": Option(Kind.NUMBER, "Seconds without data in an answer.", 10),
    "follow_redirects": Option(Kind.BOOLEAN, "Whether redirects are followed.", True),
    "cookies": Option(Kind.BOOLEAN, "Whether cookies are kept.", True),
    "keepalive": Option(Kind.BOOLEAN, "Whether connections are used again.", True),
    "pool_max": Option(Kind.NUMBER, "Most connections.", 50),
    "pool_max_per_route": Option(Kind.NUMBER, "Most connections to one host.", 25),
    "proxy": Option(Kind.ANY, "A proxy: its URL, or a hash of url or scheme, host and port, user and password."),
    **tls.OPTIONS,
    "ssl_certificate_validation": Option(Kind.BOOLEAN, "Old form of ssl_verification_mode => none.", True),
    "client_cert": Option(Kind.PATH, "", replaced_by="ssl_certificate"),
    "client_key": Option(Kind.PATH, "", replaced_by="ssl_key"),
    "keystore_type": tls.OPTIONS["ssl_keystore_type"],
    "truststore_type": tls.OPTIONS["ssl_truststore_type"],
    "validate_after_inactivity": Option(Kind.NUMBER, "", 200, noted="a connection that was closed is made anew"),
}


def check(options: Options) -> None:
    """Raise the error of options that contradict one another, or the URL; files are not looked at."""
    tls.check(options)
    if options["ssl_enabled"] is False and options["url"].startswith("https:"):
        raise options.error("'ssl_enabled' and the https in 'url' contradict one another", "ssl_enabled")


def check_files(options: Options) -> None:
    """Raise ConfigError when a file of certificates or keys cannot be used."""
    tls.context(options)


def session_of(options: Options) -> aiohttp.ClientSession:
    """Open the session that the options ask for, on the running event loop.

    Raises:
        ConfigError: a file of certificates or keys cannot be used.
    """
    return aiohttp.ClientSession(
        headers=_login(options),
        connector=aiohttp.TCPConnector(
            limit=int(options["pool_max"]),
            limit_per_host=int(options["pool_max_per_route"]),
            force_close=not options["keepalive"],
            ssl=tls.context(options, verify=options["ssl_certificate_validation"]),
        ),
        cookie_jar=None if options["cookies"] else aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(
            options["request_timeout"], sock_connect=options["connect_timeout"], sock_read=options["socket_timeout"]
        ),
    )


def proxy_of(options: Options) -> str | None:
    """Return the proxy's URL, with the user and password in it."""
    given: Any = options["proxy"]
    if not given:
        return None
    if isinstance(given, str):
        return given
    if not isinstance(given, dict) or not (given.get("url") or given.get("host")):
        raise options.error("a proxy is a URL, or a hash with url or host", "proxy")
    port = f":{given['port']}" if given.get("port") else ""
    url = str(given.get("url") or f"{given.get('scheme', 'http')}://{given['host']}{port}")
    if not given.get("user"):
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{quote(str(given['user']), safe='')}:{quote(str(given.get('password', '')), safe='')}@{rest}"


def _login(options: Options) -> dict[str, str]:
    if not options["user"]:
        return {}
    login = f"{options['user']}:{options['password'] or ''}"
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
