"""Contact sheets of a shelf's videos: for each its frames, its notes on spans, and a picture of both."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct, structs
from PIL import Image

from pipelines.guard.talk import Request
from pipelines.query.choose import Place, find_sample
from pipelines.query.films.contact_sheet import Sheet
from pipelines.query.films.lanes import Lane, lanes_of
from pipelines.query.films.sheet_frames import places
from pipelines.query.films.stills import Filmed, picture_of
from pipelines.query.places import places_of
from pipelines.query.show import Shown, sample_at
from pipelines.query.views import annotator_ids
from pipelines.shelf.notes import SOURCE_NOTES
from pipelines.shelf.shelf import Shelf
from pipelines.store.address import file_system
from schemas.errors import BadInput, BadSample
from schemas.publish import put
from schemas.sample import Sample, Video
from schemas.vocabulary.shots import SHOT

FRAME_PX = 240


class Written(Struct, frozen=True):
    """A sheet that was written, or why there is none: `path` is empty then."""

    key: str
    name: str
    path: str
    spans: int = 0
    reason: str = ""


def videos(db: Any, shelf: Shelf, asked: Iterable[str], most: int) -> tuple[list[Place], int]:
    """Return the samples that are asked for, or the first videos of the shelf where none is, and how many there are.

    Raises BadInput where a sample is not there, or is none with a video.
    """
    if named := [find_sample(db, shelf, one) for one in asked]:
        return named, len(named)
    [(count,)] = db.execute("SELECT count(*) FROM samples WHERE videos > 0").fetchall()
    query = f"SELECT key, shard, row FROM samples WHERE videos > 0 ORDER BY shard, row LIMIT {most}"
    return [Place(key, shard, int(row)) for key, shard, row in db.execute(query).fetchall()], int(count)


def write_sheets(
    db: Any, shelf: Shelf, chosen: Iterable[Place], folder: str, frames: int, font: str = ""
) -> Iterator[Written]:
    """Write a PNG into a folder for each of these samples, and yield each as it is there."""
    fs, root = file_system(folder)
    latest = latest_notes(shelf)
    with Filmed(FRAME_PX) as filmed:
        for place in chosen:
            shown = sample_at(db, shelf, place.key)
            name = f"{shown.sample.source.dataset}/{shown.sample.source.row}"
            lanes = lanes_in(shelf, latest, place, shown.sample)
            try:
                sheet = sheet_of(filmed, request_of(shelf, shown), lanes, f"{name}   {place.key[:12]}", frames, font)
            except BadSample as bad:
                yield Written(place.key, name, "", reason=f"{bad.reason}: {bad.detail}" if bad.detail else bad.reason)
                continue
            path = f"{root}/{place.key}.png"
            _make_folder(fs, root, folder)
            put(fs, path, png(sheet.draw()))
            yield Written(place.key, name, path, sum(len(lane.spans) for lane in lanes))


def _make_folder(fs: Any, root: str, asked: str) -> None:
    try:
        fs.makedirs(root, exist_ok=True)
    except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
        raise BadInput(f"no folder: {error.strerror}", where=asked, remedy="give another --to") from None


def sheet_of(filmed: Filmed, request: Request, lanes: list[Lane], title: str, most: int, font: str = "") -> Sheet:
    """Return the sheet of a video; raises BadSample where nothing of it is to be seen."""
    clip = filmed.clip(request)
    starts = [span.start_pts for lane in lanes if lane.name == SHOT.name for span in lane.spans]
    chosen = [clip.pts[place] for place in places(clip, [clip.place(pts) for pts in starts], most)]
    stills = map(picture_of, filmed.stills(request, chosen))
    return Sheet(title, clip, lanes, list(zip(chosen, stills, strict=True)), font)


def latest_notes(shelf: Shelf) -> list[str]:
    """Return the annotators whose notes are looked at: of each name the one that ran last, the source, and people."""
    return list({one.split("@")[0]: one for one in (SOURCE_NOTES, *annotator_ids(shelf))}.values())


def lanes_in(shelf: Shelf, annotators: Iterable[str], place: Place, sample: Sample) -> list[Lane]:
    """Return what these annotators noted on spans of a sample's first video."""
    said = places_of(shelf, annotators, place.shard).get(place.row, [])
    lanes = lanes_of({**note, "by": by} for by, notes in said for note in msgspec.json.decode(notes))
    first = next((at for at, part in sample.media() if isinstance(part, Video)), -1)
    return [lane for lane in lanes if lane.part == first]


def request_of(shelf: Shelf, shown: Shown) -> Request:
    """Ask for a sample's video; its texts stay here. Raises BadInput where it has none."""
    parts = tuple(part for _, part in shown.sample.media())
    if not any(isinstance(part, Video) for part in parts):
        raise BadInput(f"sample {shown.sample.key} has no video", where=shelf.url, remedy="`ostraka show` shows it")
    return Request(structs.replace(shown.sample, parts=parts), shelf.media_url(shown.media), shown.offsets)


def png(picture: Image.Image) -> bytes:
    """Return a picture as PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
