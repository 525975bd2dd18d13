"""Pass rates that were measured before training: a table of keys and rates, as a query of the shelf writes it.

ostraka sql --shelf SHELF "SELECT key, pass_rate FROM ..." > rates.csv
"""

from __future__ import annotations

import csv

from schemas.errors import BadInput


def read_rates(path: str) -> dict[str, float]:
    """Return the pass rate of each key of a CSV file; raises BadInput that names the line."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if not {"key", "pass_rate"} <= set(rows.fieldnames or ()):
                raise BadInput("it has no columns key and pass_rate", where=path, remedy="name them in its first line")
            return {row["key"]: _rate(row["pass_rate"], f"{path}, line {rows.line_num}") for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(f"no table of pass rates: {said}", where=path, remedy="give a CSV file") from None


def _rate(said: str, where: str) -> float:
    try:
        rate = float(said)
    except (TypeError, ValueError):
        rate = -1.0
    if not 0 <= rate <= 1:
        raise BadInput(f"a pass rate of {said!r}", where=where, remedy="give a share from 0 to 1")
    return rate
