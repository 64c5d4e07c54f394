"""Modules of Ruby's library that touch nothing outside: JSON, digests, Base64, URI, random ids."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import re
import secrets
import urllib.parse
import uuid
from typing import Any, Final

from ingest.ruby.budget import BUDGET
from ingest.ruby.clock import LogstashTime, Moment
from ingest.ruby.methods import CONSTANTS, static
from ingest.ruby.values import (
    RubyHash,
    Symbol,
    Text,
    Value,
    failure,
    inspect,
    of_key,
    text_of,
    to_s,
    truthy,
    whole,
)

_DEEP: Final = 100


@static("JSON", "parse", "load", "parse!")
def _parse(text: Value, options: Value = None) -> Value:
    written = text_of(text)
    BUDGET.make(len(written))
    try:
        data = json.loads(written, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        told = (
            f"unexpected token at '{written[getattr(error, 'pos', 0) :][:60]}'"
            if written.strip()
            else "unexpected end of input"
        )
        raise failure("JSON::ParserError", told) from None
    symbols = type(options) is RubyHash and truthy(options.get(Symbol.of("symbolize_names")))
    return ruby_of(data, symbols=symbols)


def _constant(name: str) -> Any:
    raise ValueError(name)


def ruby_of(value: Any, depth: int = 0, *, symbols: bool = False) -> Value:
    """Make a program's value of what JSON has.

    Raises:
        Raised: it is nested too deeply, or too large.
    """
    kind = type(value)
    if kind is str:
        return Text(value)
    if kind is list:
        BUDGET.make(len(value))
        _check(depth)
        return [ruby_of(one, depth + 1, symbols=symbols) for one in value]
    if kind is dict:
        BUDGET.make(len(value))
        _check(depth)
        key = Symbol.of if symbols else str
        return RubyHash({key(name): ruby_of(one, depth + 1, symbols=symbols) for name, one in value.items()})
    return value


def _check(depth: int) -> None:
    if depth >= 2 * _DEEP:
        raise failure("JSON::ParserError", f"nesting of {depth} is too deep")


def plain_of(value: Value, depth: int = 0) -> Any:
    """Make what JSON has of a program's value.

    Raises:
        Raised: it is nested too deeply: it may hold itself.
    """
    kind = type(value)
    if kind is Text:
        return value.value
    if kind is list:
        BUDGET.make(len(value))
        _check(depth)
        return [plain_of(one, depth + 1) for one in value]
    if kind is RubyHash:
        BUDGET.make(len(value.data))
        _check(depth)
        return {
            key if type(key) is str else to_s(of_key(key)): plain_of(one, depth + 1) for key, one in value.data.items()
        }
    if value is None or kind in (bool, int):
        return value
    if kind is float:
        if not math.isfinite(value):
            return to_s(value)
        return value
    if kind is Moment:
        return LogstashTime(value.nanos).text()
    return to_s(value)


def _plain_json(value: Value, depth: int = 0) -> Any:
    """As `plain_of`, but times are written as JSON has them, and numbers that are none are refused."""
    kind = type(value)
    if kind is float and not math.isfinite(value):
        raise failure("JSON::GeneratorError", f"{inspect(value)} not allowed in JSON")
    if kind is list:
        _check(depth)
        return [_plain_json(one, depth + 1) for one in value]
    if kind is RubyHash:
        _check(depth)
        return {to_s(of_key(key)): _plain_json(one, depth + 1) for key, one in value.data.items()}
    return to_s(value) if kind is Moment else plain_of(value, depth)


def written(value: Value) -> str:
    """Write a value as Ruby's JSON does."""
    made = _json(_plain_json(value))
    BUDGET.make(len(made))
    return made


