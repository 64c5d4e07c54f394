"""Import all of sawlog, and the libraries that it imports when they are needed: their bytecode is then beside them."""

from __future__ import annotations

import importlib
import pkgutil

PACKAGES = ("sawlog", "shipper", "ingest", "dashboards")
LATE = ("arro3.core", "arro3.io", "duckdb", "elasticsearch")
"""What functions import soon after nearly every start."""

for package in PACKAGES:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
for name in LATE:
    importlib.import_module(name)
