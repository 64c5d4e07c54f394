"""How the files of one pipeline are to be understood."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_MEANING: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\", '"': '"', "'": "'"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """``config.support_escapes`` and ``pipeline.ecs_compatibility`` of Logstash.

    `escapes`: ``\\n`` in a text is a line feed, and so on. `ecs`: plugins that say nothing of `ecs_compatibility` name
    fields as in ECS.
    """

    escapes: bool = False
    ecs: bool = True

    def text(self, raw: str) -> str:
        """Return what a text between quotes means."""
        if not self.escapes or "\\" not in raw:
            return raw
        return _ESCAPE.sub(lambda found: _MEANING.get(found[1], found[0]), raw)


PLAIN: Final = Dialect()
"""As Logstash has it unless told otherwise."""
