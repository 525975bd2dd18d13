"""The two models of the OCR engine on this machine, as folders that PaddleOCR loads: one finds text, one reads it.

By default they are PP-OCRv6 (small) from the package rapidocr, which ships them as ONNX with the alphabet inside.
PaddleOCR wants a folder each, with a description beside the model; the descriptions are written here, with PaddleOCR's
own values for these models. They are JSON, which YAML is a superset of.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from annotators.ocr_engine import Engine
from schemas.errors import BadInput

MODEL, DESCRIPTION = "inference.onnx", "inference.yml"
DETECTION, RECOGNITION = "detection", "recognition"
_SHIPPED = {DETECTION: "PP-OCRv6_det_small.onnx", RECOGNITION: "PP-OCRv6_rec_small.onnx"}
_NAMES = {DETECTION: "PP-OCRv6_small_det", RECOGNITION: "PP-OCRv6_small_rec"}
_ALPHABET = "character"
_RANKS = {DETECTION: 4, RECOGNITION: 3}
"""Axes of what a model gives: a map over the picture, and classes along a line."""
_DECODERS = {DETECTION: "DBPostProcess", RECOGNITION: "CTCLabelDecode"}
_DICTIONARY = "character_dict"
_REMEDY = (
    f"give --weights ocr=FOLDER (texttracks=FOLDER for videos) with {DETECTION} and {RECOGNITION}, each {MODEL} and "
    f"{DESCRIPTION} as PaddleOCR exports them, or leave it out for the models of ostraka[ocr]"
)


_proved: set[tuple[tuple[str, int, int], ...]] = set()
"""The files that this process has opened once, by path, size and time."""


class Models(Struct, frozen=True):
    """`folder`: one that holds the folders detection and recognition, each as PaddleOCR exports one; empty for the
    models that come with the extra."""

    folder: str = ""

    def digests(self) -> tuple[str, ...]:
        """Return the SHA-256 of each file; raises BadInput where one is missing, and where a folder's do not work.

        Those of the extra are not opened here, since every command that names the recipe would pay for it.
        """
        if self.folder:
            self.prove()
        return tuple(_digest(path) for path in self._files())

    @contextmanager
    def opened(self) -> Iterator[dict[str, str]]:
        """Yield PaddleOCR's options that name both models and where they are; raises BadInput as `prove` does."""
        self.prove()
        with self._described() as options:
            yield options

    def prove(self) -> None:
        """Open both models, the first time; a folder's read a blank picture too, as PaddleOCR knows them by name.

        Raises BadInput where a file is missing, cannot be read, or is not what its place says.
        """
        seen = tuple((path, os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in self._files())
        if seen in _proved:
            return
        models = [path for path in self._files() if path.endswith(".onnx")]
        classes = [_classes(path, kind) for path, kind in zip(models, _NAMES, strict=True)][-1]
        if self.folder:
            for kind in _NAMES:
                _prove_description(os.path.join(self.folder, kind, DESCRIPTION), kind, classes)
            self._try()
        _proved.add(seen)

    def _try(self) -> None:
        with self._described() as options:
            try:
                Engine(options, 64).try_both()
            except Exception as error:
                raise _refused(self.folder, f"PaddleOCR does not take it ({_first_line(error)})") from None

    @contextmanager
    def _described(self) -> Iterator[dict[str, str]]:
        with TemporaryDirectory(prefix="ostraka-ocr-") as made:
            if not self.folder:
                _describe_shipped(made)
            folder = self.folder or made
            names = {kind: _name(folder, kind) for kind in _NAMES} if self.folder else _NAMES
            yield {
                "text_detection_model_name": names[DETECTION],
                "text_detection_model_dir": os.path.join(folder, DETECTION),
                "text_recognition_model_name": names[RECOGNITION],
                "text_recognition_model_dir": os.path.join(folder, RECOGNITION),
            }

    def _files(self) -> tuple[str, ...]:
        """Return the files in a fixed order; raises BadInput where one is not there or cannot be read."""
        if self.folder:
            files = [os.path.join(self.folder, kind, name) for kind in _NAMES for name in (MODEL, DESCRIPTION)]
        else:
            files = [os.path.join(_shipped_folder(), name) for name in _SHIPPED.values()]
        for path in files:
            try:
                with open(path, "rb"):
                    pass
            except (FileNotFoundError, NotADirectoryError):
                raise _refused(path, "it is missing") from None
            except OSError as error:
                raise _refused(path, f"it cannot be read ({error.strerror or error})") from None
        return tuple(files)


def _shipped_folder() -> str:
    spec = find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(
            "its models come with rapidocr, which is not installed",
            where="annotator ocr",
            remedy="pip install 'ostraka[ocr]', or give --weights ocr=FOLDER (texttracks=FOLDER for videos)",
        )
    return os.path.join(spec.submodule_search_locations[0], "models")


def _describe_shipped(folder: str) -> None:
    for kind, name in _SHIPPED.items():
        os.mkdir(os.path.join(folder, kind))
        model = os.path.join(folder, kind, MODEL)
        shutil.copyfile(os.path.join(_shipped_folder(), name), model)
        describe = _detection() if kind == DETECTION else _recognition(model)
        with open(os.path.join(folder, kind, DESCRIPTION), "w", encoding="utf-8") as file:
            json.dump({"Global": {"model_name": _NAMES[kind]}, **describe}, file)


def _detection() -> dict[str, Any]:
    normalised = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": "1./255.", "order": "hwc"}
    operations = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"DetLabelEncode": None},
        {"DetResizeForTest": {"resize_long": 960}},
        {"NormalizeImage": normalised},
        {"ToCHWImage": None},
        {"KeepKeys": {"keep_keys": ["image", "shape", "polys", "ignore_tags"]}},
    ]
    found = {
        "name": _DECODERS[DETECTION],
        "thresh": 0.3,
        "box_thresh": 0.6,
        "max_candidates": 1000,
        "unclip_ratio": 1.5,
    }
    return {"PreProcess": {"transform_ops": operations}, "PostProcess": found}


