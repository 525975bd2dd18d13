"""JPEG: size and mode from an ordinary header, some ten times faster than opening it with Pillow.

What an ordinary header does not have is left to Pillow: EXIF and XMP (they may turn the picture), several pictures in
one file, Photoshop's resources, and whatever is odd in any way. So both say the same of every file.
"""

from __future__ import annotations

_START_OF_SCAN, _TABLES, _COMMENT = 0xDA, 0xDB, 0xFE
_FRAMES = (0xC0, 0xC1, 0xC2)
_HUFFMAN, _RESTART = 0xC4, 0xDD
_APP0, _APP2, _APP14 = 0xE0, 0xE2, 0xEE
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_TABLE_BYTES = 65


def ordinary_header(head: bytes) -> tuple[int, int, str] | None:
    """Return width and height in pixels and Pillow's mode; None where the header is cut or not ordinary."""
    found: tuple[int, int, str] | None = None
    at = 2 if head.startswith(b"\xff\xd8\xff") else len(head)
    while at + 4 <= len(head):
        marker, size_bytes = head[at + 1], head[at + 2] << 8 | head[at + 3]
        body, end = at + 4, at + 2 + size_bytes
        if head[at] != 0xFF or size_bytes < 2 or end > len(head):
            return None
        if marker == _START_OF_SCAN:
            return found
        if marker in _FRAMES:
            if not (found := _frame(head[body:end])):
                return None
        elif not _is_ordinary(marker, head[body:end]):
            return None
        at = end
    return None


def _frame(body: bytes) -> tuple[int, int, str] | None:
    if len(body) < 6 or len(body) % 3 or body[0] != 8 or body[5] not in _MODES:
        return None
    height_px, width_px = body[1] << 8 | body[2], body[3] << 8 | body[4]
    return (width_px, height_px, _MODES[body[5]]) if width_px and height_px else None


def _is_ordinary(marker: int, body: bytes) -> bool:
    """Say whether a segment is whole and says nothing that the notes on a header would have to say."""
    if marker in (_HUFFMAN, _RESTART, _COMMENT):
        return True
    if marker == _TABLES:
        return not len(body) % _TABLE_BYTES and max(body[::_TABLE_BYTES], default=0) < 16
    if marker == _APP0:
        return len(body) >= 7
    if marker == _APP2:
        return body.startswith(b"ICC_PROFILE\0") and len(body) >= 14
    return marker == _APP14 and len(body) >= 7
