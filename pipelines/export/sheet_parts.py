"""A sample of a sheet as HTML: what stands before a picture stands before it, and what is said is said in turns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape

from msgspec import Struct

from schemas.kind import estimated_tokens, is_dialogue
from schemas.sample import Media, Part, Sample, Text, Video

MOST_OPEN_CHARS = 8_000
MOST_CHARS = 60_000

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LINES = re.compile(r"\n{3,}")
_TAGS = {"heading": "h4", "code": "pre"}
_UNNAMED = ("heading", "paragraph", "code", "text")


class Shown(Struct, frozen=True):
    """A small copy of a picture in base64 with its sides in pixels, or why there is none."""

    jpeg: str = ""
    width_px: int = 0
    height_px: int = 0
    why: str = ""


def article(sample: Sample, tar: str, shown: Mapping[int, Shown]) -> str:
    """Return a sample: where it came from, then its parts in their order, pictures by their places."""
    source = sample.source
    facts = [tar, source.licence or "no licence stated", f"about {estimated_tokens(sample):,} tokens", sample.key]
    head = f'<h3 dir="auto">{_said(f"{source.dataset}/{source.row}")}</h3>'
    told = f'<p class="small quiet">{_said(", ".join(facts))}</p>'
    body = _dialogue(sample, shown) if is_dialogue(sample.parts) else "".join(_in_order(sample, shown))
    return f"<article><header>{head}{told}</header>{body}</article>"


def _in_order(sample: Sample, shown: Mapping[int, Shown]) -> Iterator[str]:
    """Yield the parts; what comes after many characters is folded, what comes after very many is counted."""
    chars, folded = 0, False
    for place, part in enumerate(sample.parts):
        if chars > MOST_CHARS:
            left = len(sample.parts) - place
            yield f'<p class="quiet">and {left:,} more parts</p>'
            break
        if chars > MOST_OPEN_CHARS and not folded:
            folded = True
            yield f"<details><summary>the other {len(sample.parts) - place:,} parts</summary>"
        chars += len(part.text) if isinstance(part, Text) else 0
        yield _part(part, shown.get(place, Shown()))
    if folded:
        yield "</details>"


def _dialogue(sample: Sample, shown: Mapping[int, Shown]) -> str:
    """Return the turns; a picture or clip belongs to the question that it stands in or before."""
    turns: list[tuple[str, list[str]]] = []
    for place, part in enumerate(sample.parts):
        role = part.role if isinstance(part, Text) else "user"
        if not turns or turns[-1][0] != role:
            turns.append((role, []))
        turns[-1][1].append(_text(part.text, "p") if isinstance(part, Text) else _media(part, shown[place]))
    said = (
        f'<div class="turn {_class(role)}"><b class="role">{_said(role)}</b>{"".join(parts)}</div>'
        for role, parts in turns
    )
    return "".join(said)


def _part(part: Part, shown: Shown) -> str:
    if not isinstance(part, Text):
        return _media(part, shown)
    role = "" if part.role in _UNNAMED else f'<b class="role">{_said(part.role)}</b>'
    return f'<div class="text {_class(part.role)}">{role}{_text(part.text, _TAGS.get(part.role, "p"))}</div>'


def _media(part: Media, shown: Shown) -> str:
    size = f"{part.size_bytes:,} bytes"
    told = f"clip {part.extension}, {part.duration_s:g} s, {size}" if isinstance(part, Video) else ""
    if not shown.jpeg:
        kind = "clip" if isinstance(part, Video) else "picture"
        return f'<p class="blank">{kind} {_said(part.extension)}, {size}: {_said(shown.why) or "not shown"}</p>'
    sides = f'width="{shown.width_px}" height="{shown.height_px}"'
    image = f'<img src="data:image/jpeg;base64,{shown.jpeg}" {sides} alt="">'
    return f"<figure>{image}{f'<figcaption>{_said(told)}</figcaption>' if told else ''}</figure>"


def _text(text: str, tag: str) -> str:
    """Return a text in an element, its lines as they are; of a very long one the beginning and how long it is."""
    cut = text[:MOST_CHARS]
    rest = f'<span class="quiet"> … {len(text):,} characters</span>' if len(text) > MOST_CHARS else ""
    return f'<{tag} dir="auto">{_said(_LINES.sub(chr(10) * 2, cut))}{rest}</{tag}>'


def _said(text: str) -> str:
    return escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text))


def _class(role: str) -> str:
    return "".join(mark if mark.isalnum() and mark.isascii() else "-" for mark in role)
