"""Which characters bytes are: what they are read as decides, before what somebody declares.

A byte order mark says it; bytes beyond ASCII that are valid UTF-8 are UTF-8, since hardly any other text is that by
chance; then comes what the server said, what the page declares, and what chardet finds in the bytes. A declaration that
the bytes do not bear out (it fails on them) counts for nothing.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_AS_BROWSERS_DO = {"iso8859-1": "windows-1252", "ascii": "windows-1252", "gb2312": "gb18030", "gbk": "gb18030"}
_HEAD_BYTES, _GUESS_BYTES = 4096, 100_000


def decoded(data: bytes, told: str = "") -> tuple[str, str]:
    """Return the text of these bytes and the name of the encoding; `told` is what came with them."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data.decode(name, "replace"), name.removesuffix("-sig")
    for name in ("utf-8", *_candidates(data, told)):
        try:
            return data.decode(name), name
        except (UnicodeDecodeError, UnicodeError):
            continue
    return data.decode("utf-8", "replace"), "utf-8"


def _candidates(data: bytes, told: str) -> Iterator[str]:
    declared = _DECLARED.search(data[:_HEAD_BYTES])
    for name in (told, declared[1].decode("ascii", "ignore") if declared else ""):
        if (known := _known(name)) not in ("", "utf-8"):
            yield known
    from chardet import detect

    found = detect(data[:_GUESS_BYTES])
    if (known := _known(found["encoding"] or "")) and found["confidence"] > 0.5:
        yield known
    yield "windows-1252"
    yield "latin-1"


def _known(name: str) -> str:
    """Return the codec of this name, an empty string where there is none that reads text."""
    try:
        found = codecs.lookup(name.strip())
    except (LookupError, ValueError):
        return ""
    if not found._is_text_encoding or found.name.startswith(("utf-16", "utf-32", "utf-7", "idna", "punycode")):
        return ""
    return _AS_BROWSERS_DO.get(found.name, found.name)
