"""How x264 is asked for the same bytes of the same frames.

One thread is not enough: with its macroblock tree, which deals out bits by what later frames are made of, a clip of 50
small frames came out in five ways among 14. It costs some bits at the same quality to leave it out.
"""

from __future__ import annotations

SAME_BYTES = "threads=1:lookahead-threads=1:no-mbtree=1"
"""The value of FFmpeg's option `x264-params`."""