def _recognition(model: str) -> dict[str, Any]:
    operations = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}},
        {"RecResizeImg": {"image_shape": [3, 48, 320]}},
        {"KeepKeys": {"keep_keys": ["image"]}},
    ]
    found = {"name": _DECODERS[RECOGNITION], _DICTIONARY: _alphabet(model)}
    return {"PreProcess": {"transform_ops": operations}, "PostProcess": found}


def _alphabet(model: str) -> list[str]:
    from onnxruntime import InferenceSession

    session = InferenceSession(model, providers=["CPUExecutionProvider"])
    said: str = session.get_modelmeta().custom_metadata_map[_ALPHABET]
    return said.removesuffix("\n").split("\n")


def _classes(path: str, kind: str) -> int:
    """Return how many classes a model tells apart, 0 where it does not say; raises BadInput for another kind's."""
    from onnxruntime import InferenceSession, SessionOptions

    quiet = SessionOptions()
    quiet.log_severity_level = 4
    try:
        session = InferenceSession(path, quiet, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _refused(path, f"it is no whole ONNX model ({_first_line(error)})") from None
    takes, gives = ([one.shape for one in ends] for ends in (session.get_inputs(), session.get_outputs()))
    if [len(shape) for shape in takes] != [4] or [len(shape) for shape in gives] != [_RANKS[kind]]:
        raise _refused(path, f"it takes {takes} and gives {gives}, and is no model of {kind}")
    return gives[0][-1] if isinstance(gives[0][-1], int) else 0


def _prove_description(path: str, kind: str, classes: int) -> None:
    told = _description(path)
    decoder = told.get("PostProcess") or {}
    if not isinstance(decoder, dict) or decoder.get("name") != _DECODERS[kind]:
        raise _refused(path, f"its PostProcess is not {_DECODERS[kind]}, so it describes no model of {kind}")
    if kind == RECOGNITION:
        alphabet = decoder.get(_DICTIONARY)
        if not isinstance(alphabet, list) or not alphabet:
            raise _refused(path, f"it has no {_DICTIONARY}")
        if classes and classes != len(alphabet) + 2:
            what = f"its {_DICTIONARY} has {len(alphabet)} characters, and the model beside it {classes - 2}"
            raise _refused(path, what)


def _name(folder: str, kind: str) -> str:
    path = os.path.join(folder, kind, DESCRIPTION)
    told = _description(path).get("Global")
    name = told.get("model_name") if isinstance(told, dict) else None
    if not isinstance(name, str) or not name:
        raise _refused(path, "it names no model (Global: model_name)")
    return name


def _description(path: str) -> dict[str, Any]:
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            told = yaml.safe_load(file)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(path, f"it is no YAML ({_first_line(error)})") from None
    if not isinstance(told, dict):
        raise _refused(path, "it describes nothing")
    return told


def _refused(path: str, what: str) -> BadInput:
    return BadInput(what, where=f"annotator ocr, {path}", remedy=_REMEDY)


def _first_line(error: Exception) -> str:
    said = str(error).strip() or type(error).__name__
    return said.splitlines()[0][:200]


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
