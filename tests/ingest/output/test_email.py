"""email, with a real mail server."""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import StoreUnavailableError
from tests.ingest.input.building import Certificates
from tests.ingest.output.building import event, opened, refused
from tests.ingest.output.mail_server import MailServer
from tests.patience import SECONDS
from tests.services import free_port


async def sent(server: MailServer, *events: Any, **settings: Any) -> Any:
    await server.start()
    try:
        async with opened("email", address="127.0.0.1", port=server.port, **settings) as output:
            return await output.send(list(events))
    finally:
        await server.stop()


async def test_a_mail(tmp_path: Path) -> None:
    (report := tmp_path / "report.txt").write_text("all of it")
    server = MailServer()
    refusals = await sent(
        server,
        event(1, user="ü <b>", service={"name": "orders"}),
        to="a@example.org, b@example.org", cc="c@example.org", bcc="d@example.org", replyto="r@example.org",
        subject="%{[service][name]}: %{message}", body="text: %{user}", htmlbody="<i>%{user}</i>",
        attachments=[str(report)], domain="here.example.org",
    )  # fmt: skip
    assert list(refusals) == []
    (mail,) = server.mails
    assert (mail["To"], mail["Cc"], mail["Bcc"]) == ("a@example.org, b@example.org", "c@example.org", None)
    assert (mail["Reply-To"], mail["Subject"]) == ("r@example.org", "orders: line 1")
    assert mail["From"] == "logstash.alert@example.com"
    assert server.recipients == [["a@example.org", "b@example.org", "c@example.org", "d@example.org"]]
    assert server.host_names == ["here.example.org"]
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "text: ü <b>"
    assert html.get_content().strip() == "<i>ü &lt;b&gt;</i>"
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("report.txt", "all of it")


async def test_what_can_never_be_sent_is_refused_and_the_rest_goes_on() -> None:
    server = MailServer()
    events = [
        event(1, to="nobody@example.org"),
        event(2, to="a@example.org"),
        event(3, to="a@example.org\r\nBcc: spam@example.org"),
        event(4, to=" , "),
    ]
    refusals = await sent(server, *events, to="%{to}", subject="%{message}\nX-Forged: yes")
    assert [refusal.position for refusal in refusals] == [0, 2, 3]
    assert "no such user" in refusals[0].reason
    assert "more than one line" in refusals[1].reason
    assert "nobody to send it to" in refusals[2].reason
    (mail,) = server.mails
    assert (mail["Subject"], mail["X-Forged"]) == ("line 2 X-Forged: yes", None)


async def test_what_cannot_be_sent_now_is_tried_again_by_the_caller(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="come back later"):
        await sent(MailServer(), event(1), to="later@example.org")
    async with opened("email", address="127.0.0.1", port=free_port(), to="a@example.org") as output:
        with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1"):
            await output.send([event(1)])
    (refusal,) = await sent(MailServer(), event(1), to="a@example.org", attachments=[str(tmp_path / "none")])
    assert "cannot be attached" in refusal.reason


async def test_login_and_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server, files.server_key)
    with pytest.raises(StoreUnavailableError, match="(?i)certificate"):  # noqa: RUF043 - nobody has signed it
        await sent(MailServer(context), event(1), to="a@example.org", use_tls=True)
    monkeypatch.setenv("SSL_CERT_FILE", files.authority)
    server = MailServer(context, login=True)
    assert list(await sent(server, event(1), to="a@example.org", use_tls=True, username="u", password="p")) == []
    assert len(server.mails) == 1
    with pytest.raises(StoreUnavailableError, match="535") as caught:
        await sent(MailServer(login=True), event(1), to="a@example.org", username="u", password="secret")
    assert "secret" not in str(caught.value)


async def test_a_login_that_is_refused_leaves_no_connection() -> None:
    server = MailServer(login=True)
    await server.start()
    settings = {"port": server.port, "to": "a@example.org", "username": "u", "password": "wrong"}
    try:
        async with opened("email", address="127.0.0.1", **settings) as output:
            for _ in range(2):
                with pytest.raises(StoreUnavailableError, match="535"):
                    await output.send([event(1)])
            async with asyncio.timeout(SECONDS):
                while server.connections:
                    await asyncio.sleep(0.01)
    finally:
        await server.stop()


def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "needs the option 'to'" in refused("email")
    assert "no program is run" in refused("email", to="a", via="sendmail")
    assert "need each other" in refused("email", to="a", username="u")
    assert "name files as they are" in refused("email", to="a", attachments=["/etc/%{x}"])
    assert "is not offered" in refused("email", to="a", template_file="x")
    monkeypatch.setitem(sys.modules, "aiosmtplib", None)
    assert "the email output needs the extra 'mail'" in refused("email", to="a")
