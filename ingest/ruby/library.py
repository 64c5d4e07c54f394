"""Imports what fills the tables of methods."""

from __future__ import annotations

from ingest.ruby import clock, event, hashes, lists, numbers, objects, regexes, strings, tools

__all__ = ["clock", "event", "hashes", "lists", "numbers", "objects", "regexes", "strings", "tools"]
