"""The demos, one a kind: what each needs beside the light core, its source, and the commands that curate it."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec

from msgspec import Struct

from pipelines.demos.clips import write_clips
from pipelines.demos.site import write_site
from pipelines.demos.words import write_talks, write_texts
from schemas.errors import BadInput

_LEFT_OUT = (
    "select reason, count(*) as pictures from (select unnest(left_out_why) as reason from verdicts) "
    "group by all order by all"
)


class Demo(Struct, frozen=True):
    """A kind as it is shown. `extra` brings the `modules`; `write` makes the `source` below a folder.

    `asks` is whose story is told, `query` what else is asked with SQL.
    """

    recipe: str
    source: str
    door: str
    write: Callable[[str], None]
    asks: str
    extra: str = ""
    modules: tuple[str, ...] = ()
    query: str = ""

    def check(self, kind: str) -> None:
        """Raise BadInput where a module is missing, before anything is written."""
        if missing := [module for module in self.modules if find_spec(module) is None]:
            raise BadInput(
                f"the demo of {kind} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not here",
                remedy=f"pip install 'ostraka[{self.extra}]'",
            )

    def command_lines(self, folder: str) -> list[list[str]]:
        """Return the ostraka command lines, in order; each goes on where a stopped one was."""
        shelf, out = os.path.join(folder, "shelf"), os.path.join(folder, "export")
        here = ["--shelf", shelf]
        return [
            ["ingest", os.path.join(folder, self.source), "--as", self.door, *here, "--max-failed", "1"],
            ["run", self.recipe, *here, "--max-failed", "1"],
            ["funnel", *here],
            *([["sql", self.query, *here]] if self.query else []),
            ["why", self.asks, *here],
            ["browse", *here, "--to", os.path.join(folder, "browse.html")],
            ["export", "demo", *here, "--to", out],
            ["verify", out],
            ["sheet", out, "--to", os.path.join(folder, "sheet.html")],
        ]


DEMOS = {
    "documents": Demo(
        "documents",
        "site",
        "pages",
        write_site,
        "coffee.html",
        "documents",
        ("lxml", "lxml_html_clean", "readability", "zxingcpp"),
        _LEFT_OUT,
    ),
    "instructions": Demo("instructions", "talks.jsonl", "dialogues", write_talks, "planted_broken_picture"),
    "text": Demo("text", "texts", "texts", write_texts, "random.seed.txt"),
    "video": Demo(
        "video",
        os.path.join("clips", "clips.jsonl"),
        "manifest",
        write_clips,
        "clip-00002",
        "video",
        ("av", "cv2", "decord", "scenedetect"),
    ),
}
