"""``sawlog sql``: one query in SQL over the embedded index, which it cannot change."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table as Shown

from sawlog.cli.lines import escape
from sawlog.cli.store import data_option, opened
from sawlog.errors import QueryError, SawlogError

if TYPE_CHECKING:
    import duckdb

BATCH = 1_000


@click.command()
@click.argument("query")
@data_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a file instead, by its name Parquet (.parquet) or CSV (.csv).",
)
def sql(query: str, data: Path, as_json: bool, output: Path | None) -> None:
    """Run one SELECT of DuckDB's SQL over the table `logs`, and print what it finds.

    The columns have the fields' names, such as "service.name"; what has no column of its own is in the JSON of `rest`.
    """
    import duckdb  # noqa: PLC0415 - slow to import

    from sawlog.store.embedded.engine import connection  # noqa: PLC0415 - slow to import
    from sawlog.store.embedded.recovery import Follower  # noqa: PLC0415 - slow to import

    directory = opened(data)
    if output is not None and output.suffix not in {".parquet", ".csv"}:
        raise SawlogError(f"{output} is neither .parquet nor .csv")
    view = Follower(directory).view()
    made = connection(directory)
    try:
        _name(made, [str(one.path.resolve()) for one in view.segments], [part.table for part in view.live])
        select = _select(made, query)
        if output is not None and output.suffix == ".parquet":
            _write_parquet(made.sql(select), output)
        else:
            found = made.execute(select)
            if output is not None:
                _write_csv(found, output)
            elif as_json:
                _print_json(found)
            else:
                _print(found)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
    except OSError as error:
        raise SawlogError(f"{output or directory}: {error}") from error
    finally:
        made.close()


def _name(made: duckdb.DuckDBPyConnection, paths: list[str], live: list[Any]) -> None:
    """Make the table `logs` of the segments and of what is in logs."""
    from arro3.core import Table  # noqa: PLC0415 - slow to import

    from sawlog.store.embedded.layout import COLUMNS, ID, SCHEMA, SOURCE  # noqa: PLC0415 - slow to import

    batches = [batch for table in live for batch in table.to_batches()]
    made.register("live", Table.from_batches(batches, schema=SCHEMA))
    columns = ", ".join(f'"{name}"' for name in COLUMNS if name not in (ID, SOURCE))
    select = f"SELECT coalesce({ID}, {SOURCE} || ':' || \"log.offset\") AS {ID}, {columns} FROM"
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    parts = [f"{select} live", *([f"{select} read_parquet([{listed}])"] if paths else [])]
    made.execute(f"CREATE VIEW logs AS {' UNION ALL '.join(parts)}")


def _select(made: duckdb.DuckDBPyConnection, query: str) -> str:
    """Return the query if it is one that only reads."""
    import duckdb  # noqa: PLC0415 - slow to import

    statements = made.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("sawlog sql takes one SELECT")
    return statements[0].query.strip().rstrip(";")


def _print_json(found: duckdb.DuckDBPyConnection) -> None:
    names = _names(found)
    encode = msgspec.json.Encoder(enc_hook=str).encode
    while rows := found.fetchmany(BATCH):
        click.echo(b"\n".join(encode(dict(zip(names, row, strict=True))) for row in rows))


def _print(found: duckdb.DuckDBPyConnection) -> None:
    shown = Shown(*map(escape, _names(found)), box=None, pad_edge=False)
    while rows := found.fetchmany(BATCH):
        for row in rows:
            shown.add_row(*("" if value is None else escape(str(value)) for value in row))
    Console(markup=False, highlight=False, soft_wrap=True).print(shown)


def _write_csv(found: duckdb.DuckDBPyConnection, output: Path) -> None:
    with output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_names(found))
        while rows := found.fetchmany(BATCH):
            writer.writerows(rows)


def _write_parquet(found: duckdb.DuckDBPyRelation, output: Path) -> None:
    import arro3.io  # noqa: PLC0415 - slow to import
    from arro3.core import RecordBatchReader  # noqa: PLC0415 - slow to import

    arro3.io.write_parquet(RecordBatchReader.from_arrow(found), output, compression="zstd(1)")


def _names(found: duckdb.DuckDBPyConnection) -> list[str]:
    return [column[0] for column in found.description or ()]
