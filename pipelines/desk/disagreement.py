"""A disagreement as HTML: what each person said of an item, side by side, with the frames that it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from annotators.desk.item import Item, Notes
from annotators.desk.report import Disagreement
from annotators.desk.state import State, Version
from pipelines.desk.media import WORDS
from pipelines.desk.report_tables import word
from pipelines.desk.stills import Still
from schemas.note import Note, TimeSpan, Track

MOST_NOTES, MOST_CHARS = 12, 600

See = Callable[[Item, Sequence[Notes]], list[Still]]


def article(state: State, one: Disagreement, see: See) -> str:
    """Return an item that people differ on; what one says and another does not stands out."""
    work = state.work[one.item]
    versions = [work.versions[name] for name in one.versions]
    stands = work.versions[work.standing] if work.standing else None
    shown = versions + ([stands] if stands and stands not in versions else [])
    said = "".join(_version(version, versions, stands) for version in shown)
    text = work.item.facts.get(WORDS, "")[:MOST_CHARS]
    return (
        f'<article><header><h3 class="mono">{word(one.item)}</h3><span class="small">{word(one.layer)}, '
        f"agreement {one.agreement:.2f}, {word(one.state.replace('_', ' '))}</span>"
        f'<span class="small quiet mono">sample {word(work.item.sample)}{_where(work.item)}</span></header>'
        + (f"<pre>{word(text)}</pre>" if text else "")
        + _frames(see(work.item, [version.notes for version in versions]))
        + f'<div class="versions">{said}</div></article>'
    )


def _where(item: Item) -> str:
    return f", {seconds(item.at)}" if isinstance(item.at, TimeSpan) else ""


def seconds(at: TimeSpan) -> str:
    """Return a span in seconds of the clip."""
    base = at.time_base[0] / at.time_base[1]
    return f"{at.start_pts * base:.2f} to {at.end_pts * base:.2f} s"


def _frames(found: Sequence[Still]) -> str:
    drawn = "".join(
        f'<figure><img src="{still.address}" alt=""><figcaption>{word(still.says)}</figcaption></figure>'
        for still in found
    )
    return f'<div class="frames">{drawn}</div>' if drawn else ""


def _version(one: Version, blind: Sequence[Version], stands: Version | None) -> str:
    others = [{_said(note) for note in other.notes} for other in blind if other is not one]
    rows = [(said, all(said in other for other in others)) for said in map(_said, one.notes[:MOST_NOTES])]
    items = "".join(f"<li{'' if alike else ' class=apart'}>{word(said)}</li>" for said, alike in rows)
    left = len(one.notes) - MOST_NOTES
    more = f'<li class="quiet">and {left} more</li>' if left > 0 else ""
    by = "the desk, merged" if one.origin == "merge" else one.author
    standing = " (stands)" if stands is not None and one.id == stands.id else ""
    return f'<div><h3 class="small">{word(by)}{standing}</h3><ul>{items}{more}</ul></div>'


def _said(note: Note) -> str:
    value = ", ".join(map(str, note.value)) if isinstance(note.value, list) else str(note.value)
    said = f"{note.name.replace('_', ' ')}: {value[:MOST_CHARS]}"
    if isinstance(note.at, TimeSpan):
        return f"{said}, {seconds(note.at)}"
    if isinstance(note.at, Track) and note.at.boxes:
        base = note.at.time_base[0] / note.at.time_base[1]
        return f"{said}, {note.at.boxes[0][0] * base:.2f} to {note.at.boxes[-1][0] * base:.2f} s, a track"
    return said