def _json(value: Any) -> str:
    kind = type(value)
    if kind is float:
        return inspect(value)
    if kind is list:
        return f"[{','.join(map(_json, value))}]"
    if kind is dict:
        return "{" + ",".join(f"{_json(key)}:{_json(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _pretty(value: Value) -> Value:
    made = json.dumps(_plain_json(value), ensure_ascii=False, indent=2)
    BUDGET.make(len(made))
    return Text(made)


static("JSON", "generate", "dump")(lambda value, *options: Text(written(value)))
static("JSON", "pretty_generate")(lambda value, *options: _pretty(value))
static("LogStash::Json", "load")(lambda text, options=None: _parse(text, options))
static("LogStash::Json", "dump")(lambda value: Text(written(value)))


def _octets(value: Value) -> bytes:
    text = text_of(value)
    BUDGET.make(len(text))
    return text.encode("utf-8", "surrogatepass")


for _name, _make in {"MD5": hashlib.md5, "SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA384": hashlib.sha384,
                     "SHA512": hashlib.sha512}.items():  # fmt: skip
    for _kind in (f"Digest::{_name}", f"OpenSSL::Digest::{_name}"):
        static(_kind, "hexdigest")(lambda text, make=_make: Text(make(_octets(text)).hexdigest()))
        static(_kind, "base64digest")(
            lambda text, make=_make: Text(base64.b64encode(make(_octets(text)).digest()).decode())
        )


@static("OpenSSL::HMAC", "hexdigest")
def _hmac(digest: Value, key: Value, text: Value) -> Value:
    name = text_of(digest).lower().replace("-", "") if type(digest) is Text else ""
    if name not in ("md5", "sha1", "sha256", "sha384", "sha512"):
        raise failure("ArgumentError", f"unsupported digest algorithm ({to_s(digest)})")
    return Text(hmac.new(_octets(key), _octets(text), name).hexdigest())


def _decoded(text: Value, *, strict: bool, urlsafe: bool = False) -> Value:
    data = _octets(text)
    if urlsafe:
        data = data.translate(bytes.maketrans(b"-_", b"+/"))
    if not strict:
        data = re.sub(rb"[^A-Za-z0-9+/]", b"", data.partition(b"=")[0])
        data = data[: len(data) - (len(data) % 4 == 1)]
        data += b"=" * (-len(data) % 4)
    try:
        return Text(base64.b64decode(data, validate=True).decode("utf-8", "replace"))
    except (binascii.Error, ValueError):
        raise failure("ArgumentError", "invalid base64") from None


def _lines_of_60(text: Value) -> Value:
    coded = base64.b64encode(_octets(text)).decode()
    return Text("".join(coded[at : at + 60] + "\n" for at in range(0, len(coded), 60)))


static("Base64", "encode64")(_lines_of_60)
static("Base64", "strict_encode64")(lambda text: Text(base64.b64encode(_octets(text)).decode()))
static("Base64", "urlsafe_encode64")(lambda text, *options: Text(base64.urlsafe_b64encode(_octets(text)).decode()))
static("Base64", "decode64")(lambda text: _decoded(text, strict=False))
static("Base64", "strict_decode64")(lambda text: _decoded(text, strict=True))
static("Base64", "urlsafe_decode64")(lambda text: _decoded(text, strict=False, urlsafe=True))
static("SecureRandom", "uuid")(lambda: Text(str(uuid.uuid4())))
static("SecureRandom", "hex")(lambda size=16: Text(secrets.token_hex(min(whole(size), 1024))))


def _unescaped(text: Value) -> Value:
    return Text(urllib.parse.unquote_plus(text_of(text)))


static("URI", "decode_www_form_component")(_unescaped)
static("URI", "decode", "unescape")(lambda text: Text(urllib.parse.unquote(text_of(text))))
static("URI", "encode_www_form_component")(lambda text: Text(urllib.parse.quote_plus(to_s(text), safe="*-._")))
static("URI", "decode_www_form")(
    lambda text: [
        [Text(key), Text(value)] for key, value in urllib.parse.parse_qsl(text_of(text), keep_blank_values=True)
    ]
)
static("CGI", "unescape")(_unescaped)
static("CGI", "escape")(lambda text: Text(urllib.parse.quote_plus(text_of(text), safe="*-._")))


@static("CGI", "parse")
def _query(text: Value) -> Value:
    made = RubyHash()
    for key, value in urllib.parse.parse_qsl(text_of(text), keep_blank_values=True):
        made.data.setdefault(key, []).append(Text(value))
    made.default = []
    return made


CONSTANTS["Encoding::UTF_8"] = Text("UTF-8", frozen=True)
CONSTANTS["Regexp::IGNORECASE"], CONSTANTS["Regexp::EXTENDED"], CONSTANTS["Regexp::MULTILINE"] = 1, 2, 4
