"""The demo of documents: the pages that tell of scikit-image's pictures, with what a site puts around them."""

from __future__ import annotations

import ast
import io
import os
import re
from collections.abc import Iterator
from html import escape
from shutil import copyfile
from typing import Any

import numpy as np
from msgspec import Struct

from pipelines.ingest.photographs import photographs_folder

TEXTURES = ("brick", "grass", "gravel")
LOGO = '<p><img src="logo.png" alt="The site\'s logo"></p>'
CC0 = '<link rel="license" href="https://creativecommons.org/publicdomain/zero/1.0/">'

_SHOWN = (".png", ".jpg")
_UNDERLINED = re.compile(r"^(\w[\w ]*)\n-+$", re.MULTILINE)
_LINK = re.compile(r"`([^`<]+?)\s*<[^>`]+>`_{0,2}")


class Told(Struct, frozen=True):
    """What scikit-image's documentation says of pictures: its paragraphs, headings marked, and the pictures' files."""

    name: str
    paragraphs: tuple[tuple[str, str], ...]
    pictures: tuple[str, ...]


def write_site(folder: str) -> None:
    """Write the pages with their pictures, then pages and pictures that have to go."""
    site, shipped = os.path.join(folder, "site"), photographs_folder()
    os.makedirs(site, exist_ok=True)
    told = list(told_of_pictures(shipped))
    for one in told:
        for picture in one.pictures:
            copyfile(os.path.join(shipped, picture), os.path.join(site, picture))
        _write(site, f"{one.name}.html", page(one))
    by_name = {one.name: one for one in told}
    textures = "".join(article(by_name[name]) for name in TEXTURES)
    _write(site, "textures.html", _around("Textures", f"<h1>Textures</h1>{textures}"))
    _plant(site, shipped, by_name)


def told_of_pictures(shipped: str) -> Iterator[Told]:
    """Yield what is told of each picture that is there; the module is read, not imported."""
    with open(os.path.join(shipped, "_fetchers.py"), encoding="utf-8") as file:
        module = ast.parse(file.read())
    for one in module.body:
        said = ast.get_docstring(one) if isinstance(one, ast.FunctionDef) else None
        if not said or not isinstance(one, ast.FunctionDef):
            continue
        named = (
            node.value[len("data/") :]
            for node in ast.walk(one)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("data/")
        )
        pictures = tuple(dict.fromkeys(name for name in named if name.endswith(_SHOWN) and _is_there(shipped, name)))
        if pictures:
            yield Told(one.name, tuple(_paragraphs(said)), pictures)


def _is_there(shipped: str, name: str) -> bool:
    return os.path.isfile(os.path.join(shipped, name))


def _paragraphs(said: str) -> Iterator[tuple[str, str]]:
    """Yield tag and text of each paragraph of a docstring."""
    for block in _UNDERLINED.sub(r"\n\1\n", said).split("\n\n"):
        text = " ".join(_LINK.sub(r"\1", block).replace("``", "").split())
        if text:
            yield ("h2" if text in ("Notes", "Returns", "References") else "p", text)


def page(told: Told, planted: str = "") -> str:
    """Return a page as a site has it: an article between what is the same on every page."""
    return _around(told.paragraphs[0][1], article(told, "h1") + planted)


def article(told: Told, heading: str = "h2") -> str:
    """Return title, text, and the pictures behind the first paragraph."""
    (_, title), *rest = told.paragraphs
    figures = "".join(
        f'<figure><img src="{picture}" alt="{escape(told.name)}"><figcaption>{escape(title)}</figcaption></figure>'
        for picture in told.pictures
    )
    texts = [f"<{tag}>{escape(text)}</{tag}>" for tag, text in rest]
    return f"<{heading}>{escape(title)}</{heading}>{''.join(texts[:1])}{figures}{''.join(texts[1:])}"


def _around(title: str, content: str) -> str:
    menu = "".join(f'<a href="{one}.html"><img src="icon.png" alt="">{one}</a> ' for one in ("index", "about", "help"))
    head = f"<head><title>{escape(title)}</title>{CC0}</head>"
    return f"<html>{head}<body><nav>{menu}</nav><article>{LOGO}{content}</article><footer>{menu}</footer></body></html>"


def _plant(site: str, shipped: str, told: dict[str, Told]) -> None:
    """Write pictures that are no part of a document, and pages that are none."""
    from PIL import Image

    with Image.open(os.path.join(shipped, "logo.png")) as logo:
        _save(site, "icon.png", logo.convert("RGB").resize((16, 16)))
        _save(site, "logo.png", logo.convert("RGB").resize((120, 120)))
    with Image.open(os.path.join(shipped, "coffee.png")) as coffee:
        _save(site, "banner.png", coffee.convert("RGB").resize((468, 60)))
    _qr_code(site)
    with open(os.path.join(site, "broken.png"), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + b"this is no picture, whatever it begins with")
    advertised = '<p>Advertisement</p><a href="https://ads.example.com/?utm_source=page"><img src="banner.png"></a>'
    lost = '<p>A map of the place.</p><img src="https://elsewhere.example/map.png"><p>And a drawing.</p>'
    _write(site, "coffee.html", page(told["coffee"], advertised))
    _write(site, "rocket.html", page(told["rocket"], f'{lost}<img src="broken.png"><p>It was seen from far away.</p>'))
    _write(site, "astronaut.html", page(told["astronaut"], '<p>To read on:</p><img src="code.png">'))
    _write(site, "planted_copy.html", page(told["coins"]))
    every = "".join(
        f'<p>This is the picture that is called {name}.</p><img src="{one.pictures[0]}">' for name, one in told.items()
    )
    _write(site, "planted_album.html", _around("All pictures", f"<h1>All pictures</h1><p>Here they are.</p>{every}"))
    _write(site, "planted_german.html", _around("Kaffee", f'{_GERMAN}<img src="coffee.png">{_GERMAN}'))
    _write(site, "planted_frames.html", '<frameset><frame src="coffee.html"></frameset>')


_GERMAN = (
    "<p>Eine Tasse Kaffee steht auf einem alten Tisch aus Holz, und daneben liegt ein Löffel. Das Bild zeigt mehrere "
    "Ellipsen und verschiedene Oberflächen, vom glatten Porzellan bis zur groben Maserung des Holzes.</p>"
)


def _qr_code(site: str) -> None:
    import zxingcpp
    from PIL import Image

    code: Any = zxingcpp.create_barcode("https://example.com/pictures", zxingcpp.BarcodeFormat.QRCode)
    _save(site, "code.png", Image.fromarray(np.asarray(zxingcpp.write_barcode_to_image(code, scale=6))))


def _save(site: str, name: str, picture: Any) -> None:
    out = io.BytesIO()
    picture.save(out, "PNG")
    with open(os.path.join(site, name), "wb") as file:
        file.write(out.getvalue())


def _write(site: str, name: str, content: str) -> None:
    with open(os.path.join(site, name), "w", encoding="utf-8") as file:
        file.write(content)
