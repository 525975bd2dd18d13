"""A PDF written by hand, as plain as the format allows: pages of lines and pictures at stated places."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """A line of text in Helvetica, its lower left in points from the page's."""

    text: str
    left: float
    bottom: float
    size: float = 10.0


class Jpeg(NamedTuple):
    """A JPEG that lies in the file as it is, drawn into a box, by a form of its own where `in_form` says so."""

    data: bytes
    side_px: tuple[int, int]
    box: tuple[float, float, float, float]
    in_form: bool = False


class Raw(NamedTuple):
    """RGB samples, deflated as PDF does, drawn into a box; `mask` says how much of each pixel is seen."""

    rgb: bytes
    side_px: tuple[int, int]
    box: tuple[float, float, float, float]
    mask: bytes = b""


Page = Sequence[Line | Jpeg | Raw]


def pdf(pages: Sequence[Page], *, encrypted: bool = False) -> bytes:
    """Return a file of 612 x 792 points a page; an encrypted one opens with no password that anybody knows."""
    objects: dict[int, bytes] = {3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"}
    kids = []
    for page in pages:
        names, drawn = [], []
        for one in page:
            if isinstance(one, Line):
                text = one.text.encode("latin-1").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
                drawn.append(b"BT /F1 %g Tf %g %g Td (%s) Tj ET" % (one.size, one.left, one.bottom, text))
                continue
            mask = b""
            if isinstance(one, Raw) and one.mask:
                mask = b" /SMask %d 0 R" % _put(objects, _samples(one.side_px, "/DeviceGray", one.mask))
            number = _put(objects, _image(one, mask))
            if isinstance(one, Jpeg) and one.in_form:
                head = b"<< /Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /I0 %d 0 R >> >>"
                number = _put(objects, _stream(head % number, b"/I0 Do"))
            names.append(b"/I%d %d 0 R" % (number, number))
            left, bottom, right, top = one.box
            drawn.append(b"q %g 0 0 %g %g %g cm /I%d Do Q" % (right - left, top - bottom, left, bottom, number))
        content = _put(objects, _stream(b"<<", b"\n".join(drawn)))
        resources = b"<< /Font << /F1 3 0 R >> /XObject << %s >> >>" % b" ".join(names)
        said = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources %s /Contents %d 0 R >>"
        kids.append(_put(objects, said % (resources, content)))
    objects[1] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[2] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    return _file(objects, encrypted)


def _put(objects: dict[int, bytes], content: bytes) -> int:
    number = max(objects, default=3) + 1
    objects[number] = content
    return number


def _image(one: Jpeg | Raw, mask: bytes) -> bytes:
    if isinstance(one, Jpeg):
        return _samples(one.side_px, "/DeviceRGB", one.data, "DCTDecode")
    return _samples(one.side_px, "/DeviceRGB", one.rgb, more=mask)


def _samples(side_px: tuple[int, int], space: str, data: bytes, coded: str = "FlateDecode", more: bytes = b"") -> bytes:
    width, height = side_px
    head = f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace {space} /BitsPerComponent 8"
    stored = zlib.compress(data) if coded == "FlateDecode" else data
    return _stream(f"{head} /Filter /{coded}".encode() + more, stored)


def _stream(head: bytes, data: bytes) -> bytes:
    return b"%s /Length %d >>\nstream\n%s\nendstream" % (head, len(data), data)


def _file(objects: dict[int, bytes], encrypted: bool) -> bytes:
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), {}
    for number in sorted(objects):
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    begin, size = len(out), max(objects) + 1
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number in sorted(places):
        out += b"%d 1\n%010d 00000 n \n" % (number, places[number])
    locked = b" /Encrypt << /Filter /Standard /V 1 /R 2 /P -64 /O <%s> /U <%s> >> /ID [<00> <00>]" % (
        b"41" * 32,
        b"42" * 32,
    )
    out += b"trailer\n<< /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (size, locked * encrypted, begin)
    return bytes(out)
