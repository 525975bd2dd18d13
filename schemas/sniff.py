"""What bytes are, by how they begin: the extension that pictures and videos get, whatever they were called."""

from __future__ import annotations

_STARTS = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tif"),
    (b"MM\0*", "tif"),
    (b"II+\0", "tif"),
)
_QUICKTIME = (b"qt  ",)
PICTURES = frozenset({"jpg", "png", "gif", "bmp", "tif", "webp"})
VIDEOS = frozenset({"mp4", "mov", "webm", "mkv", "avi"})


def sniff(head: bytes) -> str:
    """Return the extension for what begins with these bytes (64 suffice), or an empty string."""
    for start, extension in _STARTS:
        if head.startswith(start):
            return extension
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return "mov" if head[8:12] in _QUICKTIME else "mp4"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "webm" if b"webm" in head[:64] else "mkv"
    return ""
