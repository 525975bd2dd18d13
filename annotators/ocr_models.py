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

from schemas.errors import BadInput

MODEL, DESCRIPTION = "inference.onnx", "inference.yml"
DETECTION, RECOGNITION = "detection", "recognition"
_SHIPPED = {DETECTION: "PP-OCRv6_det_small.onnx", RECOGNITION: "PP-OCRv6_rec_small.onnx"}
_NAMES = {DETECTION: "PP-OCRv6_small_det", RECOGNITION: "PP-OCRv6_small_rec"}
_ALPHABET = "character"


class Models(Struct, frozen=True):
    """`folder`: one that holds the folders detection and recognition, each as PaddleOCR exports one; empty for the
    models that come with the extra."""

    folder: str = ""

    def digests(self) -> tuple[str, ...]:
        """Return the SHA-256 of each file; raises BadInput where one is missing."""
        return tuple(_digest(path) for path in self._files())

    @contextmanager
    def opened(self) -> Iterator[dict[str, str]]:
        """Yield PaddleOCR's options that name both models and where they are."""
        self._files()
        with TemporaryDirectory(prefix="ostraka-ocr-") as made:
            if not self.folder:
                _describe_shipped(made)
            folder = self.folder or made
            yield {
                "text_detection_model_name": _name(folder, DETECTION),
                "text_detection_model_dir": os.path.join(folder, DETECTION),
                "text_recognition_model_name": _name(folder, RECOGNITION),
                "text_recognition_model_dir": os.path.join(folder, RECOGNITION),
            }

    def _files(self) -> tuple[str, ...]:
        if not self.folder:
            return tuple(os.path.join(_shipped_folder(), name) for name in _SHIPPED.values())
        files = [os.path.join(self.folder, kind, name) for kind in _NAMES for name in (MODEL, DESCRIPTION)]
        if missing := [path for path in files if not os.path.isfile(path)]:
            raise BadInput(
                f"{missing[0]} is missing",
                where="annotator ocr",
                remedy=f"give --weights ocr=FOLDER with {DETECTION} and {RECOGNITION}, each {MODEL} and {DESCRIPTION}",
            )
        return tuple(files)


def _shipped_folder() -> str:
    spec = find_spec("rapidocr")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(
            "its models come with rapidocr, which is not installed",
            where="annotator ocr",
            remedy="pip install 'ostraka[ocr]', or give --weights ocr=FOLDER",
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
    found = {"name": "DBPostProcess", "thresh": 0.3, "box_thresh": 0.6, "max_candidates": 1000, "unclip_ratio": 1.5}
    return {"PreProcess": {"transform_ops": operations}, "PostProcess": found}


def _recognition(model: str) -> dict[str, Any]:
    operations = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}},
        {"RecResizeImg": {"image_shape": [3, 48, 320]}},
        {"KeepKeys": {"keep_keys": ["image"]}},
    ]
    found = {"name": "CTCLabelDecode", "character_dict": _alphabet(model)}
    return {"PreProcess": {"transform_ops": operations}, "PostProcess": found}


def _alphabet(model: str) -> list[str]:
    from onnxruntime import InferenceSession

    session = InferenceSession(model, providers=["CPUExecutionProvider"])
    said: str = session.get_modelmeta().custom_metadata_map[_ALPHABET]
    return said.removesuffix("\n").split("\n")


def _name(folder: str, kind: str) -> str:
    """Return the model's name, which a description states before anything else."""
    with open(os.path.join(folder, kind, DESCRIPTION), encoding="utf-8") as file:
        for line in file.read().replace("{", "\n").replace(",", "\n").splitlines():
            name, separator, value = line.strip().partition(":")
            if separator and name.strip("\"' ") == "model_name":
                return value.strip("\"'} ")
    raise BadInput("it names no model", where=os.path.join(folder, kind, DESCRIPTION), remedy="export it again")


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()
