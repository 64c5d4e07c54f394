"""The protocols that shipper and ingest speak, both ends of each."""
