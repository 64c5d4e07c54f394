"""The command line: `main`, and the table of commands, each imported only when it is asked for."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Final

import click

from sawlog import __version__
from sawlog.errors import SawlogError, nearest
from sawlog.extras import needing

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "up": ("sawlog.cli.up:up", "Tail, parse, index and show logs, in one process."),
    "ingest": ("sawlog.cli.ingest:ingest", "Run Logstash pipeline files: receive, filter, send."),
    "ship": ("sawlog.cli.ship:ship", "Follow files and send their lines, as a filebeat.yml says."),
    "test": ("sawlog.cli.ship:test", "Try a filebeat.yml, or the way to its output."),
    "search": ("sawlog.cli.search:search", "Show the events that match a query."),
    "count": ("sawlog.cli.search:count", "Print how many events match a query."),
    "tail": ("sawlog.cli.search:tail", "Show events as they are indexed."),
    "view": ("sawlog.cli.view:view", "Browse events in the whole terminal."),
    "around": ("sawlog.cli.around:around", "Show the lines of its file around an event."),
    "problems": ("sawlog.cli.problems:problems", "Group errors: which problems there are, how often, since when."),
    "watch": ("sawlog.cli.watch:watch", "Look at what is indexed by rules, and tell when one fires."),
    "top": ("sawlog.cli.figures:top", "Show the most frequent values of a field."),
    "histogram": ("sawlog.cli.figures:histogram", "Draw how many events match a query over time."),
    "grok": ("sawlog.cli.grok:grok", "Try a grok expression on lines, or have one proposed."),
    "registry": ("sawlog.cli.registry:registry", "List how far each file has been delivered."),
    "setup": ("sawlog.cli.setup:setup", "Set up Elasticsearch: templates, lifecycle, a role for ingest."),
    "dashboards": ("sawlog.cli.dashboards:dashboards", "Bring searches, charts and dashboards into Kibana."),
    "check": ("sawlog.cli.check:check", "Test configuration files without starting anything."),
    "store": ("sawlog.cli.store:store", "Look after the embedded index; export and import documents."),
    "sql": ("sawlog.cli.sql:sql", "Run a SELECT over the embedded index."),
    "dead-letter": ("sawlog.cli.dead_letter:dead_letter", "List, show, replay or purge what the store refused."),
}
"""Command → where it is, and its line in ``sawlog --help``."""

_SEARCH: Final = (
    "search", "count", "tail", "view", "around", "problems", "watch", "top", "histogram", "dashboards", "store", "sql",
)  # fmt: skip
NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "up": ("ingest", "search"),
    "ingest": ("ingest",),
    "grok": ("ingest",),
    "setup": ("elasticsearch",),
    **dict.fromkeys(_SEARCH, ("search",)),
}
"""Command → the extras that it needs; the others run with `sawlog` alone, or say themselves for what they need one."""


def main() -> None:
    """Run the command line; an error that sawlog explains ends it with exit code 1 and no traceback."""
    try:
        sawlog(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SawlogError as error:
        click.echo(f"sawlog: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # `sawlog search … | head`: the reader has gone, which is its right.
        sys.stderr.close()
        sys.exit(0)


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is run, so that ``--help`` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102 - click's contract
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: D102 - click's contract
        if cmd_name not in COMMANDS:
            hint = nearest(cmd_name, COMMANDS)
            raise click.UsageError(f"No such command '{cmd_name}'." + (f" {hint.capitalize()}" if hint else ""), ctx)
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        with _needing(cmd_name):
            command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a library that it lacks is told by the name of its extra."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError:
            with _needing(ctx.invoked_subcommand or ""):
                raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])


def _needing(command: str) -> contextlib.AbstractContextManager[None]:
    return needing(f"sawlog {command}", *NEEDS.get(command, ()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sawlog")
def sawlog() -> None:
    """Tail, parse, index and search the logs of Spring Boot services."""
