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
    (b"FLV\x01", "flv"),
    (b"\0\0\x01\xba", "mpg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wmv"),
)
HEAD_BYTES = 512
"""How much of the beginning tells all: MPEG's transport stream is known by every 188th byte alone."""
_TS_SYNC, _TS_PACKET = 0x47, 188
_QUICKTIME = b"qt  "
_AVIF = frozenset({b"avif", b"avis"})
_HEIF = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"})
PICTURES = frozenset({"jpg", "png", "gif", "bmp", "tif", "webp", "avif"})
VIDEOS = frozenset({"mp4", "mov", "webm", "mkv", "avi", "flv", "mpg", "wmv", "ts"})


def sniff(head: bytes) -> str:
    """Return the extension for what begins with these bytes (HEAD_BYTES of them suffice), or an empty string."""
    for start, extension in _STARTS:
        if head.startswith(start):
            return extension
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "webm" if b"webm" in head[:64] else "mkv"
    starts = head[: 3 * _TS_PACKET : _TS_PACKET] if len(head) > 2 * _TS_PACKET else b""
    return "ts" if starts and set(starts) == {_TS_SYNC} else ""


def beginning(head: bytes) -> bytes:
    """Return the first bytes that tell people what nobody here reads: as many as hold the brand of HEIC and its kin."""
    return head[:12] if head[4:8] == b"ftyp" else head[:8]


def _iso_media(head: bytes) -> str:
    """Tell pictures from videos by the brand; where it names the container alone, by the brands it goes with."""
    brand = head[8:12]
    if brand in _AVIF or (brand in _HEIF and not _AVIF.isdisjoint(_brands(head))):
        return "avif"
    if brand in _HEIF:
        return ""
    return "mov" if brand == _QUICKTIME else "mp4"


def _brands(head: bytes) -> list[bytes]:
    end = min(len(head), int.from_bytes(head[:4], "big"))
    return [head[at : at + 4] for at in range(16, end, 4)]
