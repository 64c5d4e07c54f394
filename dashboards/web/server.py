"""Serve the application on an address, with credentials when the address can be reached from elsewhere."""

from __future__ import annotations

import errno
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from sawlog import bad_requests
from sawlog.access import ACCESS, Access, Tls, password_for
from sawlog.errors import SawlogError
from sawlog.loopback import is_loopback

PASSWORD_VARIABLE: Final = "SAWLOG_WEB_PASSWORD"  # noqa: S105 - the variable's name, not a password


log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(
    app: web.Application, host: str = "127.0.0.1", port: int = 5601, tls: Tls | None = None
) -> AsyncIterator[str]:
    """Serve until the context ends; gives the address, ``http://127.0.0.1:5601``. Port 0 takes a free one.

    If ``SAWLOG_WEB_PASSWORD`` (or a file named by ``SAWLOG_WEB_PASSWORD_FILE``) is set, everyone signs in as
    ``sawlog`` with it.

    Raises:
        ConfigError: the certificate or its key cannot be used.
        SawlogError: the port is taken, the address is not this machine's, or it is not a loopback address and
            there is no password.
    """
    password = password_for(PASSWORD_VARIABLE, host, "the logs", "--host")
    context = tls.context() if tls is not None else None
    if context is None and not is_loopback(host):
        log.warning("the page on %s:%d is not encrypted: its password and the logs can be read on their way"
                    " (--tls-cert and --tls-key, or a proxy that speaks TLS)", host, port)  # fmt: skip
    app[ACCESS] = Access(password=password, loopback=is_loopback(host))
    bad_requests.tell_in_a_line()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=context)
        try:
            await site.start()
        except OSError as error:
            raise SawlogError(_why(error, host, port)) from error
        yield _address(runner, host, "http" if context is None else "https")
    finally:
        await runner.cleanup()


def _address(runner: web.AppRunner, host: str, scheme: str) -> str:
    port = runner.addresses[0][1]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} is not allowed to this user; choose one from 1024 up with --port"
    return f"cannot listen on {host} port {port}: {error.strerror or error}; see --host and --port"
