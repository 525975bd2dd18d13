"""Layers of a desk: the sheet that is asked, the rules by which answers stand, what a change does to old answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from annotators.desk.label_studio.find import find_sheet
from annotators.desk.rules import Accepted, Layer, Rules
from annotators.desk.state import STANDS
from pipelines.desk.folder import Folder, now_ms
from schemas.errors import BadInput


def put_layer(
    at: Folder,
    name: str,
    rules: Mapping[str, object],
    guideline: str | None,
    taxonomy: str | None,
    accepted: str | None,
) -> tuple[Layer, tuple[str, ...]]:
    """Ask a layer, or change it; what is None stays. Return it with the items that are looked at again.

    Raises BadInput where notes were accepted under what changes and nobody says what becomes of them.
    """
    sheet = find_sheet(at.settings.sources.get(name, name))
    with at.ledger() as ledger:
        before = ledger.state.layers.get(sheet.name)
        layer = Layer(
            sheet.name,
            sheet.fingerprint,
            taxonomy if taxonomy is not None else before.taxonomy if before else "",
            at.keep_guideline(guideline) if guideline is not None else before.guideline if before else "",
            msgspec.structs.replace(before.rules if before else Rules(), **_fitting(before, dict(rules))),
        )
        if before and accepted is None and _says_other(before, layer):
            stand = sum(work.item.layer == sheet.name and work.state in STANDS for work in ledger.state.items())
            if stand:
                what = f"{stand} notes of {sheet.name} were accepted under what changes"
                raise BadInput(what, where=at.path, remedy="say --accepted keep, review or reopen")
        at.ask(sheet, name)
        return layer, ledger.set_layer(layer, now_ms(), cast(Accepted, accepted or "keep"))


def _fitting(before: Layer | None, rules: dict[str, object]) -> dict[str, object]:
    """Return rules of which the two bounds of agreement fit, where one alone is given."""
    known = before.rules if before else Rules()
    if "accept_at" in rules and "adjudicate_below" not in rules:
        rules["adjudicate_below"] = min(known.adjudicate_below, float(str(rules["accept_at"])))
    return rules


def _says_other(before: Layer, after: Layer) -> bool:
    return (before.config, before.taxonomy, before.guideline) != (after.config, after.taxonomy, after.guideline)
