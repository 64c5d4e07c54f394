"""Codecs: between bytes and events, one module per plugin."""
