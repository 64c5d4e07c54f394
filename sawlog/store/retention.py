"""How long documents are kept, as a number of days or hours: ``30d``, ``12h``. Elasticsearch's time units, too."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_FORM: Final = re.compile(r"([1-9]\d{0,5})([dh])", re.ASCII)


def retention_of(text: str) -> timedelta:
    """Read a retention.

    Raises:
        ValueError: it is none; the message goes on after the option's name.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"takes a number of days or hours such as '30d' or '12h', and got '{text}'")
    number = int(match[1])
    return timedelta(days=number) if match[2] == "d" else timedelta(hours=number)
