"""Tests of `ingest.workbench`."""
