"""sawlog: tail, parse, index and search the logs of Spring Boot services.

This package holds what `shipper`, `ingest` and `dashboards` share: the batch that flows between them, the
event it carries, the wire protocols, the stores, and the command line.
"""

__version__ = "0.1.0"
