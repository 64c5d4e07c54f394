"""Sends messages by apprise, which knows mail, Slack, Teams, webhooks and a hundred more by the form of an address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Final

from sawlog.errors import ConfigError, ConfigErrors, nearest
from sawlog.extras import library
from sawlog.secrets import hidden
from sawlog.watch.machine import FIRES, STILL
from sawlog.watch.memory import AlertMessage
from sawlog.watch.rules import AlertTarget

SECONDS: Final = 60.0
LONGEST_REASON: Final = 300
_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


class Teller:
    """Those who are told, by their names; their addresses are checked at once.

    Raises:
        ConfigErrors: an address is none that apprise knows.
        ExtraMissingError: apprise is not installed.
    """

    def __init__(self, targets: Sequence[AlertTarget]) -> None:
        self._plugins: dict[str, Any] = {}
        if not targets:
            return
        self._apprise = library("apprise", "alerts", "'notify' of alerts.yml")
        _listen()
        errors = []
        for one in targets:
            try:
                self._plugins[one.name] = self._plugin(one)
            except ConfigError as error:
                errors.append(error)
        if errors:
            raise ConfigErrors(errors)

    async def send(self, target: str, message: AlertMessage) -> str | None:
        """Send a message, and return why it was not sent; None if it was."""
        heard: list[str] = []
        _heard.set(heard)
        try:
            async with asyncio.timeout(SECONDS):
                is_sent = await asyncio.to_thread(self._send, self._plugins[target], message)
        except TimeoutError:
            return f"no answer within {SECONDS:.0f} s"
        except Exception as error:
            return _reason([f"{type(error).__name__}: {error}"])
        return None if is_sent else _reason(heard)

    def _send(self, plugin: Any, message: AlertMessage) -> bool:
        types = self._apprise.NotifyType
        wanted = types.FAILURE if message.kind == FIRES else types.WARNING if message.kind == STILL else types.SUCCESS
        plain = self._apprise.NotifyFormat.TEXT
        body = message.text or message.title
        return bool(plugin.notify(body=body, title=message.title, notify_type=wanted, body_format=plain))

    def _plugin(self, target: AlertTarget) -> Any:
        url = target.url
        if "overflow=" not in url:
            # A text that is too long for a service is sent in parts.
            url += ("&" if "?" in url else "?") + "overflow=split"
        try:
            found = self._apprise.Apprise.instantiate(url, suppress_exceptions=False)
        except Exception as error:
            raise ConfigError(f"the address of '{target.name}': {error}", target.position) from None
        if found is None:
            scheme = target.url.partition("://")[0] if "://" in target.url else ""
            schemes = self._schemes()
            what = f"begins with '{scheme[:20]}://'" if scheme.isalnum() else "has no beginning such as 'slack://'"
            known = "that has not all parts" if scheme in schemes else "which apprise does not know"
            message = f"the address of '{target.name}' {what}, {known}"
            raise ConfigError(message, target.position, None if scheme in schemes else nearest(scheme, schemes))
        return found

    def _schemes(self) -> list[str]:
        """Return the beginnings of addresses that apprise knows."""
        told = self._apprise.Apprise().details()["schemas"]
        return [str(one) for plugin in told for kind in ("protocols", "secure_protocols") for one in plugin[kind] or ()]


class _Hearing(logging.Handler):
    """Keeps what apprise says while it sends, for whoever has asked; nothing of it reaches a log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        if (heard := _heard.get()) is not None:
            heard.append(record.getMessage())


def _listen() -> None:
    logger = logging.getLogger("apprise")
    if not any(isinstance(one, _Hearing) for one in logger.handlers):
        logger.addHandler(_Hearing(logging.WARNING))
        logger.propagate = False


def _reason(heard: Sequence[str]) -> str:
    words = " ".join(heard[-1].split()) if heard else "apprise does not say why"
    return hidden(words)[:LONGEST_REASON]
