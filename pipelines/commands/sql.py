"""`ostraka sql`: the shelf asked in SQL, or written as a DuckDB file of views."""

from __future__ import annotations

import shlex
import sys
from typing import Any

import click

from pipelines.commands.options import open_shelf, shelf_option
from pipelines.commands.screen import say, table


@click.command(short_help="Ask the shelf with SQL.")
@click.argument("query", required=False, default="")
@shelf_option
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--database", is_flag=True, help="Write a DuckDB file with the views instead, and say where.")
def sql(query: str, shelf_url: str, form: str, database: bool) -> None:
    """Run a query over the views samples, notes, notes_<annotator>, verdicts, runs and exports."""
    from pipelines.query.sql import run_query
    from pipelines.query.views import write_database

    shelf = open_shelf(shelf_url)
    if database:
        say(f"open it with: duckdb {shlex.quote(write_database(shelf))}")
    elif not query:
        raise click.UsageError('give a query, for instance "select outcome, count(*) from verdicts group by all"')
    else:
        headings, rows = run_query(shelf, query)
        _print_rows(headings, rows, form)


def _print_rows(headings: list[str], rows: list[tuple[Any, ...]], form: str) -> None:
    if form == "table":
        table("", headings, rows)
    elif form == "csv":
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(rows)
    else:
        import msgspec

        for row in rows:
            click.echo(msgspec.json.encode(dict(zip(headings, row, strict=True)), enc_hook=str))
