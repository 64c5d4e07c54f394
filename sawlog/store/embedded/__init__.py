"""The embedded store: documents in columns below one folder, for one machine and one writing process.

What is acknowledged is in a log (`sawlog.store.embedded.log`), synced; logs become segments, Parquet files sorted by
time (`sawlog.store.embedded.segment`), which are merged in the background. A search looks at both.

Differences from Elasticsearch: text is split at everything but letters and digits; free text looks in the fixed
fields only (`sawlog.store.embedded.layout`); hits are sorted by fixed fields, never by score, and come newest first
unless told otherwise.
"""
