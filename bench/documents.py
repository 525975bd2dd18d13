"""How well documents are taken apart: token F1 of pages, figures of modules, words of PDFs beside the bare libraries.

    python -m bench.documents [DATA]

Pages: token F1 of the article against `expected.html`, readability's own text beside ours (`bare`). Modules: figures in
the order of the source, with as many letters before each. PDFs: share of words in common with the reference, in order,
beside pdfium's text as it comes.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path
from statistics import median

import pypdfium2
from lxml import html
from readability import Document

from pipelines.commands.screen import table
from pipelines.documents import cnxml, html_page, pdf
from pipelines.documents.pieces import Named, Piece, Words


def main(data: Path) -> None:
    """Print the three tables."""
    pages(data / "interleaved" / "readability_pages")
    modules(data / "interleaved")
    pdfs(data / "ocr" / "docling_pdf")


def pages(folder: Path) -> None:
    rows, began = [], time.process_time()
    for page in sorted(folder.iterdir()):
        source = (page / "source.html").read_bytes()
        seen = html.fromstring((page / "expected.html").read_bytes().decode())
        found = html_page.take_apart(source).pieces
        bare = html.fromstring(Document(source.decode("utf-8", "replace")).summary(html_partial=True))
        wanted = _text(seen)
        pictures = [
            sum(not isinstance(one, Words) for one in found),
            len(bare.xpath(".//img")),
            len(seen.xpath(".//img")),
        ]
        rows.append((page.name, f1(_said(found), wanted), f1(_text(bare), wanted), *pictures))
    worst = sorted(rows, key=lambda row: row[1])[:5]
    said = [(name, f"{ours:.3f}", f"{bare:.3f}", *pictures) for name, ours, bare, *pictures in worst]
    said.append(("median", *(f"{median(row[place] for row in rows):.3f}" for place in (1, 2)), "", "", ""))
    within = [sum(min(row[place], row[5]) for row in rows) for place in (3, 4)]
    said.append((f"all {len(rows)} pages", "", "", *within, sum(row[5] for row in rows)))
    table("HTML", ("page", "F1", "F1, bare", "pictures", "bare", "wanted"), said, numbers=[1, 2, 3, 4, 5])
    print(f"{(time.process_time() - began) / len(rows):.2f} s a page, both ways together\n")


def modules(folder: Path) -> None:
    rows = []
    for book in ("openstax_astronomy", "openstax_psychology"):
        figures = in_place = 0
        files = sorted((folder / book / "modules").glob("*/index.cnxml"))
        for file in files:
            source = file.read_text()
            wanted, found = _places_wanted(source), _places_found(cnxml.take_apart(file.read_bytes()).pieces)
            figures += len(wanted)
            in_place += sum(one == other for one, other in zip(found, wanted, strict=True))
        rows.append((book, len(files), figures, in_place))
    table("CNXML", ("book", "modules", "figures", "at their place"), rows, numbers=[1, 2, 3])
    print()


def pdfs(folder: Path) -> None:
    rows = []
    for reference in sorted((folder / "groundtruth").glob("*.md")):
        wanted = re.sub("<!--.*?-->", "", reference.read_text())
        source = (folder / "sources" / f"{reference.stem}.pdf").read_bytes()
        bare = "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(source))
        found = pdf.take_apart(source).pieces
        pictures = sum(not isinstance(one, Words) for one in found)
        rows.append((reference.stem, alike(_said(found), wanted), alike(bare, wanted), pictures))
    said = [(name, f"{ours:.3f}", f"{bare:.3f}", pictures) for name, ours, bare, pictures in rows]
    said.append(("median", *(f"{median(row[place] for row in rows):.3f}" for place in (1, 2)), ""))
    table("PDF", ("PDF", "alike", "alike, bare", "pictures"), said, numbers=[1, 2, 3])


def f1(found: str, wanted: str) -> float:
    ours, theirs = (Counter(re.findall(r"\w+", text.casefold())) for text in (found, wanted))
    return 2 * (ours & theirs).total() / max(1, ours.total() + theirs.total())


def alike(ours: str, theirs: str) -> float:
    words = (re.findall(r"\w+", text) for text in (ours, theirs))
    return SequenceMatcher(None, *words, autojunk=False).ratio()


def _text(tree: object) -> str:
    return " ".join(tree.itertext())  # type: ignore[attr-defined]


def _said(found: list[Piece]) -> str:
    return "\n".join(one.text for one in found if isinstance(one, Words) and one.role != "alt")


def _places_found(found: list[Piece]) -> list[tuple[str, int]]:
    letters, places = 0, []
    for one in found:
        if isinstance(one, Named):
            places.append((one.source, letters))
        elif isinstance(one, Words) and one.role != "alt":
            letters += _letters(one.text)
    return places


def _places_wanted(source: str) -> list[tuple[str, int]]:
    title = _letters(re.findall("<title>(.*?)</title>", source)[0])
    plain = re.sub("<(?!image)[^>]*>", "", _with_references(source)[source.index("<content") :])
    found = re.finditer(r'<image[^>]*src="([^"]*)"[^>]*>', plain)
    return [(one[1], title + _letters(re.sub("<image[^>]*>", "", plain[: one.start()]))) for one in found]


def _with_references(source: str) -> str:
    """Return the source with links that have no words saying the kind of what they lead to, as pieces do."""
    kinds = {one[2]: one[1] for one in re.finditer(r'<(\w+)\b[^>]*?\sid="([^"]+)"', source)}

    def said(link: re.Match[str]) -> str:
        if "url=" in link[1] or "document=" in link[1]:
            return "" if "url=" in link[1] else "another section"
        target = re.search(r'target-id="([^"]+)"', link[1])
        kind = kinds.get(target[1], "").removeprefix("sub") if target else ""
        named = kind in ("figure", "table", "example", "exercise", "equation", "section", "note")
        return f"the {kind}" if named else "this section"

    return re.sub(r"<link\b([^>]*?)(?:/>|>\s*</link>)", said, source)


def _letters(text: str) -> int:
    import html as entities

    return len(re.findall(r"[^\W_]", entities.unescape(text)))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"))
