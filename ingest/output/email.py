"""email: each event as a mail, over SMTP."""

from __future__ import annotations

import asyncio
import html
import mimetypes
import re
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.options import Kind, Option, Options
from ingest.output.base import Output
from sawlog.errors import StoreUnavailableError
from sawlog.event import Event
from sawlog.extras import library
from sawlog.store.base import Refusal

SECONDS: Final = 60.0
ATTACHED: Final = 16 << 20
"""What the files of a mail may have together."""
_FIXED: Final = "the path of a file would be what an event says"


class Email(Output):
    """A mail that is sent again after a connection broke may come twice."""

    name = "email"
    options: ClassVar[dict[str, Option]] = {
        "to": Option(
            Kind.STRING, "Whom to; several are parted by commas. Takes sprintf, as the next six do.", required=True
        ),
        "from": Option(Kind.STRING, "Whom from.", "logstash.alert@example.com"),
        "cc": Option(Kind.STRING, "Whom a copy goes to."),
        "bcc": Option(Kind.STRING, "Whom a copy goes to that nobody else hears of."),
        "replyto": Option(Kind.STRING, "Whom answers go to."),
        "subject": Option(Kind.STRING, "The subject.", ""),
        "body": Option(Kind.STRING, "The text.", ""),
        "htmlbody": Option(Kind.STRING, "The text in HTML; what events say is escaped in it.", ""),
        "contenttype": Option(Kind.STRING, "", noted="the HTML part is text/html in UTF-8"),
        "attachments": Option(Kind.ARRAY, "Files of this machine to attach.", []),
        "address": Option(Kind.STRING, "The mail server.", "localhost"),
        "port": Option(Kind.NUMBER, "Its port.", 25),
        "domain": Option(Kind.STRING, "How to introduce oneself to it.", "localhost"),
        "username": Option(Kind.STRING, "The user name."),
        "password": Option(Kind.PASSWORD, "That user's password."),
        "authentication": Option(
            Kind.STRING, "", noted="the best one that the server offers is taken: CRAM-MD5, PLAIN or LOGIN"
        ),
        "use_tls": Option(Kind.BOOLEAN, "Whether to speak TLS: on port 465 at once, else by STARTTLS.", False),
        "via": Option(Kind.STRING, "How mails go out: smtp.", "smtp"),
        "debug": Option(Kind.BOOLEAN, "", False, noted="--log.level says what is told"),
        "template_file": Option(Kind.PATH, "", refused="Mustache is not read; write the HTML into 'htmlbody'"),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._smtp = library("aiosmtplib", "mail", "the email output")
        if options["via"] != "smtp":
            raise options.error(f"mails go out via smtp, and not via {options['via']!r}: no program is run", "via")
        if bool(options["username"]) != bool(options["password"]):
            raise options.error("'username' and 'password' need each other")
        self._options = options
        self._texts = {
            name: settings.template(options, name)
            for name in ("to", "from", "cc", "bcc", "replyto", "subject", "body")
            if options[name]
        }
        self._html = settings.template(options, "htmlbody") if options["htmlbody"] else None
        if any(settings.is_dynamic(str(one)) for one in options["attachments"]):
            raise options.error(_FIXED, "attachments", "name files as they are")
        self._files = [Path(str(one)) for one in options["attachments"]]
        self._turn = asyncio.Lock()
        self._client: Any = None

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        refusals: list[Refusal] = []
        async with self._turn:
            for place, event in enumerate(events):
                try:
                    if (reason := await self._send(event)) is not None:
                        refusals.append(Refusal(place, 400, "mail_refused", reason))
                except (OSError, self._smtp.SMTPException) as error:
                    await self._drop()
                    where = f"{self._options['address']}:{self._options['port']}"
                    raise StoreUnavailableError(f"{where}: {error}") from None
        return refusals

    async def close(self) -> None:  # noqa: D102 - Output.close
        client, self._client = self._client, None
        if client is not None:
            try:
                await client.quit()
            except (OSError, self._smtp.SMTPException):
                client.close()

    async def _send(self, event: Event) -> str | None:
        """Send one mail; return why it never can be."""
        try:
            mail, to = await asyncio.to_thread(self._mail, event)
        except ValueError as error:
            return str(error)
        if self._client is None or not self._client.is_connected:
            await self._connect()
        try:
            await self._client.send_message(mail, recipients=to)
        except self._smtp.SMTPRecipientsRefused as error:
            codes = {one.code for one in error.recipients}
            if any(400 <= code < 500 for code in codes):
                raise
            return "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in error.recipients)
        except self._smtp.SMTPResponseException as error:
            if not 500 <= error.code < 600:
                raise
            return f"{error.code} {error.message}"
        return None

    async def _connect(self) -> None:
        options = self._options
        direct = options["use_tls"] and options["port"] == 465
        client = self._smtp.SMTP(
            hostname=options["address"],
            port=int(options["port"]),
            local_hostname=options["domain"],
            timeout=SECONDS,
            use_tls=direct,
            start_tls=options["use_tls"] and not direct,
            tls_context=ssl.create_default_context() if options["use_tls"] else None,
        )
        try:
            await client.connect()
            if options["username"]:
                await client.login(options["username"], options["password"])
        except BaseException:
            client.close()
            raise
        self._client = client

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _mail(self, event: Event) -> tuple[EmailMessage, list[str]]:
        """Make the mail and the list of whom it goes to.

        Raises:
            ValueError: there is nobody, an address is none, or a file cannot be read.
        """
        said = {name: text(event) for name, text in self._texts.items()}
        mail = EmailMessage()
        to: list[str] = []
        for name, header in (("to", "To"), ("cc", "Cc"), ("bcc", ""), ("from", "From"), ("replyto", "Reply-To")):
            given = said.get(name, "")
            if "\n" in given or "\r" in given:
                raise ValueError(f"'{name}' has more than one line: {given!r:.80}")
            if given and header:
                mail[header] = given
            if name in ("to", "cc", "bcc"):
                to += [address.strip() for address in given.split(",") if address.strip()]
        if not to:
            raise ValueError("there is nobody to send it to")
        mail["Subject"] = re.sub(r"\s+", " ", said.get("subject", ""))
        mail.set_content(said.get("body", ""))
        if self._html is not None:
            mail.add_alternative(self._html(_escaped(event)), subtype="html")
        for file in self._files:
            self._attach(mail, file)
        return mail, to

    @staticmethod
    def _attach(mail: EmailMessage, file: Path) -> None:
        kind, _, subtype = (mimetypes.guess_type(file.name)[0] or "application/octet-stream").partition("/")
        try:
            with file.open("rb") as opened:
                data = opened.read(ATTACHED + 1)
        except OSError as error:
            raise ValueError(f"{file} cannot be attached: {error.strerror}") from None
        if len(data) > ATTACHED:
            raise ValueError(f"{file} has more than {ATTACHED} bytes")
        mail.add_attachment(data, maintype=kind, subtype=subtype, filename=file.name)


def _escaped(value: Any) -> Any:
    """Return a copy whose texts are no HTML: what is logged is not to draw in a mail."""
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, dict):
        return {name: _escaped(below) for name, below in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value
