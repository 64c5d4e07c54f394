"""The option that names the folder of Logstash's own settings."""

from __future__ import annotations

from pathlib import Path

import click

settings_option = click.option(
    "--path.settings",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with Logstash's logstash.yml and pipelines.yml.",
)
