"""Furniture: running heads, feet and numbers of pages, which are no text of the document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from pipelines.documents.pdf_text import Block

_MARGIN = 0.1
_LONGEST_CHARS = 160
_LEAST_PAGES, _LEAST_SHARE = 3, 0.02
_NUMBER = re.compile(r"^\W*(?:(?:page|seite|p\.)\s*)?(?:\d{1,5}|[ivxlc]{1,7})(?:\s*(?:/|of|von)\s*\d{1,5})?\W*$", re.I)


class Furniture:
    """Learns what stands in the margins of pages, and says of a block whether it is that."""

    def __init__(self, pages: Iterable[tuple[float, Sequence[Block]]]) -> None:
        seen, count = Counter[str](), 0
        for height, blocks in pages:
            count += 1
            seen.update({_name(block) for block in blocks if in_margin(block, height)})
        least = max(_LEAST_PAGES, _LEAST_SHARE * count)
        self._repeated = {name for name, pages_it_is_on in seen.items() if pages_it_is_on >= least}

    def has(self, block: Block, height: float) -> bool:
        """Say whether a block of a page of this height is furniture."""
        if not in_margin(block, height):
            return False
        return _NUMBER.match(block.text) is not None or _name(block) in self._repeated


def in_margin(block: Block, height: float) -> bool:
    """Say whether a block is short and lies in the upper or the lower tenth of its page."""
    at_edge = block.bottom > (1 - _MARGIN) * height or block.top < _MARGIN * height
    return at_edge and len(block.text) <= _LONGEST_CHARS


def _name(block: Block) -> str:
    return re.sub(r"\d+", "#", block.text.casefold())
