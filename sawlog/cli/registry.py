"""``sawlog registry``: how far each file has been delivered, also while a shipper runs; ``import`` from Filebeat."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sawlog.cli.lines import one_line
from sawlog.errors import InputError
from sawlog.paths import default_data
from shipper.identity import Record
from shipper.registry import archives, listing


@dataclass(frozen=True, slots=True)
class FileLag:
    """A record beside the file as it is now; `size` is None when the file is not there any more."""

    record: Record
    size: int | None

    @property
    def lag(self) -> int:
        """Bytes that are there and not delivered."""
        return max(0, self.size - self.record.offset) if self.size is not None else 0

    @property
    def state(self) -> str:
        """``delivered``, ``behind``, ``replaced`` (truncated or written anew since), or ``gone``."""
        if self.record.retired:
            return "replaced"
        if self.size is None:
            return "gone"
        return "behind" if self.lag else "delivered"

    @property
    def time(self) -> datetime:
        """When the record was last stored."""
        return datetime.fromtimestamp(self.record.updated, UTC)

    def document(self) -> dict[str, Any]:
        """Return it as one JSON document."""
        record = self.record
        return {
            "path": record.path,
            "state": self.state,
            "offset": record.offset,
            "size": self.size,
            "lag_bytes": self.lag,
            "updated": self.time.isoformat(timespec="milliseconds"),
            "key": record.key,
            "device": record.device,
            "inode": record.inode,
        }


config_option = click.option(
    "-c", "config", metavar="FILE", help="The filebeat.yml whose registry is meant; or s3://bucket/key."
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data,
    help="The data directory of `sawlog up`, or the path.data of `sawlog ship`.",
)


@click.group(invoke_without_command=True)
@config_option
@data_option
@click.option("--all", "everything", is_flag=True, help="Also files that are gone or replaced.")
@click.option("--json", "as_json", is_flag=True, help="All records, one JSON document a line.")
@click.pass_context
def registry(context: click.Context, config: str | None, data: Path, everything: bool, as_json: bool) -> None:
    """List the files that were read: offset, size, and what is not delivered yet, in bytes."""
    if context.invoked_subcommand is None:
        _list(config, data, everything, as_json)
    elif any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in context.params):
        raise click.UsageError(f"options of '{context.invoked_subcommand}' stand behind it")


@registry.command("import")
@click.argument("filebeat", metavar="DIR", type=click.Path(path_type=Path))
@config_option
@data_option
@click.option("--dry-run", is_flag=True, help="Show what would be taken over; nothing is written.")
@click.option("--until-damage", is_flag=True, help="Of a damaged registry, take over what stands before the damage.")
@click.option("--fingerprint-offset", default=0, show_default=True, metavar="BYTES", type=click.IntRange(0))
@click.option(
    "--fingerprint-length",
    default=1024,
    show_default=True,
    metavar="BYTES",
    type=click.IntRange(64),
    help="As prospector.scanner.fingerprint says in Filebeat's configuration.",
)
@click.option("--json", "as_json", is_flag=True, help="All states, one JSON document a line.")
def import_(
    filebeat: Path,
    config: str | None,
    data: Path,
    dry_run: bool,
    until_damage: bool,
    fingerprint_offset: int,
    fingerprint_length: int,
    as_json: bool,
) -> None:
    """Take over how far Filebeat has read its files, so that no line is lost or sent twice.

    DIR is Filebeat's registry, usually /var/lib/filebeat/registry. Filebeat and the shipper must be stopped.
    """
    from sawlog.cli.taking_over import run  # noqa: PLC0415 - only here
    from shipper.take_over import Fingerprint  # noqa: PLC0415 - likewise

    folder, path = _registry_of(config, data)
    run(filebeat, folder, path, Fingerprint(fingerprint_offset, fingerprint_length), dry_run, until_damage, as_json)


def _registry_of(config: str | None, data: Path) -> tuple[Path, Path]:
    """Return the data folder, and the registry that a shipper would have in it."""
    if config is None:
        return data, data / "registry.sqlite"
    from shipper.config import load  # noqa: PLC0415 - only here
    from shipper.service import registry_path  # noqa: PLC0415 - likewise

    loaded = load(config)
    return loaded.path_data, registry_path(loaded)


def _list(config: str | None, data: Path, everything: bool, as_json: bool) -> None:
    lines = [line for path in _registries(config, data) for line in _lines(path)]
    if as_json:
        for line in lines:
            # All but ASCII is escaped, so that a hostile name cannot steer the terminal.
            click.echo(json.dumps(line.document()))
        return
    shown = [line for line in lines if everything or line.state in {"delivered", "behind"}]
    if shown:
        _print(shown)
    lag = sum(line.lag for line in shown)
    left_out = len(lines) - len(shown)
    more = f"; {left_out:,} gone or replaced (--all lists them)" if left_out else ""
    click.echo(f"{len(shown):,} files, {lag:,} bytes to go{more}", err=True)


def _registries(config: str | None, data: Path) -> Iterator[Path]:
    if config is not None:
        yield _registry_of(config, data)[1]
        return
    found = sorted(data.glob("registry*.sqlite"))
    if not found:
        raise InputError(f"there is no registry in {data}; --data or -c names another")
    yield from found


def _lines(path: Path) -> Iterator[FileLag]:
    packed = archives(path)
    for record in listing(path):
        size = _size(record)
        # Of a compressed file, the offset is one of its text.
        yield FileLag(record, packed[record.key].length if size is not None and record.key in packed else size)


def _size(record: Record) -> int | None:
    try:
        status = os.stat(record.path)  # noqa: PTH116 - one of many
    except OSError:
        return None
    return status.st_size if (status.st_dev, status.st_ino) == (record.device, record.inode) else None


def _print(lines: list[FileLag]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("FILE", overflow="fold")
    for name in ("OFFSET", "SIZE", "LAG"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("STATE")
    table.add_column("UPDATED", no_wrap=True)
    for line in lines:
        size = f"{line.size:,}" if line.size is not None else "-"
        state = Text(line.state, style="yellow" if line.state == "behind" else "")
        time = f"{line.time:%Y-%m-%d %H:%M:%S}Z"
        table.add_row(Text(one_line(line.record.path)), f"{line.record.offset:,}", size, f"{line.lag:,}", state, time)
    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe has no width; names are not to be broken there.
        console.width = max(len(one_line(line.record.path)) for line in lines) + 100
    console.print(table)
