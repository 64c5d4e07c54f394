"""The embedded store in columns."""
