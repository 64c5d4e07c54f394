"""How plugins reach S3: the options, under Logstash's names, as what a client is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ingest.options import Kind, Option, Options
from sawlog.errors import InputError, nearest
from sawlog.wire import s3_client
from sawlog.wire.s3_client import S3Access

OPTIONS: Final[dict[str, Option]] = {
    "region": Option(Kind.STRING, "The bucket's region.", "us-east-1"),
    "endpoint": Option(Kind.STRING, "The URL of another server that speaks S3."),
    "access_key_id": Option(Kind.STRING, "The key's id; without it, the usual places of Amazon's tools are asked."),
    "secret_access_key": Option(Kind.PASSWORD, "The key."),
    "session_token": Option(Kind.PASSWORD, "The token of temporary keys."),
    "profile": Option(Kind.STRING, "The profile of ~/.aws to take."),
    "aws_credentials_file": Option(Kind.PATH, "A YAML file with access_key_id and secret_access_key."),
    "role_arn": Option(Kind.STRING, "The role to take with these keys."),
    "role_session_name": Option(Kind.STRING, "What the role's session is called.", "logstash"),
    "proxy_uri": Option(Kind.STRING, "The URL of an HTTP proxy."),
    "additional_settings": Option(Kind.HASH, "Settings of the client, in the words of Amazon's Ruby library.", {}),
}

_SETTINGS: Final = (
    "endpoint",
    "force_path_style",
    "http_open_timeout",
    "http_read_timeout",
    "retry_limit",
    "ssl_ca_bundle",
    "ssl_verify_peer",
    "use_accelerate_endpoint",
)
_NUMBERS: Final = ("http_", "retry_")
_CONNECT_SECONDS: Final = 15.0
_READ_SECONDS: Final = 60.0
_TRIES: Final = 3


class S3Connection:
    """Checks the options; what they name is looked at when the plugin begins its work."""

    def __init__(self, options: Options, what: str) -> None:
        """`what` is who asks, for the error when the library is not there."""
        s3_client.need(what)
        if (options["access_key_id"] is None) != (options["secret_access_key"] is None):
            given = "access_key_id" if options["access_key_id"] is not None else "secret_access_key"
            raise options.error("'access_key_id' and 'secret_access_key' need one another", given)
        if options["session_token"] is not None and options["access_key_id"] is None:
            raise options.error("'session_token' belongs to 'access_key_id' and 'secret_access_key'", "session_token")
        self._settings = _settings(options)
        self._options = options
        self.endpoint: str | None = options["endpoint"] or self._settings.get("endpoint")
        if self.endpoint is not None and not self.endpoint.startswith(("http://", "https://")):
            raise options.error(
                f"an endpoint is a URL with http:// or https://, and got '{self.endpoint}'",
                "endpoint" if options["endpoint"] else "additional_settings",
            )

    def access(self) -> S3Access:
        """Return what a client is made of. Raises InputError: the file with the keys cannot be read."""
        options, settings = self._options, self._settings
        key_id, secret = options["access_key_id"], options["secret_access_key"]
        if key_id is None and options["aws_credentials_file"]:
            key_id, secret = _keys_in(options["aws_credentials_file"])
        style: dict[str, Any] = {}
        if settings.get("force_path_style"):
            style["addressing_style"] = "path"
        if settings.get("use_accelerate_endpoint"):
            style["use_accelerate_endpoint"] = True
        configuration: dict[str, Any] = {
            "connect_timeout": settings.get("http_open_timeout", _CONNECT_SECONDS),
            "read_timeout": settings.get("http_read_timeout", _READ_SECONDS),
            "retries": {"total_max_attempts": int(settings.get("retry_limit", _TRIES - 1)) + 1, "mode": "standard"},
            "s3": style,
        }
        if proxy := options["proxy_uri"]:
            configuration["proxies"] = {"http": proxy, "https": proxy}
        return S3Access(
            options["region"],
            self.endpoint,
            key_id,
            secret,
            options["session_token"],
            options["profile"],
            options["role_arn"],
            options["role_session_name"],
            False if settings.get("ssl_verify_peer") is False else settings.get("ssl_ca_bundle"),
            configuration,
        )


def _settings(options: Options) -> Mapping[str, Any]:
    """Read the additional settings; texts that are true, false or a number are that, as in Logstash."""
    made: dict[str, Any] = {}
    for name, value in options["additional_settings"].items():
        if name not in _SETTINGS:
            raise options.error(
                f"'additional_settings' has no '{name}' here", "additional_settings", nearest(name, _SETTINGS)
            )
        try:
            made[name] = _setting(name, value)
        except (TypeError, ValueError):
            wanted = "a number" if name.startswith(_NUMBERS) else "true or false"
            raise options.error(f"'{name}' is {wanted}, and got {value!r}", "additional_settings") from None
    return made


def _setting(name: str, value: Any) -> Any:
    if name in ("endpoint", "ssl_ca_bundle"):
        return str(value)
    if name.startswith(_NUMBERS):
        return float(value)
    told = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    if not isinstance(told, bool):
        raise TypeError
    return told


def _keys_in(name: str) -> tuple[str, str]:
    """Read a key from a file, whose names Ruby writes with a colon before them. No error says what stands there."""
    try:
        found = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"aws_credentials_file: {name}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError):
        raise InputError(f"aws_credentials_file: {name} is no YAML") from None
    keys = {str(key).removeprefix(":"): value for key, value in found.items()} if isinstance(found, dict) else {}
    try:
        return str(keys["access_key_id"]), str(keys["secret_access_key"])
    except KeyError as error:
        raise InputError(f"aws_credentials_file: {name} has no {error.args[0]}") from None
