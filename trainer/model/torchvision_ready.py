"""torchvision importable beside a CPU torch: PyPI's wheel is built for CUDA, and without that build its import fails.

It fails because it describes two operators, nms and qnms, that only its own library would define. Nothing here calls
them, so defining what they look like is enough.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: Any = None
"""Holds the definitions: they go when it goes."""


def torchvision_ready() -> None:
    """Import torchvision where it is, with the two operators defined where it would not import by itself.

    Models do without it; what needs it says so itself.
    """
    global _library  # noqa: PLW0603
    if find_spec("torchvision") is None:
        return
    try:
        import_module("torchvision")
        return
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    import torch

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library: Any = torch.library.Library
    _library = library("torchvision", "DEF")
    for schema in _SCHEMAS:
        _library.define(schema)
    import_module("torchvision")
