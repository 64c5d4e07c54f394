"""Connections to S3, as the input and the output of that name make them; the library is the extra ``s3``."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sawlog.extras import library

CONFIGURATION: Final[Mapping[str, Any]] = {
    # Other servers that speak S3 do not all know the checksums that Amazon's has learned last.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
_PASSING: Final = frozenset(
    {
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    }
)
"""What S3 answers while it cannot, and will again."""


@dataclass(frozen=True, slots=True)
class S3Access:
    """Where S3 is and who asks; without keys, the usual places of Amazon's tools say who.

    `configuration` is what the library's ``AioConfig`` takes; `verify` whether certificates are checked, or by which.
    """

    region: str
    endpoint: str | None = None
    key_id: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    profile: str | None = None
    role: str | None = None
    role_session: str = "sawlog"
    verify: bool | str | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict, repr=False)


def need(what: str) -> None:
    """Raise `ExtraMissingError` unless the library is there; `what` is who asks for it."""
    library("aiobotocore.session", "s3", what)


def quiet() -> None:
    """Let the library's words be warnings at least: at each start, it tells where it has found credentials."""
    for chatty in ("botocore", "aiobotocore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@contextlib.asynccontextmanager
async def connection(access: S3Access) -> AsyncIterator[Any]:
    """Yield a client of aiobotocore for S3; it connects when it is used. Raises what `errors` names."""
    quiet()
    session = library("aiobotocore.session", "s3", "S3").AioSession(profile=access.profile)
    config = library("aiobotocore.config", "s3", "S3").AioConfig(**{**CONFIGURATION, **access.configuration})
    if access.key_id is not None:
        session.set_credentials(access.key_id, access.secret, access.token)
    if access.role is not None:
        # There is no other way to say so: `set_credentials` takes fixed ones only, which end after an hour.
        session._credentials = await _assumed(session, access, config)
    given = {"region_name": access.region, "endpoint_url": access.endpoint, "verify": access.verify, "config": config}
    async with session.create_client("s3", **given) as client:
        yield client


async def _assumed(session: Any, access: S3Access, config: Any) -> Any:
    """Return credentials of a role, which are asked for when they are needed, and again before they end."""
    credentials = library("aiobotocore.credentials", "s3", "S3")
    source = await session.get_credentials()
    if source is None:
        raise library("botocore.exceptions", "s3", "S3").NoCredentialsError
    proxies = library("aiobotocore.config", "s3", "S3").AioConfig(proxies=config.proxies)
    fetcher = credentials.AioAssumeRoleCredentialFetcher(
        functools.partial(session.create_client, region_name=access.region, config=proxies),
        source,
        access.role,
        extra_args={"RoleSessionName": access.role_session},
    )
    return credentials.AioDeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def errors() -> tuple[type[BaseException], ...]:
    """Return the classes of all that a connection raises."""
    exceptions = library("botocore.exceptions", "s3", "S3")
    transport = library("aiohttp", "s3", "S3")
    return (exceptions.BotoCoreError, exceptions.ClientError, transport.ClientError, OSError, ValueError)


def code_of(error: BaseException) -> str:
    """Return S3's word for what it refused, such as ``NoSuchKey``; empty if it has said nothing."""
    answer = getattr(error, "response", None)
    return str(answer.get("Error", {}).get("Code", "")) if isinstance(answer, dict) else ""


def is_passing(error: BaseException) -> bool:
    """Whether what failed may work when it is tried again: not for wrong keys, missing rights and missing buckets."""
    exceptions = library("botocore.exceptions", "s3", "S3")
    if isinstance(error, exceptions.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in _PASSING or status == 429 or status >= 500
    if isinstance(error, exceptions.BotoCoreError):
        passing = (
            exceptions.HTTPClientError,
            exceptions.ResponseStreamingError,
            exceptions.IncompleteReadError,
            exceptions.CredentialRetrievalError,
            exceptions.MetadataRetrievalError,
        )
        return isinstance(error, passing) and not isinstance(error, exceptions.SSLError)
    return not isinstance(error, ValueError)


def words_of(error: BaseException) -> str:
    """Say what went wrong, on one line."""
    if code := code_of(error):
        said = getattr(error, "response", {})["Error"].get("Message") or ""
        # Of a request for the head alone, the answer is a number.
        code = {"403": "AccessDenied", "404": "NotFound"}.get(code, code)
        return f"{code} at {getattr(error, 'operation_name', 'a request')}{f': {said}' if said else ''}"
    return " ".join(str(error).split()) or type(error).__name__
