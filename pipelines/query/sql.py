"""SQL over the shelf's views."""

from __future__ import annotations

from typing import Any

from pipelines.query.views import connect
from pipelines.shelf.in_duckdb import said_by_file_system
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput


def run_query(shelf: Shelf, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the headings and rows of a query; raises BadInput with DuckDB's own words where it is wrong."""
    import duckdb

    with connect(shelf, query) as db:
        try:
            found = db.execute(query)
            headings = [column[0] for column in found.description or []]
            return headings, found.fetchall()
        except duckdb.Error as error:
            if said_by_file_system(error):
                raise
            raise BadInput(str(error), where="query", remedy="`ostraka sql 'show tables'` lists the views") from None
