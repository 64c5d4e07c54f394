"""The search page at ``/`` and the small HTTP interface beneath it."""

from dashboards.web.application import application
from dashboards.web.server import serve

__all__ = ["application", "serve"]
