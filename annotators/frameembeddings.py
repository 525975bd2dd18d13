"""FrameEmbeddings: where a video and each of its shots lie in the space of a picture model, as unit vectors.

A few frames are encoded by the picture side of a checkpoint of open_clip; a vector is their mean, each frame as heavy
as the time that it stands for (sampled.py), and is made a unit vector again. Frames of one video alone fill a batch of
one size, the rest of it zeros: an encoder's last bits change with the size of its batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from PIL import Image

from annotators.annotator import Annotator, Look, Needs, Subject
from annotators.clip_checkpoint import Checkpoint, Loaded
from annotators.container import read_container
from annotators.frames import Decoder, Frame, frames_at
from annotators.sampled import sampled
from schemas.errors import BadInput, BadSample
from schemas.note import Noted
from schemas.vocabulary.shots import SHOT_FIRST_FRAMES
from schemas.vocabulary.video_embeddings import FRAME_EMBEDDING, SHOT_EMBEDDINGS

BATCH = 16
_FRAME_PX = 512
_DECIMALS = 6


class FrameEmbeddings(Annotator, frozen=True):
    """`model`: a name of open_clip's; `checkpoint`: its weights, or a folder with configuration and weights.

    Looks at `frames_per_s`, of a long video at `most_frames` in all, and at one of each shot at the least. `device`:
    cpu or cuda, which differ in a note's last bits and so in the fingerprint.
    """

    model: str = "ViT-B-32"
    checkpoint: str = ""
    device: str = "cpu"
    frames_per_s: float = 1.0
    most_frames: int = 256
    decoder: Decoder = "decord"
    limit_s: float = 1800.0

    reads: ClassVar = (SHOT_FIRST_FRAMES.name,)
    writes: ClassVar = (FRAME_EMBEDDING, SHOT_EMBEDDINGS)
    made_with: ClassVar = ("av", "decord", "open-clip-torch", "opencv-python-headless", "pillow", "torch")
    extra: ClassVar = "clip,video"

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda"):
            raise BadInput(f"device is {self.device!r}", where=f"annotator {self.name}", remedy="say cpu or cuda")

    @property
    def needs(self) -> Needs:
        """A GPU where that is its device."""
        return Needs(gpus=int(self.device == "cuda"), limit_s=self.limit_s, memory_mib=8192)

    def given(self, weights: str) -> FrameEmbeddings:
        path = os.path.abspath(weights)
        return structs.replace(self, checkpoint=path, model="" if os.path.isdir(path) else self.model)

    def identity(self) -> FrameEmbeddings:
        return structs.replace(self, checkpoint="", limit_s=FrameEmbeddings().limit_s)

    def weights(self) -> tuple[str, ...]:
        """Return the digests of the checkpoint's files; raises BadInput where it is missing or does not load."""
        return self._checkpoint().digests()

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self.model, self.checkpoint, self.name)

    @contextmanager
    def open(self) -> Iterator[Look]:
        import torch

        torch.set_num_threads(1)
        loaded = self._checkpoint().load(self.device)

        def look(subjects: Sequence[Subject]) -> list[Noted | BadSample]:
            return [self._seen(subject, loaded) for subject in subjects]

        yield look

    def _seen(self, subject: Subject, loaded: Loaded) -> Noted | BadSample:
        try:
            return self._noted(subject, loaded)
        except BadSample as bad:
            return bad

    def _noted(self, subject: Subject, loaded: Loaded) -> Noted:
        _, video = subject.video()
        content = subject.content(video)
        container = read_container(content, video.extension)
        shots = [int(first) for first in subject.notes[SHOT_FIRST_FRAMES.name]]
        pieces = sampled(container, shots, self.frames_per_s, self.most_frames)
        wanted = [piece.looked_at for shot in pieces for piece in shot]
        frames = frames_at(content, video.extension, container, wanted, _FRAME_PX, self.decoder)
        vectors_ND = self._encoded(frames, loaded)
        ends = [*container.pts, container.end_pts]
        lasts_N = np.array([ends[piece.end] - ends[piece.first] for shot in pieces for piece in shot], np.float64)
        firsts = np.cumsum([0, *(len(shot) for shot in pieces[:-1])])
        heavy_ND = vectors_ND * lasts_N[:, None]
        video_1D, shots_SD = _unit(heavy_ND.sum(0, keepdims=True)), _unit(np.add.reduceat(heavy_ND, firsts))
        return Noted(
            {
                "frame_embedding": [*video_1D.ravel().round(_DECIMALS).tolist()],
                "shot_embeddings": [*shots_SD.ravel().round(_DECIMALS).tolist()],
            }
        )

    def _encoded(self, frames: Iterable[Frame], loaded: Loaded) -> NDArray[np.float64]:
        """Return a unit vector for each frame; no more than a batch of them is held at once."""
        found, batch = list[NDArray[np.float64]](), list[Any]()
        for frame in frames:
            batch.append(loaded.preprocess(Image.fromarray(frame)))
            if len(batch) == BATCH:
                found.append(self._encode(batch, loaded))
                batch = []
        return np.concatenate([*found, self._encode(batch, loaded)] if batch else found)

    def _encode(self, frames_CHW: Sequence[Any], loaded: Loaded) -> NDArray[np.float64]:
        import torch

        frames_BCHW = torch.zeros((BATCH, *frames_CHW[0].shape))
        frames_BCHW[: len(frames_CHW)] = torch.stack(list(frames_CHW))
        with torch.inference_mode():
            vectors_BD = loaded.model.encode_image(frames_BCHW.to(self.device), normalize=True).double().cpu().numpy()
        found: NDArray[np.float64] = vectors_BD[: len(frames_CHW)]
        return found


def _unit(vectors_ND: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors of length 1; one of no length stays as it is."""
    units: NDArray[np.float64] = vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12)
    return units
