"""What can be wrong with a grok expression."""

from __future__ import annotations

from sawlog.errors import ConfigError


class GrokError(ConfigError):
    """A grok expression cannot be compiled: an unknown name, a circular definition, or a bad expression."""
