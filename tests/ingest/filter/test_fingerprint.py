"""fingerprint: every method against the standard library's own."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from tests.ingest.filter.building import reason, refused, run


def made(value: object, **options: object) -> object:
    return run("fingerprint", {"message": value}, target="f", **options)["f"]


@pytest.mark.parametrize("method", ["SHA1", "SHA256", "SHA384", "SHA512", "MD5"])
def test_digests(method: str) -> None:
    assert made("abc", method=method) == hashlib.new(method, b"abc").hexdigest()
    keyed = hmac.new(b"k", b"abc", method.lower())
    assert made("abc", method=method, key="k") == keyed.hexdigest()
    assert made("abc", method=method, key="k", base64encode=True) == base64.b64encode(keyed.digest()).decode()


def test_other_methods() -> None:
    assert made("1.2.3.4", method="IPV4_NETWORK", key="16") == "1.2.0.0"
    assert made("PHP Warning: x, in /a", method="PUNCTUATION") == ":,/"
    assert made("hello", method="MURMUR3") == 613153351
    assert made("hello", method="MURMUR3_128") == "648a66fb923498d0ddfbffbb29aa9d64"
    assert len(str(made("x", method="UUID"))) == 36


def test_sources() -> None:
    event = {"b": 1, "a": {"y": 1, "x": None}}
    text = b"|a|x||y|1|b|1|"
    options = {"source": ["b", "a"], "concatenate_sources": True, "ecs_compatibility": "disabled"}
    assert run("fingerprint", dict(event), **options)["fingerprint"] == hashlib.sha1(text).hexdigest()
    whole = run("fingerprint", dict(event), concatenate_all_fields=True)
    assert whole["event"]["hash"] == hashlib.sha1(text).hexdigest()
    assert made(["a", "b"]) == [hashlib.sha1(b"a").hexdigest(), hashlib.sha1(b"b").hexdigest()]


def test_failures() -> None:
    event = run("fingerprint", {"message": "no"}, method="IPV4_NETWORK", key="16")
    assert event["tags"] == ["_fingerprint_failure"]
    assert "no" in reason(event)
    assert "number of bits" in refused("fingerprint", method="IPV4_NETWORK")
