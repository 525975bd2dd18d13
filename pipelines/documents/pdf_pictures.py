"""The pictures of a PDF's page, and where among its texts they stand.

What lies in the file as a whole JPEG comes out as it is. Every other coding (raw samples, fax, JBIG2, JPEG 2000) is no
file by itself: its pixels are written as a PNG, without loss, or as they are shown where a mask lies over them. Masks
and colour tables that a page lays over a JPEG are not applied. What is drawn with lines is no picture.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pipelines.documents.pdf_text import Block, Box
from pipelines.documents.pieces import Held, Missing

MOST_MPX = 60
_DEEP = 8
_JPEG = b"\xff\xd8\xff"


class Placed(NamedTuple):
    """A picture and its box in points from the lower left."""

    piece: Held | Missing
    box: Box


def pictures_of(page: Any, number: int) -> Iterator[Placed]:
    """Yield the pictures of a page in the order of the file; `number` is the page's, from 1."""
    from pypdfium2 import PdfiumError, raw

    for count, found in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=_DEEP), 1):
        name = f"page {number}, picture {count}"
        try:
            yield Placed(_piece(found, name), _on_page(found))
        except (PdfiumError, ValueError, OSError) as error:
            yield Placed(Missing(f"{name}: {error}"[:200], "undecodable"), (0.0, 0.0, 0.0, 0.0))


def _on_page(found: Any) -> Box:
    """Return where a picture lies on its page: one in a form is placed within that, and the form in what holds it."""
    left, bottom, right, top = found.get_bounds()
    holder = found.container
    while holder is not None:
        corners = [holder.get_matrix().on_point(x, y) for x in (left, right) for y in (bottom, top)]
        (left, right), (bottom, top) = ((min(sides), max(sides)) for sides in zip(*corners, strict=True))
        holder = holder.container
    return left, bottom, right, top


def _piece(found: Any, name: str) -> Held | Missing:
    filters = found.get_filters()
    if filters and filters[-1] == "DCTDecode":
        data = bytes(found.get_data(decode_simple=len(filters) > 1))
        if data.startswith(_JPEG):
            return Held(data, name)
    width_px, height_px = found.get_px_size()
    if width_px * height_px > MOST_MPX * 1e6:
        return Missing(f"{name}: {width_px} x {height_px} pixels", "undecodable")
    out = io.BytesIO()
    (_shown(found) or found.get_bitmap(render=False).to_pil()).save(out, "PNG")
    return Held(out.getvalue(), name)


def _shown(found: Any) -> Any:
    """Return a picture as it is shown, where something of it is not: its outermost pixels count for nothing, since they
    are cut where they do not fill a whole one."""
    shown = found.get_bitmap(render=True, scale_to_original=True).to_pil()
    if shown.mode != "RGBA" or min(shown.size) < 5:
        return None
    inner = shown.getchannel("A").crop((2, 2, shown.width - 2, shown.height - 2))
    return shown if inner.getextrema()[0] < 255 else None


def among(pictures: Sequence[Placed], blocks: Sequence[Block]) -> list[Block | Placed]:
    """Return texts and pictures together: each picture behind the text that stands over it in its column, else before
    the one under it, else before the one beside it."""
    before: list[list[Placed]] = [[] for _ in range(len(blocks) + 1)]
    for picture in sorted(pictures, key=lambda one: (-round(one.box[3]), one.box[0])):
        before[_place(picture.box, blocks)].append(picture)
    found: list[Block | Placed] = []
    for place, here in enumerate(before):
        found += [*here, *blocks[place : place + 1]]
    return found


def _place(box: Box, blocks: Sequence[Block]) -> int:
    left, bottom, right, top = box
    slack = 0.2 * (top - bottom)
    column = [
        (place, block)
        for place, block in enumerate(blocks)
        if min(right, block.right) - max(left, block.left) > 0.3 * min(right - left, block.right - block.left)
    ]
    if over := [(block.bottom, place) for place, block in column if block.bottom >= top - slack]:
        return min(over)[1] + 1
    if under := [(-block.top, place) for place, block in column if block.top <= bottom + slack]:
        return min(under)[1]
    beside = [(abs(block.top - top), place) for place, block in enumerate(blocks)]
    return min(beside)[1] if beside else 0
