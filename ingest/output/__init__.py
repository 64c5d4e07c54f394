"""Outputs: where events go, one module per plugin."""
