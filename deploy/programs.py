"""Programs that pip writes into an environment find its Python beside them: `python deploy/programs.py .venv`.

Where the path of the environment holds a space, pip writes it between double quotes into a shell's hands, which makes
something else of a `$`, a quote or a backtick in it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HEAD = re.compile(rb"""\A(#!/bin/sh\n'''exec') .* ("\$0" "\$@"\n' '''\n)""")
BESIDE = rb"""\1 "$(dirname -- "$(realpath -- "$0")")/python" \2"""


def mend(environment: Path) -> None:
    """Write the head of each program in it anew, where pip has left the path to a shell."""
    for path in (environment / "bin").iterdir():
        if path.is_file() and not path.is_symlink():
            text = path.read_bytes()
            if (mended := HEAD.sub(BESIDE, text)) != text:
                path.write_bytes(mended)


if __name__ == "__main__":
    mend(Path(sys.argv[1]))
