"""ingest: receive events, parse them with a Logstash pipeline, and bulk-index what comes out."""
