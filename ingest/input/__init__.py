"""Inputs: where events come from, one module per plugin."""
