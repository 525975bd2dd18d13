"""The photographs that scikit-image ships: what demos, drawn clips and tests are made of."""

from __future__ import annotations

import os
from importlib.util import find_spec

from schemas.errors import BadInput


def photographs_folder() -> str:
    """Return the folder of photographs that scikit-image ships; raises BadInput where it is not installed."""
    found = find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise BadInput(
            "the demo's photographs come with scikit-image, which is not here",
            remedy="pip install 'ostraka[demo]' (or scikit-image alone, without what it needs)",
        )
    return os.path.join(found.submodule_search_locations[0], "data")
