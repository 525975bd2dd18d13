"""A sheet as the editor's configuration: what is asked on the left, the sample on the right.

The editor shows a field of a span or a track once that is selected. What is asked stands above the fold, whatever the
size of the sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from annotators.desk.label_studio.sheet import Asked, Choice, Field, Grade, Line, Places, Sheet, Spans
from annotators.desk.label_studio.skipped import SKIP

OBJECT = {"clip": "clip", "pictures": "pictures", "words": "words"}
"""The name of the object that everything is asked of, by what a sheet shows."""
BOX = "_box"
"""What the name of a rectangle ends in, beside its labels'."""
_MOST_INLINE = 4
_COLOURS = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
    "#17becf",
)


def config(sheet: Sheet) -> str:
    """Return a sheet's configuration as the XML that the editor reads."""
    view = Element("View", style="display: flex; gap: 16px")
    asked = SubElement(view, "View", style="flex: 0 0 340px; max-height: 78vh; overflow-y: auto")
    SubElement(asked, "Header", value="$title", size="4")
    SubElement(asked, "Text", name="guideline", value="$guideline")
    shown = SubElement(view, "View", style="flex: 1 1 auto; min-width: 0")
    for one in sheet.asked:
        _ask(asked, shown, one, OBJECT[sheet.shows])
    SubElement(asked, "Header", value="Where it cannot be done: why, then Skip", size="6")
    why = {"name": SKIP, "toName": OBJECT[sheet.shows], "rows": "1", "maxSubmissions": "1", "editable": "true"}
    SubElement(asked, "TextArea", why)
    _show(shown, sheet)
    indent(view)
    return tostring(view, encoding="unicode")


def _show(into: Element, sheet: Sheet) -> None:
    if sheet.shows == "clip":
        SubElement(into, "Video", name="clip", value="$clip", frameRate="$rate", height="340", timelineHeight="96")
    if sheet.shows == "pictures":
        SubElement(into, "Image", name="pictures", valueList="$pictures", zoom="true")
    if sheet.shows != "clip":
        SubElement(into, "Text", name="words", value="$words")


def _ask(asked: Element, shown: Element, one: Asked, of: str) -> None:
    if not isinstance(one, Choice | Line | Grade):
        _places(shown, one, of)
        for field in one.fields:
            _field(asked, field, of, {"perRegion": "true", "whenTagName": one.name})
        return
    _field(asked, one, of, {})


def _places(into: Element, one: Places, of: str) -> None:
    if one.says:
        SubElement(into, "Header", value=one.says, size="6")
    if isinstance(one, Spans):
        labels = SubElement(into, "TimelineLabels", name=one.name, toName=of)
    else:
        SubElement(into, "VideoRectangle", name=one.name + BOX, toName=of)
        labels = SubElement(into, "Labels", name=one.name, toName=of, allowEmpty="false")
    for label, colour in zip(one.labels, _colours(), strict=False):
        SubElement(labels, "Label", value=label, background=colour)


def _colours() -> Iterator[str]:
    while True:
        yield from _COLOURS


def _field(into: Element, field: Field, of: str, when: dict[str, str]) -> None:
    around = SubElement(into, "View", {"visibleWhen": "region-selected", **when} if when else {})
    SubElement(around, "Header", value=field.says or field.name.replace("_", " "), size="6")
    told = {"name": field.name, "toName": of, "required": str(field.required).lower(), **when}
    if isinstance(field, Choice):
        layout = "select" if len(field.options) > _MOST_INLINE else "inline"
        told |= {"choice": "multiple" if field.several else "single", "layout": layout}
        choices = SubElement(around, "Choices", told)
        for option in field.options:
            SubElement(choices, "Choice", value=option)
    elif isinstance(field, Line):
        SubElement(around, "TextArea", told | {"rows": str(field.rows), "maxSubmissions": "1", "editable": "true"})
    else:
        SubElement(around, "Rating", told | {"maxRating": str(field.most)})
