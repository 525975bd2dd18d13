"""Pairs of a rendered page and its code: a dialogue in which the code of what a picture shows is asked for.

Each html stands beside its picture, of the same name; who renders it chooses browser and size. Style sheets and
scripts that lie in the source are written into the page, so that its code is whole in one file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from pipelines.ingest.row import Row
from pipelines.ingest.source import PICTURES, extension_of, file_ref, need, open_url, resolve
from schemas.draw import fraction
from schemas.errors import BadSample

QUESTIONS = (
    "Write the HTML and CSS of this page in one file.",
    "Here is a screenshot of a web page. Give the code that renders it, as one HTML file.",
    "Reproduce this page: return one HTML file with all styles in it.",
    "Turn this screenshot into HTML and CSS.",
)
MOST_CHARS = 60_000
_LINK = re.compile(r"<link\b[^>]*>", re.IGNORECASE)
_SCRIPT = re.compile(r"<script\b([^>]*)>\s*</script>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(rel|href|src)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)


class UiCode(Struct, frozen=True):
    """A row for each html of a folder and those below it, called by its path; one without a picture beside it fails."""

    url: str
    most_chars: int = MOST_CHARS

    def rows(self) -> Iterator[Row]:
        """Yield the rows in the order of their paths. Raises BadInput where there is no html."""
        fs, root = open_url(self.url)
        found = sorted(map(str, fs.find(root)))
        pages = [path for path in found if extension_of(path) in ("html", "htm")]
        need(pages, "no html in this folder", self.url, "give a folder of pages, each with its picture beside it")
        pictures = {path.rsplit(".", 1)[0]: path for path in found if extension_of(path) in PICTURES}
        for path in pages:
            yield self._row(fs, root, path, pictures.get(path.rsplit(".", 1)[0], ""))

    def _row(self, fs: Any, root: str, path: str, picture: str) -> Row:
        name = path[len(root) :].lstrip("/")
        try:
            if not picture:
                raise BadSample("no_screenshot", f"no picture called {path.rsplit('.', 1)[0]}.png or the like")
            media = (file_ref(fs, picture, picture[len(root) :].lstrip("/"), within=root),)
            code = _whole(fs, root, path)
            if len(code) > self.most_chars:
                raise BadSample("code_too_long", f"{len(code)} characters")
        except BadSample as bad:
            return Row(name, failed=bad.reason, meta=bad.detail)
        question = QUESTIONS[int(fraction(name, "ui code") * len(QUESTIONS))]
        return Row(name, media, (("user", question), ("assistant", code)))


def _whole(fs: Any, root: str, path: str) -> str:
    """Return a page's code with its own style sheets and scripts in it; raises BadSample where one is not there."""
    folder = path.rsplit("/", 1)[0]

    def style(found: re.Match[str]) -> str:
        told = _attributes(found[0])
        if "stylesheet" not in told.get("rel", "").lower() or _is_elsewhere(told.get("href", "")):
            return found[0]
        return f"<style>\n{_text(fs, root, folder, told['href'], 'style_missing')}\n</style>"

    def script(found: re.Match[str]) -> str:
        told = _attributes(found[1])
        if "src" not in told or _is_elsewhere(told["src"]):
            return found[0]
        return f"<script>\n{_text(fs, root, folder, told['src'], 'script_missing')}\n</script>"

    code = _SCRIPT.sub(script, _LINK.sub(style, _utf8(fs.cat_file(path), path)))
    if "<" not in code:
        raise BadSample("no_code", path)
    return code.strip()


def _attributes(tag: str) -> dict[str, str]:
    return {name.lower(): value.strip("\"'") for name, value in _ATTRIBUTE.findall(tag)}


def _is_elsewhere(link: str) -> bool:
    return not link or "://" in link or link.startswith(("//", "data:"))


def _text(fs: Any, root: str, folder: str, link: str, missing: str) -> str:
    path = resolve(root, f"{folder}/{link.split('?', maxsplit=1)[0].split('#', maxsplit=1)[0]}")
    try:
        return _utf8(fs.cat_file(path), path).strip()
    except OSError:
        raise BadSample(missing, f"{path} is not there") from None


def _utf8(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSample("text_not_utf8", f"{path}: {error.reason} at byte {error.start}") from None
