"""Advertisements: signs that a picture of a document sells something, from its size, its place, its words and its link.

It decides nothing and looks at no pixel. What a picture is called and where it links to is known where the door wrote
it into the source's own JSON: {"pictures": {"3": {"source": "img/banner.png", "link": "https://..."}}}, by the place of
the part. That a picture is repeated on page after page is a fact of the corpus: `RepeatedPictures` decides on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import takewhile
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from annotators.annotator import Annotator, Subject
from annotators.layout import words_in
from schemas.note import Item, Noted
from schemas.sample import Image, Sample, Text
from schemas.vocabulary.documents import AD_SIGNALS, PICTURE_AD_SIGNALS, PICTURE_WORDS_AFTER
from schemas.vocabulary.pictures import PICTURE_HEIGHT_PX, PICTURE_WIDTH_PX

AD_SIZES_PX = frozenset(
    (
        (728, 90), (970, 90), (970, 250), (468, 60), (234, 60), (320, 50), (320, 100), (300, 50), (300, 250),
        (336, 280), (250, 250), (200, 200), (180, 150), (300, 600), (160, 600), (120, 600), (120, 240), (300, 1050),
        (88, 31),
    )
)  # fmt: skip
"""The sizes that the Interactive Advertising Bureau lists, and the older ones that are still sold."""

_SERVERS = re.compile(
    r"(?:^|\.)(?:doubleclick\.net|googlesyndication\.com|googleadservices\.com|adnxs\.com|amazon-adsystem\.com"
    r"|taboola\.com|outbrain\.com|adsrvr\.org|criteo\.(?:com|net)|rubiconproject\.com|pubmatic\.com|openx\.net"
    r"|smartadserver\.com|ads?(?:erver|s)?\d*\.[\w-]+\.[\w.-]+)$",
    re.IGNORECASE,
)
_TRACKED = re.compile(
    r"^(?:utm_\w+|gclid|fbclid|msclkid|aff(?:iliate)?(?:_?id)?|clickid|ad_?id|campaign(?:_?id)?)$", re.I
)
_WORDS = re.compile(
    r"^\W*(?:advert(?:isement|orial|ising)?s?|ad|ads|anzeige|werbung|publicité|publicidad|pubblicità|реклама|广告|広告"
    r"|sponsored(?: (?:by|content|post|link)\b.*)?|paid (?:content|partnership|post)\b.*|promoted)\W*$"
    r"|\b(?:scan (?:the|this|our) (?:qr )?code|buy now|shop now|order now|subscribe now|sign up (?:now|today))\b",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"(?:^|[/_.\-\d])(?:ads?|advert\w*|banners?|sponsor\w*|promo\w*|affiliates?)(?=$|[/_.\-\d])", re.IGNORECASE
)
_SPOKEN_CHARS = 200
_OWN = ("alt", "caption", "label")


class Advertisements(Annotator, frozen=True):
    """Stands behind `Pictures` and `Layout`. At the end is what at most `end_words` words stand behind, in a
    document of ten times as many."""

    end_words: int = 40

    reads: ClassVar = (PICTURE_WIDTH_PX.name, PICTURE_HEIGHT_PX.name, PICTURE_WORDS_AFTER.name)
    writes: ClassVar = (PICTURE_AD_SIGNALS,)
    version: ClassVar = 2

    def look(self, subject: Subject) -> Noted:
        sample, notes = subject.sample, subject.notes
        places = [place for place, part in sample.media() if isinstance(part, Image)]
        sizes = zip(notes["picture_width_px"], notes["picture_height_px"], notes["picture_words_after"], strict=True)
        told, site = _told(sample.source.meta), _site(sample.source.uri)
        long = sum(words_in(text.text) for text in sample.texts) >= 10 * self.end_words
        found = list[Item]()
        for place, (width_px, height_px, after) in zip(places, sizes, strict=True):
            about = told.get(str(place), {})
            signs = {
                **_link_signs(str(about.get("link", "")), site),
                "ad_words": any(_WORDS.search(text) for text in beside(sample, place)),
                "ad_name": bool(_NAME.search(urlsplit(str(about.get("source", ""))).path)),
                "ad_size": (int(width_px), int(height_px)) in AD_SIZES_PX,
                "at_end": long and after <= self.end_words,
            }
            found.append(" ".join(name for name in AD_SIGNALS if signs[name]))
        return Noted({PICTURE_AD_SIGNALS.name: found})


def beside(sample: Sample, place: int) -> list[str]:
    """Return the short texts that belong to a picture: what stands for it and its caption, behind it, and what stands
    right before it, unless that belongs to a picture before."""
    before = [part for part in sample.parts[max(0, place - 1) : place] if not _belongs_to_another(sample, place - 1)]
    own = takewhile(lambda part: getattr(part, "role", "") in _OWN, sample.parts[place + 1 :])
    return [part.text for part in (*before, *own) if isinstance(part, Text) and len(part.text) <= _SPOKEN_CHARS]


def _belongs_to_another(sample: Sample, place: int) -> bool:
    """Say whether the text at a place stands for, or under, a picture before it."""
    while place >= 0 and getattr(sample.parts[place], "role", "") in _OWN:
        place -= 1
        if place >= 0 and isinstance(sample.parts[place], Image):
            return True
    return False


def _link_signs(link: str, site: str) -> dict[str, bool]:
    try:
        parts = urlsplit(link)
        host, asked = (parts.hostname or "").lower(), parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        host, asked = "", []
    return {
        "ad_server": bool(host and _SERVERS.search(host)),
        "tracked_link": any(_TRACKED.match(name) for name, _ in asked),
        "other_site": bool(host and site and _site(link) != site),
    }


def _site(url: str) -> str:
    """Return the last two labels of a host's name: a rough, short stand-in for who owns it."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return ".".join(host.lower().split(".")[-2:])


def _told(meta: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what the door wrote of the pictures, nothing where it wrote none."""
    try:
        found = json.loads(meta) if meta else {}
    except ValueError:
        return {}
    pictures = found.get("pictures") if isinstance(found, dict) else None
    if not isinstance(pictures, dict):
        return {}
    return {place: about for place, about in pictures.items() if isinstance(about, dict)}
