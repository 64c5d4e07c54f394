"""Servers on this machine's own addresses, which no web page may use.

A browser on this machine reaches what listens on loopback for any page that it shows. Such a request names a foreign
host (DNS rebinding), comes from a foreign origin, or says itself that it is from another site; programs do none of it.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp import web


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def came_over_loopback(request: web.BaseRequest) -> bool:
    """Whether the request came to one of this machine's own addresses."""
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return isinstance(name, tuple) and is_loopback(str(name[0]).removeprefix("::ffff:"))


def foreign_host(request: web.BaseRequest) -> str | None:
    """Return the name under which the request asks for this machine when that is another's, else None.

    A request without ``Host`` (HTTP/1.0) comes from no browser.
    """
    given = request.headers.get("Host", "")
    return given if given and not _is_own(_host_of(f"http://{given}")) else None


def foreign_page(request: web.BaseRequest) -> str | None:
    """Return the origin of the web page that sent the request when it is not one of this machine, else None."""
    origin = request.headers.get("Origin")
    if origin is not None and not _is_own(_host_of(origin)):
        return origin
    site = request.headers.get("Sec-Fetch-Site")
    return f"a {site} page" if origin is None and site in ("cross-site", "same-site") else None


def _is_own(host: str) -> bool:
    return is_loopback(host) or host == socket.gethostname().lower()


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
