"""The page on difficulty adds up: all tasks before, those that were kept after, and pictures of those that it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pipelines.engines.local import Local
from pipelines.ingest.drawn_task_set import write_tasks
from pipelines.ingest.ingest import ingest
from pipelines.query.difficulty_page import write_page
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf


def test_the_page_counts_all_tasks_before_and_the_kept_ones_after(tmp_path: Path) -> None:
    path = Path(write_tasks(str(tmp_path / "drawn"), 18, ("counting", "digits"), ("easy",), "train", worked=True))
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for place, record in enumerate(records):
        wrong = "<think>A guess.</think><answer><|begin_of_box|>a|b<|end_of_box|></answer>"
        record["responses"] = record["responses"] * (place % 5) + [wrong] * (4 - place % 5)
    path.write_text("\n".join(map(json.dumps, records)))
    shelf, recipe = Shelf(str(tmp_path / "shelf")), find_recipe("cot")
    ingest(shelf, str(path), Local(1))
    counted = run(shelf, recipe, Local(1))

    page = tmp_path / "page.md"
    assert write_page(shelf, recipe.id, str(page), 5) == (5, 5)
    told = page.read_text()
    bars = re.findall(r"^0\.\d to \d\.\d +(\d+) [# ]{30} +(\d+)", told, re.M)
    assert [sum(int(one) for one in column) for column in zip(*bars, strict=True)] == [18, counted["kept"]]
    kept, dropped = (section.split("\n\n")[1].splitlines()[2:] for section in told.split("\n## ")[-2:])
    rates = [[int(found) for found in re.findall(r"\| (\d) of 4 \|", "\n".join(rows))] for rows in (kept, dropped)]
    assert len(rates[0]) == 5 and {*rates[0]} <= {1, 2, 3}
    assert len(rates[1]) == 5 and {*rates[1]} <= {0, 4}
    pictures = {record["id"]: (path.parent / record["images"][0]).read_bytes() for record in records}
    shown = re.findall(r"!\[(\S+)\]\((\S+)\)", told)
    assert len(shown) == 10
    assert all((tmp_path / linked).read_bytes() == pictures[name] for name, linked in shown)
