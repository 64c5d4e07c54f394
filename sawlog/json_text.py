"""JSON as log lines hold it, decoded."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_decode: Final = msgspec.json.Decoder().decode
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)


def decode(data: str | bytes) -> Any:
    """Decode JSON; half of a surrogate pair, which no encoder can write again, becomes U+FFFD.

    Raises:
        ValueError: it is none, or nests too deeply.
    """
    try:
        return _decode(data)
    except (ValueError, RecursionError) as error:
        text = data if isinstance(data, str) else data.decode(errors="replace")
        whole = _ESCAPE.sub(lambda found: "\\ufffd" if found[1] else found[0], text) if "\\u" in text else text
        if whole == text:
            raise ValueError(str(error)) from None
    try:
        return _decode(whole)
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error)) from None
