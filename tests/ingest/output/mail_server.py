"""A mail server that keeps what it is sent."""

from __future__ import annotations

import asyncio
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope


class MailServer:
    """Refuses mails to ``nobody@…``, for now those to ``later@…``; takes the login u, p where it asks for one."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, login: bool = False) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.host_names: list[str] = []
        self._tls = tls
        self._login = login
        self.connections: set[SMTP] = set()
        """Those that are open."""

    async def start(self) -> None:
        def made() -> SMTP:
            return _Connection(
                self, self.connections, loop=asyncio.get_running_loop(), tls_context=self._tls,
                require_starttls=self._tls is not None, auth_required=self._login, auth_require_tls=False,
                authenticator=_check if self._login else None,
            )  # fmt: skip

        self._server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802 - aiosmtpd's
        if address.startswith("nobody@"):
            return "550 there is no such user"
        if address.startswith("later@"):
            return "450 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        assert isinstance(envelope.content, bytes)
        self.mails.append(cast("EmailMessage", message_from_bytes(envelope.content, policy=policy.default)))
        self.recipients.append(list(map(str, envelope.rcpt_tos)))
        self.host_names.append(session.host_name)
        return "250 OK"


class _Connection(SMTP):
    def __init__(self, handler: MailServer, connections: set[SMTP], **settings: Any) -> None:
        super().__init__(handler, **settings)
        self._all = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._all.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._all.discard(self)
        super().connection_lost(error)


def _check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    # What is not handled, the server answers: it says nothing of its own else.
    is_right = (data.login, data.password) == (b"u", b"p")
    return AuthResult(success=is_right, handled=is_right)
