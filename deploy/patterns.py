"""The patterns in $GIVEN_LOGS, each with a zero byte behind it: one, which may have spaces, or several."""

# Patterns are texts, which pathlib would change.
# ruff: noqa: PTH111, PTH112, PTH120, PTH207
from __future__ import annotations

import glob
import os
import re
import shlex
import sys

_WILD = re.compile(r"[*?\[]")


def patterns(given: str) -> list[str]:
    """Divide a text as a shell would if it is several patterns; what is a path, spaces and all, stays one."""
    home = os.path.expanduser(given)
    if glob.glob(home):
        return [home]
    try:
        parts = [os.path.expanduser(part) for part in shlex.split(given)]
    except ValueError:  # a quote that is part of a name
        return [home]
    return parts if parts and all(map(_may_be, parts)) else [home]


def _may_be(pattern: str) -> bool:
    """Whether files may come to match: the folder in front of the first wildcard is there."""
    return bool(glob.glob(pattern)) or os.path.isdir(os.path.dirname(_WILD.split(pattern)[0]) or "/nowhere")


if __name__ == "__main__":
    sys.stdout.write("".join(pattern + "\0" for pattern in patterns(os.environ["GIVEN_LOGS"])))
