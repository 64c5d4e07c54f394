"""Serve the application on an address, with credentials when the address can be reached from elsewhere."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from dashboards.web.security import ACCESS, Access, is_loopback
from sawlog.errors import SawlogError

PASSWORD_VARIABLE: Final = "SAWLOG_WEB_PASSWORD"  # noqa: S105 - the variable's name, not a password
PASSWORD_FILE_VARIABLE: Final = "SAWLOG_WEB_PASSWORD_FILE"  # noqa: S105 - likewise


@asynccontextmanager
async def serve(app: web.Application, host: str = "127.0.0.1", port: int = 5601) -> AsyncIterator[str]:
    """Serve until the context ends; gives the address, ``http://127.0.0.1:5601``. Port 0 takes a free one.

    If ``SAWLOG_WEB_PASSWORD`` (or a file named by ``SAWLOG_WEB_PASSWORD_FILE``) is set, everyone signs in as
    ``sawlog`` with it.

    Raises:
        SawlogError: the port is taken, the address is not this machine's, or it is not a loopback address and
            there is no password.
    """
    password = _password()
    if password is None and not is_loopback(host):
        raise SawlogError(
            f"host {host} can be reached from other machines, and the logs would be open to them: "
            f"set {PASSWORD_VARIABLE} (or {PASSWORD_FILE_VARIABLE}), or leave out --host"
        )
    app[ACCESS] = Access(password=password, loopback=is_loopback(host))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise SawlogError(_why(error, host, port)) from error
        yield _address(runner, host)
    finally:
        await runner.cleanup()


def _password() -> str | None:
    password = os.environ.get(PASSWORD_VARIABLE)
    file = os.environ.get(PASSWORD_FILE_VARIABLE)
    if not password and file:
        try:
            password = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SawlogError(f"{PASSWORD_FILE_VARIABLE}: cannot read {file}: {error}") from error
        if not password:
            raise SawlogError(f"{PASSWORD_FILE_VARIABLE}: {file} is empty")
    return password or None


def _address(runner: web.AppRunner, host: str) -> str:
    port = runner.addresses[0][1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} is not allowed to this user; choose one from 1024 up with --port"
    return f"cannot listen on {host} port {port}: {error.strerror or error}; see --host and --port"
