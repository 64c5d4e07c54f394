"""The option ``--retention``."""

from __future__ import annotations

import click

from sawlog.store.retention import retention_of


def checked_retention(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse, as a callback of the option, what is no retention."""
    if value is not None:
        try:
            retention_of(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None
    return value
