"""The option ``--retention``."""

from __future__ import annotations

from collections.abc import Callable

import click

from sawlog.store.retention import age_of, retention_of


def checked_retention(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse, as a callback of the option, what is no retention."""
    return _checked(ctx, param, value, retention_of)


def checked_age(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse, as a callback of the option, what is no retention of Elasticsearch's: that has no sizes."""
    return _checked(ctx, param, value, age_of)


def _checked(
    ctx: click.Context, param: click.Parameter, value: str | None, read: Callable[[str], object]
) -> str | None:
    if value is not None:
        try:
            read(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from None
    return value
