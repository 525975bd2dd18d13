"""A set of drawn clips as a folder with a manifest: by turns every move, joint, rate, container and turn."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from pipelines.ingest.drawn_clips import NTSC, NTSC_FILM, Drawing, Joint, Piece, draw
from pipelines.ingest.drawn_moves import Rgb
from pipelines.ingest.manifest import NOTES_COLUMN
from pipelines.ingest.photographs import photographs_folder
from pipelines.ingest.source import PICTURES, extension_of
from schemas.camera import PRIMITIVES
from schemas.draw import fraction
from schemas.errors import BadInput

_RATES = ((24, 1), NTSC_FILM.as_integer_ratio(), NTSC.as_integer_ratio(), (25, 1))
_CONTAINERS = ("mp4", "mkv", "mp4")
_TURNS = (0, 0, 0, 90, 0, 0, 270)
_WORDS = ("", "", "OPEN", "", "EXIT 12")
_COLOURED = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
_SIDE_PX = 640


def write_clips(folder: str, photos: str, count: int) -> tuple[str, int]:
    """Write clips and `clips.jsonl` into a new folder; return the manifest's path and how many frames there are.

    Raises BadInput where the folder is there, or where there are no photographs.
    """
    pictures = _photographs(photos)
    try:
        os.makedirs(folder)
    except FileExistsError:
        raise BadInput("it is there already", where=folder, remedy="give --to a folder that is not") from None
    path, frames = os.path.join(folder, "clips.jsonl"), 0
    with open(path, "wb") as manifest:
        for drawing in drawings(count):
            clip = draw(drawing, pictures)
            name = f"{drawing.name}.{drawing.container}"
            with open(os.path.join(folder, name), "wb") as file:
                file.write(clip.content)
            record = {"id": drawing.name, "video": name, "caption": _caption(drawing), NOTES_COLUMN: clip.notes}
            manifest.write(msgspec.json.encode(record) + b"\n")
            frames += drawing.frames
    return path, frames


def drawings(count: int) -> Iterator[Drawing]:
    """Yield so many clips, each after its number alone."""
    for number in range(count):
        name = f"clip-{number:05d}"
        pieces = [
            Piece(
                PRIMITIVES[(number + 5 * place) % len(PRIMITIVES)],
                24 + int(16 * fraction(f"{name}/{place}", "frames")),
                number + place,
                _joint(name, place),
                0.6 + fraction(f"{name}/{place}", "speed"),
            )
            for place in range(1 + number % 3)
        ]
        yield Drawing(
            name,
            tuple(pieces),
            rate=_RATES[number % 4],
            container=_CONTAINERS[number % 3],
            between=number % 4,
            start=11 if number % 5 == 3 else 0,
            uneven=number % 6 == 5,
            turned_deg=_TURNS[number % 7],
            text=_WORDS[number % 5],
        )


def _joint(name: str, place: int) -> Joint:
    return "fade" if fraction(f"{name}/{place}", "joint") < 0.4 else "cut"


def _caption(drawing: Drawing) -> str:
    said = ", then ".join(piece.move.replace("_", " ") for piece in drawing.pieces)
    return f"A camera before photographs: {said}."


def _photographs(folder: str) -> Sequence[Rgb]:
    from PIL import Image

    home = folder or photographs_folder()
    names = _COLOURED if not folder else _pictures_in(home)
    if not names:
        raise BadInput("no photographs there", where=folder, remedy=f"it should hold {', '.join(PICTURES)}")
    found = []
    for path in (os.path.join(home, name) for name in names):
        try:
            with Image.open(path) as picture:
                picture.thumbnail((_SIDE_PX, _SIDE_PX))
                found.append(np.asarray(picture.convert("RGB")))
        except (OSError, ValueError) as error:
            raise BadInput(f"no photograph: {error}", where=path, remedy="leave it out of the folder") from None
    return found


def _pictures_in(folder: str) -> Sequence[str]:
    """Return the names of the pictures in a folder, in order; none where it is no folder."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [name for name in names if extension_of(name) in PICTURES and not name.startswith(".")]
