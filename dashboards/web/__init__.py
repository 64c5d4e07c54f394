"""The search page at ``/``, the dashboards' pages, and the small HTTP interface beneath them."""

from dashboards.web.application import application
from dashboards.web.server import serve

__all__ = ["application", "serve"]
