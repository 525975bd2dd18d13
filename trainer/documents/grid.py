"""The grid that pictures are laid in: pixels of a patch, patches of a merged token, frames of a slice."""

PATCH_PX = 14
MERGED_SIDE = 2
"""Patches along each side of a merged token."""

FRAMES = 2
"""Frames of one slice; a picture is shown twice."""

TOKEN_PX = PATCH_PX * MERGED_SIDE

PATCH_VALUES = 3 * FRAMES * PATCH_PX * PATCH_PX

UNIT_PX = FRAMES * TOKEN_PX * TOKEN_PX
"""Pixels of a merged token, over both frames of its slice: the unit of transformers' limits."""
