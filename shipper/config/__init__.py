"""The shipper's configuration: Filebeat's ``filebeat.yml``, read into `shipper.settings`."""

from __future__ import annotations

from shipper.config.load import load, load_inputs

__all__ = ["load", "load_inputs"]
