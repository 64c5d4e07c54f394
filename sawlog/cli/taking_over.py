"""``sawlog registry import``: what Filebeat's registry knows becomes records of ours, and a table says what did not."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sawlog.cli.lines import one_line
from sawlog.errors import InputError
from sawlog.private import make_folder
from shipper.filebeat_registry import FilebeatRegistry, read_registry
from shipper.identity import Record, agent_id
from shipper.registry import Registry, in_use, listing
from shipper.take_over import Fingerprint, Verdict, take_over


class _Listed:
    """The records of our registry, when nothing is to be written to it."""

    def __init__(self, path: Path) -> None:
        self._records = listing(path) if path.is_file() else []

    def by_inode(self, device: int, inode: int) -> Record | None:
        """Return the record of the file that has this inode now, if it is known."""
        found = (one for one in self._records if (one.device, one.inode, one.retired) == (device, inode, False))
        return next(found, None)

    def generations(self, _device: int, _inode: int) -> int:
        """Return 0: no key is made to stay."""
        return 0


def run(
    filebeat: Path, data: Path, path: Path, fingerprint: Fingerprint, dry_run: bool, until_damage: bool, as_json: bool
) -> None:
    """Take over the registry `filebeat` into ours at `path`, of the installation whose data folder is `data`.

    Raises:
        InputError: Filebeat or the shipper runs, or a registry cannot be used.
    """
    theirs = read_registry(filebeat, until_damage=until_damage)
    why = theirs.running
    if why is not None and not dry_run:
        raise InputError(f"Filebeat runs ({why}); stop it first, or what it reads meanwhile would be sent twice")
    if in_use(path):
        raise InputError(f"a sawlog uses {path}; stop it first")
    if dry_run:
        verdicts = list(take_over(theirs.states, _Listed(path), "", fingerprint))
    else:
        verdicts = _store(theirs, data, path, fingerprint)
    if as_json:
        for verdict in verdicts:
            # All but ASCII is escaped, so that a hostile name cannot steer the terminal.
            click.echo(json.dumps(_document(verdict)))
    elif verdicts:
        _print(verdicts)
    _summary(theirs, verdicts, path, dry_run, why)


def _store(theirs: FilebeatRegistry, data: Path, path: Path, fingerprint: Fingerprint) -> list[Verdict]:
    try:
        make_folder(data)
        make_folder(path.parent)
        identity = agent_id(data)
    except OSError as error:
        raise InputError(f"{data} cannot be used: {error.strerror}") from None
    registry = Registry(path)
    try:
        verdicts = list(take_over(theirs.states, registry, identity, fingerprint))
        for verdict in verdicts:
            if verdict.record is not None:
                registry.put(verdict.record)
        if not registry.flush():
            raise InputError(f"{path} cannot be written: {registry.problem}")
    finally:
        registry.close()
    _give_to_owner(data, path)
    return verdicts


def _give_to_owner(data: Path, path: Path) -> None:
    """Let what root has made in the folder of another user be that user's, who runs the shipper."""
    if os.geteuid() != 0:
        return
    owner = path.parent.stat()
    for file in (data / "agent.json", *path.parent.glob(f"{path.name}*")):
        if file.is_file() and not file.is_symlink():
            os.chown(file, owner.st_uid, owner.st_gid)


def _document(verdict: Verdict) -> dict[str, Any]:
    state = verdict.state
    return {
        "path": verdict.path,
        "taken_over": verdict.record is not None,
        "reason": verdict.reason or None,
        "offset": state.offset,
        "size": verdict.size,
        "lag_bytes": verdict.lag,
        "source": state.source,
        "filebeat_key": state.key,
    }


def _print(verdicts: Sequence[Verdict]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("FILE", overflow="fold")
    for title in ("OFFSET", "SIZE", "TO GO"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("TAKEN OVER", no_wrap=True)
    table.add_column("REMARK", overflow="fold")
    for verdict in verdicts:
        size = f"{verdict.size:,}" if verdict.size is not None else "-"
        lag = f"{verdict.lag:,}" if verdict.size is not None else "-"
        taken = Text("yes") if verdict.record is not None else Text("no", style="yellow")
        name, remark = Text(one_line(verdict.path)), Text(one_line(verdict.reason))
        table.add_row(name, f"{verdict.state.offset:,}", size, lag, taken, remark)
    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe has no width; names are not to be broken there.
        console.width = max(len(one_line(one.path)) + len(one_line(one.reason)) for one in verdicts) + 100
    console.print(table)


def _summary(theirs: FilebeatRegistry, verdicts: Sequence[Verdict], path: Path, dry_run: bool, why: str | None) -> None:
    taken = sum(verdict.record is not None for verdict in verdicts)
    words = "would be taken over" if dry_run else "are taken over"
    click.echo(f"{taken:,} of {len(verdicts):,} states {words} into {path}", err=True)
    if theirs.torn is not None:
        click.echo(f"{theirs.torn}", err=True)
    if theirs.others:
        kinds = ", ".join(sorted({key.partition("::")[0] for key in theirs.others}))
        click.echo(f"{len(theirs.others):,} states are not of files ({one_line(kinds)}) and stay behind", err=True)
    if why is not None:
        click.echo(f"Filebeat runs ({why}), so this will have changed when it is stopped", err=True)
