"""Brings the saved objects into a Kibana, and says of each what came of it.

Source of the interface: Kibana's own sources, its saved objects' import and its data views' API. An import answers
with status 200 even when it wrote nothing; only ``success`` being true counts.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_random_exponential

from dashboards.source import read
from sawlog.errors import ConfigError, SawlogError
from sawlog.store.credentials import Credentials
from sawlog.tls import TlsError, client

ORDER: Final = ("data_view", "searches", "charts", "dashboards")
"""The files, what is referred to first."""
BUSY: Final = frozenset({408, 429, 502, 503, 504})
"""A Kibana that starts answers 503, in plain text, and says when to come again."""
OLDEST: Final = "8.9"
"""The oldest Kibana that knows the versions of our objects (see `dashboards.build`)."""
REQUEST_SECONDS: Final = 60.0
LONGEST_PAUSE: Final = 10.0
T = TypeVar("T")

SAID: Final = 500
"""So many characters of an answer that is not understood are shown."""


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What came of one object: ``created``, ``replaced``, or, of a default that is another's, ``kept``."""

    type: str
    title: str
    action: str
    note: str = ""


class BusyError(SawlogError):
    """Kibana cannot do it now, and may later; `after` is in seconds, if it has said when."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def bundle() -> str:
    """Return all saved objects as NDJSON, in the order of an import."""
    folder = files("dashboards").joinpath("saved_objects")
    return "".join(folder.joinpath(f"{name}.ndjson").read_text(encoding="utf-8") for name in ORDER)


class Kibana:
    """A Kibana at a URL; `space` is the id of a space, None the default one. Use as an async context manager."""

    def __init__(self, url: str, credentials: Credentials, *, space: str | None = None, wait: float = 60.0) -> None:
        """`wait` is how long, in seconds, each step is tried again while Kibana is busy.

        Raises:
            ConfigError: the URL is none, or holds credentials, or the CA's certificate cannot be used.
        """
        self.url = _checked(url)
        self._space = None if space in (None, "", "default") else quote(str(space), safe="")
        self._base = self.url if self._space is None else f"{self.url}/s/{self._space}"
        self._credentials = credentials
        self._wait = wait
        self._tls = _tls(credentials.ca)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Kibana:
        headers = {"kbn-xsrf": "sawlog"}
        if self._credentials.api_key is not None:
            headers["Authorization"] = f"ApiKey {self._credentials.api_key}"
        elif self._credentials.username is not None:
            pair = f"{self._credentials.username}:{self._credentials.password or ''}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._session = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(REQUEST_SECONDS))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def provision(self, objects: str, *, make_default: bool = False) -> list[ImportOutcome]:
        """Import the objects, replace those that are there, and make our data view, if it is one, the default.

        Another default that is there stays unless `make_default`.

        Raises:
            ConfigError: the objects are none, or there is no such space.
            SawlogError: Kibana cannot be reached in time, or refuses; nothing is written then.
        """
        titles = _titles(objects)
        await self._again(self._is_ready)
        if self._space is not None:
            await self._again(self._has_space)
        outcomes = await self._again(lambda: self._import(objects, titles))
        if ("index-pattern", read().data_view.id) in titles:
            outcomes.append(await self._again(lambda: self._set_default(force=make_default)))
        return outcomes

    # Steps

    async def _is_ready(self) -> None:
        # Readiness has no need of a space, and of rights only when Kibana asks everybody for them.
        await self._ask("GET", f"{self.url}/api/status")

    async def _has_space(self) -> None:
        # Kibana would import into a space that nobody has made, where nobody sees it, and call it a success.
        await self._ask("GET", f"{self.url}/api/spaces/space/{self._space}")

    async def _import(self, objects: str, titles: Mapping[tuple[str, str], str]) -> list[ImportOutcome]:
        form = aiohttp.FormData()
        form.add_field("file", objects.encode(), filename="sawlog.ndjson", content_type="application/x-ndjson")
        address = f"{self._base}/api/saved_objects/_import?overwrite=true"
        answer = await self._ask("POST", address, data=form)
        if answer.get("success") is not True:
            raise _import_error(answer.get("errors") or ())
        made = answer.get("successResults") or ()
        outcomes = []
        for one in made:
            key = (str(one.get("type")), str(one.get("id")))
            elsewhere = one.get("destinationId")
            note = f"as {elsewhere}: another space has the id {key[1]}" if elsewhere else ""
            outcomes.append(
                ImportOutcome(key[0], titles.get(key, key[1]), "replaced" if one.get("overwrite") else "created", note)
            )
        return outcomes

    async def _set_default(self, *, force: bool) -> ImportOutcome:
        view = read().data_view
        address = f"{self._base}/api/data_views/default"
        await self._ask("POST", address, json={"data_view_id": view.id, "force": force})
        # It acknowledges even where another one stays.
        found = (await self._ask("GET", address)).get("data_view_id")
        if found == view.id:
            return ImportOutcome("default data view", view.name, "set")
        if force:
            raise SawlogError(f"{self.url}: the default data view is still {found!r}")
        return ImportOutcome(
            "default data view", view.name, "kept", f"another one, {found!r}; --make-default replaces it"
        )

    # Requests

    async def _again(self, step: Callable[[], Awaitable[T]]) -> T:
        def pause(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            after = error.after if isinstance(error, BusyError) else None
            return min(LONGEST_PAUSE, after) if after is not None else wait_random_exponential(0.2, 5)(state)

        retrying = AsyncRetrying(
            wait=pause, stop=stop_after_delay(self._wait), retry=retry_if_exception_type(BusyError), reraise=True
        )
        async for attempt in retrying:
            with attempt:
                return await step()
        raise AssertionError("the last attempt raises")

    async def _ask(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        assert self._session is not None
        try:
            request = self._session.request(method, address, ssl=self._tls, allow_redirects=False, **more)
            async with request as answer:
                text = await answer.text(errors="replace")
                status, headers = answer.status, answer.headers
        except aiohttp.ClientSSLError as error:
            raise SawlogError(f"{self.url}: TLS fails: {error}; is the CA's certificate given (--ca)?") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BusyError(f"{self.url} does not answer: {error or 'no answer in time'}") from None
        return self._understand(status, headers, text, address)

    def _understand(self, status: int, headers: Mapping[str, str], text: str, address: str) -> dict[str, Any]:
        if status in BUSY:
            after = headers.get("Retry-After", "")
            raise BusyError(
                f"{self.url} is not ready (HTTP {status}): {text[:SAID]}", float(after) if after.isdecimal() else None
            )
        if status == 401:
            asks = "refuses the credentials (HTTP 401): check user and password, or API key"
            if self._credentials.username is None and self._credentials.api_key is None:
                asks = "asks who you are (HTTP 401): give --user or --api-key"
            raise SawlogError(f"{self.url} {asks}")
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        words = answer.get("message") if isinstance(answer, dict) else None
        if status == 403:
            raise SawlogError(f"{self.url} does not allow this (HTTP 403): {words or text[:SAID]}")
        if status != 200:
            said = words or headers.get("Location") or text[:SAID]
            hint = self._hint(status, address, str(said))
            raise SawlogError(f"{self.url} refuses {urlsplit(address).path} (HTTP {status}): {said}{hint}")
        if not isinstance(answer, dict):
            raise SawlogError(f"{self.url} answers, but not as Kibana does: {text[:SAID]}")
        return answer

    def _hint(self, status: int, address: str, said: str) -> str:
        """Say what is probably wrong, if that is known."""
        if status == 404 and address.endswith(f"/api/spaces/space/{self._space}"):
            return "; there is no such space"
        if address.endswith("/api/status"):
            return "; is this the address of Kibana, with its base path if it has one?"
        if "more recent version of Kibana" in said:
            return f"; sawlog's objects need Kibana {OLDEST} or newer"
        return ""


def _import_error(errors: Sequence[Mapping[str, Any]]) -> SawlogError:
    """Say for each object why; conflicts pass, as when another import was under way."""
    kinds = {str((one.get("error") or {}).get("type")) for one in errors}
    lines = [f"  {one.get('type')} {one.get('id')}: {_reason(one.get('error') or {})}" for one in errors]
    message = (
        "\n".join(["Kibana imported nothing:", *lines]) if lines else "Kibana imported nothing, and gives no reason"
    )
    return BusyError(message) if kinds and kinds <= {"conflict"} else SawlogError(message)


def _reason(error: Mapping[str, Any]) -> str:
    words = [str(error.get("type") or "unknown")]
    if error.get("reason") or error.get("message"):
        words.append(str(error.get("reason") or error.get("message")))
    words += [f"{one.get('type')} {one.get('id')} is not there" for one in error.get("references") or ()]
    return ": ".join(words)


def _titles(objects: str) -> dict[tuple[str, str], str]:
    """Return what the objects are called; raises `ConfigError` for a line that is none."""
    found = {}
    for number, line in enumerate(objects.splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            if "exportedCount" in one:
                continue  # the last line of what Kibana exports
            attributes = one["attributes"]
            name = attributes.get("name") or attributes.get("title") or one["id"]
            found[str(one["type"]), str(one["id"])] = str(name)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ConfigError(f"line {number} of the bundle is no saved object") from None
    if not found:
        raise ConfigError("there is no saved object in the bundle")
    return found


def _checked(url: str) -> str:
    text = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ConfigError(f"{url!r} is no URL such as http://localhost:5601") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"{url!r} is no URL such as http://localhost:5601")
    if parts.username is not None:
        raise ConfigError("give the user by --user, and the password by the environment, not in the URL")
    return text.rstrip("/")


def _tls(ca: str | None) -> ssl.SSLContext | bool:
    if ca is None:
        return True
    try:
        return client(authorities=[ca])
    except TlsError as error:
        raise ConfigError(f"--ca: {ca} holds no certificate: {error.reason}") from None
