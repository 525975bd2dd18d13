"""Safety: what is not fit for work, and marks that say whose a picture is."""

from __future__ import annotations

from schemas.vocabulary.name import Name

NSFW_SCORE = Name("nsfw_score", "float64", "", "how likely the picture is not safe for work, by open_nsfw", 0, 1)
WATERMARK = Name("watermark", "string", "", "which kind of mark is written over the picture, empty where none is")
WATERMARK_TEXT = Name("watermark_text", "string", "", "what the mark says")
WATERMARKS = ("stock_mark", "proof_mark", "tiled_text", "copyright_line", "handle", "link")
"""What `watermark` may be, the surest first."""
