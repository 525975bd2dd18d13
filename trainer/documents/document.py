"""One training document, whole: what encoding makes of a sample and packing lays beside others in a row.

It is arrays and nothing else, so that a worker process hands it over as bytes and no torch is needed to make it.
Shapes: T tokens, N pictures or slices of a video, P patches, D values of a patch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Document(NamedTuple):
    """One training document, whole, ready to be packed; a video is here as pictures, one a slice."""

    key: str
    """The sample's key."""
    kind: str
    """caption, interleaved, ocr, grounding, video, instruction, cot or text."""
    tokens_T: NDArray[np.int32]
    is_target_T: NDArray[np.bool_]
    """This token is predicted: loss lies on it. Position 0 is never a target."""
    grids_N3: NDArray[np.int64]
    """(1, h, w) in patches, a row per picture or slice, in the order of the image tokens."""
    patches_PD: NDArray[np.uint8]
    """[sum of h * w, 3 * 2 * 14 * 14] grey levels, the four patches of a merged token side by side."""
