"""How the documentation is built: `make docs`."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

project = "ostraka"
author = "the ostraka authors"
copyright = "the ostraka authors, Apache-2.0"
release = version = metadata.version("ostraka")

extensions = ["myst_parser"]
exclude_patterns = ["_build", "**/findings.md"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"ostraka {version}"
html_copy_source = False
html_show_sourcelink = False


def setup(app: Any) -> None:
    """Fill the pages' `<!-- from code: ... -->` lines, at every build."""
    from from_code import fill, pages

    def read(_: Any, __: str, source: list[str]) -> None:
        source[0] = fill(source[0])

    app.connect("source-read", read)
    app.connect("env-get-outdated", lambda *_: set(pages(DOCS)))
