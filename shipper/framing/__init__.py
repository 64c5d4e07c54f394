"""Framing: cutting the bytes of a file into events, line by line or several lines together.

A framing is a pure function of the bytes and the offset at which they begin (`base.Framing`); that is what makes a
line that is read again after a crash become the same event, with the same `_id`.
"""

from shipper.framing.base import Frames, Framing
from shipper.framing.lines import LineFraming
from shipper.framing.parsed import framing_for
from shipper.framing.spring_boot import SpringBootFraming

__all__ = ["Frames", "Framing", "LineFraming", "SpringBootFraming", "framing_for"]
