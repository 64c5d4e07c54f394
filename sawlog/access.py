"""Who may ask a server of sawlog's own: the page, and metrics and health.

On loopback anyone on the machine may ask, but only under a loopback name: a foreign page whose name was made to
resolve to 127.0.0.1 (DNS rebinding) sends its own name in ``Host`` and is refused. Beyond loopback, HTTP Basic
credentials are required (`password_for` does not let a server start without).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

from sawlog.errors import ConfigError, SawlogError
from sawlog.logins import Logins, TurnedAwayError
from sawlog.loopback import is_loopback
from sawlog.passwords import given
from sawlog.tls import Identity, TlsError, server

USER: Final = "sawlog"


@dataclass(frozen=True, slots=True)
class Tls:
    """A server's certificate, with those that signed it behind it, and its key: PEM files."""

    certificate: Path
    key: Path
    options: tuple[str, str] = ("--tls-cert", "--tls-key")
    """What names them, for messages."""

    def context(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            ConfigError: a file is missing, unreadable, or not what it should be.
        """
        first, second = self.options
        for file in (self.certificate, self.key):
            if not file.is_file():
                raise ConfigError(f"{first} and {second}: there is no file {file}")
        try:
            return server(Identity(str(self.certificate), str(self.key)))
        except TlsError as error:
            raise ConfigError(
                f"{first} {self.certificate} and {second} {self.key} cannot be used: {error.reason}"
            ) from None


@dataclass(frozen=True, slots=True)
class Access:
    """`password`: required of everyone if given. `loopback`: only loopback names are accepted in ``Host``."""

    password: str | None = None
    loopback: bool = True
    user: str = USER
    logins: Logins = field(default_factory=Logins)

    async def refusal(self, request: web.Request) -> web.Response | None:
        """Return the answer to whoever has not the right credentials; None: let the request through."""
        try:
            knows = await self._knows(request)
        except TurnedAwayError:
            return web.Response(status=429, text="Too many failed logins.\n", headers={"Retry-After": "10"})
        if knows:
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="sawlog", charset="UTF-8"'}
        return web.Response(status=401, text=f"Sign in as user {self.user}.\n", headers=challenge)

    async def _knows(self, request: web.Request) -> bool:
        if self.password is None:
            return True
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        wanted = f"{self.user}:{self.password}".encode()
        return await self.logins.passes(request.remote or "", encoded, lambda: _is(encoded, wanted))


ACCESS: Final = web.AppKey("access", Access)


def password_for(variable: str, host: str, what: str, hint: str) -> str | None:
    """Return the password in the environment, or in the file that `variable` with ``_FILE`` behind it names.

    `what` would be open to other machines without; `hint` says which option would keep it here.

    Raises:
        SawlogError: the file cannot be used, or `host` is no loopback address and there is no password.
    """
    password = given(variable)
    if password is None and not is_loopback(host):
        raise SawlogError(
            f"host {host} can be reached from other machines, and {what} would be open to them: "
            f"set {variable} (or {variable}_FILE), or leave out {hint}"
        )
    return password


def _is(encoded: str, wanted: bytes) -> bool:
    try:
        return hmac.compare_digest(base64.b64decode(encoded, validate=True), wanted)
    except (binascii.Error, ValueError):
        return False
