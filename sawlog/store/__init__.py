"""Where documents end: one protocol (`base`), the embedded store, Elasticsearch."""
