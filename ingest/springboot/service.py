"""The service that a log file belongs to, told by its path.

The rule: the file's name without its ending, date and rotation number (``orders-2025-01-01.0.log`` → ``orders``).
A name that says nothing, such as ``application`` or ``stdout``, gives way to the nearest folder whose name says
something (``/srv/orders/logs/application.log`` → ``orders``); if there is none, it stays.
"""

from __future__ import annotations

import re

_GENERIC_FILE = re.compile(
    r"(?:all|app|application|boot|catalina|console|current|debug|default|errors?|info|logs?|main|out|output|root"
    r"|server|service|spring|spring-boot|stderr|stdout|system|trace|warn)?",
    re.IGNORECASE,
)
_GENERIC_FOLDER = re.compile(
    r"(?:[.:]*|[a-z]:|apps?|applications?|archive|build|config|current|data|home|latest|lib|local|logs?|mnt|opt|old"
    r"|out|output|private|root|run|shared|srv|storage|target|temp|tmp|usr|var|volumes?|work|workspace)",
    re.IGNORECASE,
)
_ENDING = re.compile(
    r"(?:\.(?:log|txt|out|err|json|ndjson|gz|zip|zst|bz2|xz)|[._-]\d{4}-?\d\d-?\d\d)(?![A-Za-z0-9]).*", re.ASCII
)
_ROTATION = re.compile(r"[._]\d+$", re.ASCII)


def service_of(path: str) -> str:
    """Return the name of the service whose log is at `path`; empty if `path` is."""
    *folders, name = re.split(r"[/\\]", path)
    stem = _ROTATION.sub("", _ENDING.sub("", name))
    if not _GENERIC_FILE.fullmatch(stem):
        return stem
    return next((folder for folder in reversed(folders) if not _GENERIC_FOLDER.fullmatch(folder)), stem)
