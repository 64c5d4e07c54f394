"""The shipper's configuration: Filebeat's ``filebeat.yml``, read into `shipper.settings`."""

from __future__ import annotations

from shipper.config.load import load
from shipper.config.modules import unparsed

__all__ = ["load", "unparsed"]
