"""TextTracks: the texts in a video, each from when to when, where in each frame, and what it says, by PaddleOCR.

A few frames a second are read, shot by shot; readings of one text are joined (text_joining.py), and its transcription
is what its readings agree on. A text lasts from the first piece of a shot in which it was read to the last one
(sampled.py), so its ends are known to half the time between two frames, and to no more. A text that stays over a cut is
two tracks. Corners are of the upright picture in pixels. What is hard for OCR is hard here: small, blurred, wavy text.

It takes a reading of a picture for every frame that is looked at, some tenths of a second each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from msgspec import structs
from numpy.typing import NDArray

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.container import Container, read_container
from annotators.frames import Decoder, frames_at
from annotators.ocr_engine import Engine, Line
from annotators.ocr_models import Models
from annotators.sampled import Piece, sampled
from annotators.text_joining import Joining, Moment, Sighting, voted
from schemas.errors import BadSample
from schemas.note import Note, Noted, QuadTrack
from schemas.vocabulary import text_tracks as names
from schemas.vocabulary.shots import SHOT_FIRST_FRAMES

LANGUAGE_BYTES = 12
"""So many bytes of letters a language is told from: twelve of Latin script, four Chinese characters."""
LANGUAGE_SHARE = 0.8
_FRAME_PX = 1920
_DECIMALS = 4


class TextTracks(Annotator, frozen=True):
    """Looks at `frames_per_s`, of a long video at `most_frames` in all. Readings less sure than `confidence` are none.

    `folder`: models other than the extra's; `side_px`: what lies where is found on frames of that longer side.
    """

    folder: str = ""
    frames_per_s: float = 2.0
    most_frames: int = 1200
    side_px: int = 960
    confidence: float = 0.6
    joining: Joining = Joining()
    decoder: Decoder = "decord"
    limit_s: float = 3600.0

    reads: ClassVar = (SHOT_FIRST_FRAMES.name,)
    writes: ClassVar = (
        names.TEXT_TRACKS,
        names.TEXT_TRACK_CONFIDENCES,
        names.TEXT_TRACK_LANGUAGES,
        names.TEXT_TRACK_FIRST_FRAMES,
        names.TEXT_TRACK_SIGHTINGS,
    )
    places: ClassVar = (names.TEXT_TRACK, names.TEXT_TRACK_CONFIDENCE, names.TEXT_TRACK_LANGUAGE)
    made_with: ClassVar = (
        "av",
        "decord",
        "opencv-python-headless",
        "paddleocr",
        "paddlex",
        "onnxruntime",
        "py3langid",
        "rapidfuzz",
        "scipy",
        "shapely",
    )
    extra: ClassVar = "video-text"

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=self.limit_s, memory_mib=6144)

    def given(self, weights: str) -> TextTracks:
        return structs.replace(self, folder=os.path.abspath(weights))

    def identity(self) -> TextTracks:
        return structs.replace(self, folder="", limit_s=TextTracks().limit_s)

    def weights(self) -> tuple[str, ...]:
        """Return the digests of both models; raises BadInput where one is missing."""
        return Models(self.folder).digests()

    @contextmanager
    def open(self) -> Iterator[Look]:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        with Models(self.folder).opened() as models:
            engine = Engine(models, self.side_px)

            def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
                return [self._said(subject, engine, identifier) for subject in subjects]

            yield look

    def _said(self, subject: Subject, engine: Engine, identifier: Any) -> Noted | BadSample:
        try:
            return self._read(subject, engine, identifier)
        except BadSample as bad:
            return bad

    def _read(self, subject: Subject, engine: Engine, identifier: Any) -> Noted:
        part, video = subject.video()
        content = subject.content(video)
        container = read_container(content, video.extension)
        shots = [int(first) for first in subject.notes[SHOT_FIRST_FRAMES.name]]
        pieces = sampled(container, shots, self.frames_per_s, self.most_frames)
        wanted = [piece.looked_at for shot in pieces for piece in shot]
        frames = frames_at(content, video.extension, container, wanted, _FRAME_PX, self.decoder)
        found = [
            (shot, track)
            for shot in pieces
            for track in self.joining.tracks(self._moments(shot, frames, container, engine))
        ]
        return _noted(found, container, part, identifier)

    def _moments(
        self, shot: Sequence[Piece], frames: Iterator[NDArray[Any]], container: Container, engine: Engine
    ) -> Iterator[Moment]:
        """Yield what is read in the frames of a shot, which come next, in pixels of the full picture."""
        sideways = container.rotation_deg % 180
        width_px = container.height_px if sideways else container.width_px
        for piece in shot:
            frame = next(frames)
            scale = width_px / frame.shape[1]
            lines = [
                Line(line.corners * scale, line.text.strip(), line.score)
                for line in engine.lines(frame[:, :, ::-1].copy())
                if line.score >= self.confidence and line.text.strip()
            ]
            yield Moment(container.seconds(container.pts[piece.looked_at]), lines)


def _noted(
    found: Sequence[tuple[Sequence[Piece], Sequence[Sighting]]], container: Container, part: int, identifier: Any
) -> Noted:
    notes = list[Note]()
    texts, confidences, languages = list[str](), list[float](), list[str]()
    for shot, track in found:
        text, sure = voted([one.line for one in track])
        span = container.span(part, shot[track[0].moment].first, shot[track[-1].moment].end)
        quads = tuple((container.pts[shot[one.moment].looked_at], _corners(one)) for one in track)
        at = QuadTrack(part, span.start_pts, span.end_pts, span.time_base, quads)
        texts.append(text)
        confidences.append(round(sure, _DECIMALS))
        languages.append(_language(text, identifier))
        notes.append(Note(names.TEXT_TRACK.name, texts[-1], at))
        notes.append(Note(names.TEXT_TRACK_CONFIDENCE.name, confidences[-1], at))
        notes.append(Note(names.TEXT_TRACK_LANGUAGE.name, languages[-1], at))
    return Noted(
        {
            "text_tracks": list(texts),
            "text_track_confidences": list(confidences),
            "text_track_languages": list(languages),
            "text_track_first_frames": [shot[track[0].moment].first for shot, track in found],
            "text_track_sightings": [len(track) for _, track in found],
        },
        tuple(notes),
    )


def _corners(sighting: Sighting) -> Any:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in sighting.line.corners)


def _language(text: str, identifier: Any) -> str:
    """Return the language of a text, empty where it is short or could be of several."""
    letters = "".join(one for one in text if one.isalpha())
    if len(letters.encode()) < LANGUAGE_BYTES:
        return ""
    language, share = identifier.classify(text)
    return str(language) if share >= LANGUAGE_SHARE else ""
