"""The manual page sawlog.1 and the completion of shells, made of the commands themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sawlog import __version__
from sawlog.cli import COMMANDS

COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/sawlog",
    "zsh": "usr/share/zsh/site-functions/_sawlog",
    "fish": "usr/share/fish/vendor_completions.d/sawlog.fish",
}
FILES = {
    "/etc/sawlog/filebeat.yml": "What the shipper reads, and where it sends it.",
    "/etc/sawlog/environment": "Variables of that file; only root may read them.",
    "/etc/sawlog/pipeline.conf": "What ingest receives, parses and stores.",
    "/etc/sawlog/ingest-environment": "Variables of that file.",
    "/var/lib/sawlog": "How far the shipper has delivered each file.",
    "/var/lib/sawlog-ingest": "The index and the dead letters of ingest.",
}


def page() -> str:
    """Return sawlog.1, for man."""
    parts = [f'.TH SAWLOG 1 "" "sawlog {__version__}" "User Commands"', ".SH NAME"]
    parts.append(r"sawlog \- tail, parse, index and search the logs of Spring Boot services")
    parts += [".SH SYNOPSIS", ".B sawlog", ".I COMMAND", "[OPTIONS] [ARGUMENTS]", ".SH COMMANDS"]
    parts.append(
        _escaped("Each command says with --help what it takes. Some need libraries that the agent's package lacks.")
    )
    for name, (_, says) in COMMANDS.items():
        parts += [".TP", f".B {_escaped(name)}", _escaped(says)]
    parts.append(".SH FILES")
    for place, says in FILES.items():
        parts += [".TP", f".I {_escaped(place)}", _escaped(says)]
    parts += [
        ".SH EXIT STATUS",
        _escaped("0, or 1 for a mistake in what was asked for, 2 in how it was asked, 130 after Ctrl-C."),
    ]
    return "\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def completions() -> dict[str, str]:
    """Return the text of each file of `COMPLETIONS`, as click writes it."""
    return {place: _completion(shell) for shell, place in COMPLETIONS.items()}


def _completion(shell: str) -> str:
    program = Path(sys.executable).parent / "sawlog"
    environment = {**os.environ, "_SAWLOG_COMPLETE": f"{shell}_source"}
    return subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout
