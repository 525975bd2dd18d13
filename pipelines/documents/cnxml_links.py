"""References in CNXML: a link without words, for which a book's renderer writes "Figure 23.5".

A module knows what kind of thing is meant, and no numbers: left empty, a sentence ends in "is shown in .".
"""

from __future__ import annotations

from typing import Any

_ELSEWHERE = "another section"
_HERE = "this section"
_SAID = {
    "subfigure": "the figure",
    **{name: f"the {name}" for name in ("figure", "table", "example", "exercise", "equation", "section", "note")},
}


def fill_references(root: Any) -> None:
    """Give every link without words those of what it leads to; one to an address on the web stays empty."""
    elements = [one for one in root.iter() if isinstance(one.tag, str)]
    kinds = {one.get("id"): _name(one) for one in elements if one.get("id")}
    for link in elements:
        if _name(link) == "link" and not len(link) and not (link.text or "").strip() and not link.get("url"):
            link.text = _ELSEWHERE if link.get("document") else _SAID.get(kinds.get(link.get("target-id"), ""), _HERE)


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]
