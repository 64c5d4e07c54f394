"""What inputs, filters, outputs and codecs have in common: a name, and declared options."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import ClassVar, Literal

from ingest.options import Option

PluginKind = Literal["input", "filter", "output", "codec"]


class Plugin(ABC):
    """The base of the bases, ``ingest/<kind>/base.py``; `ingest.plugins` finds and makes what is derived of them."""

    kind: ClassVar[PluginKind]
    name: ClassVar[str]
    options: ClassVar[dict[str, Option]] = {}
    """Those of this plugin alone."""
    common_options: ClassVar[Mapping[str, Option]] = {}
    """Those of every plugin of its kind."""
    default_codec: ClassVar[str] = "plain"
    """Of an input or output; empty: its protocol says how events are written."""
