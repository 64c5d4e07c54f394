"""What the application keeps for its handlers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from dashboards import source
from dashboards.web.saving import SavedObjects
from dashboards.web.static_files import StaticFiles
from sawlog.search.problem_rules import ProblemRules
from sawlog.store.base import Store

STORE: Final = web.AppKey("store", Store)
STATUS: Final[web.AppKey[Callable[[], dict[str, Any]]]] = web.AppKey("status")
SOURCE: Final = web.AppKey("source", source.ObjectsFile)
OBJECTS: Final[web.AppKey[dict[str, Any]]] = web.AppKey("objects")
RULES: Final = web.AppKey("rules", ProblemRules)
FOLDER: Final[web.AppKey[Path | None]] = web.AppKey("folder")
"""Where `links.yml` is."""
SAVED: Final = web.AppKey("saved", SavedObjects)
STATIC: Final = web.AppKey("static", StaticFiles)
HAS_FACE: Final = web.AppKey("has_face", bool)
