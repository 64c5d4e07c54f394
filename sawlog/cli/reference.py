"""The page docs/reference/command-line.md, made of the commands themselves: ``python -m sawlog.cli.reference``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from sawlog.cli import sawlog

_HEAD = """# The command line

Made of the commands' own help by `python -m sawlog.cli.reference`; a test compares the two.

A mistake in what was asked for ends a command with exit code 1 and one message, a mistake in how it was asked with 2,
Ctrl-C with 130. Messages go to standard error, results to standard output.

## Environment

| variable | meaning |
| --- | --- |
| `SAWLOG_DATA` | the data folder when `--data` is not given; see [files-and-folders.md](files-and-folders.md) |
| `SAWLOG_ELASTICSEARCH_URL` | `--elasticsearch` of all commands; commas between several URLs |
| `SAWLOG_ELASTICSEARCH_USERNAME` | the user, `elastic` if only the password is given |
| `SAWLOG_ELASTICSEARCH_PASSWORD` | the password |
| `SAWLOG_ELASTICSEARCH_API_KEY` | an API key (encoded, as Kibana shows it) instead of user and password |
| `SAWLOG_ELASTICSEARCH_CA` | a file with the certificate of the authority that signed the server's |
| `SAWLOG_KIBANA_URL`, `…_USERNAME`, `…_PASSWORD`, `…_API_KEY`, `…_CA` | the same for Kibana |
| `SAWLOG_LISTEN` | `--listen` of `sawlog ingest`: where inputs listen that name no `host` |
| `SAWLOG_WEB_PASSWORD` | the password of the page, for the user `sawlog`; needed when `--host` is not loopback |
| `SAWLOG_METRICS_PASSWORD` | the same for metrics and health; needed where they are not on loopback |

The passwords and the API key may stand in files instead, which the variables with `_FILE` behind
their names name: `SAWLOG_ELASTICSEARCH_PASSWORD_FILE=/run/secrets/elastic`. A user in the URL comes before those of
the environment; then no API key is sent. Options come before both.
"""
WIDTH = 100


def page() -> str:
    """Write the page."""
    parts = [_HEAD]
    for name in sawlog.list_commands(click.Context(sawlog)):
        command = sawlog.get_command(click.Context(sawlog), name)
        assert command is not None
        for title, text in _helps(command, f"sawlog {name}"):
            parts.append(f"## {title}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def _helps(command: click.Command, title: str) -> Iterator[tuple[str, str]]:
    settings = {"help_option_names": ["-h", "--help"]}
    context = click.Context(command, info_name=title, terminal_width=WIDTH, max_content_width=WIDTH, **settings)  # type: ignore[arg-type] # click's settings are of many types
    yield title, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _helps(below, f"{title} {name}")


if __name__ == "__main__":
    print(page(), end="")
