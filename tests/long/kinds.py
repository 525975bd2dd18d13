"""A recipe of each kind on all given samples of it, with small weights made of them; writes docs/proofs/kinds.md.

python tests/long/kinds.py [WORK]

It goes on where it was stopped, and writes the page after each table. Instructions and texts have a page of their own
(words.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from words import DATA, ROOT, ostraka

REPORT = ROOT / "docs" / "proofs" / "kinds.md"
BOOKS = ("interleaved/openstax_astronomy", "interleaved/openstax_psychology")
PAGES = ("interleaved/gimp_manual_en", "interleaved/readability_pages")
LEFT_OUT = (
    "select dataset, reason, count(*) as parts from (select shard, row, unnest(left_out_why) as reason from verdicts "
    "where recipe like 'documents@%') "
    "join samples using (shard, row) group by all order by all"
)
HEAD = """---
orphan: true
---

# Documents, captions and videos

The recipes [`documents`](../how-to/documents.md), [`documents-clip`](../how-to/document-pictures.md),
[`caption-small`](../how-to/clip.md) and
[`video`](../how-to/video.md) on real samples of their kind, with weights that `ostraka weights` made of the given
captions and figures: they know little beyond. Of [instructions and texts](words.md) elsewhere.
"""


def funnel(shelf: str) -> str:
    """Return what the funnel prints, but for what to do next."""
    return ostraka("funnel", "--shelf", shelf).partition("\nnext")[0]


def weights(shelf: str, work: Path, name: str) -> str:
    """Make weights of a shelf, once, and return their folder."""
    made = work / name
    if not made.exists():
        ostraka("weights", "--shelf", shelf, "--to", str(made))
    return str(made)


def captions(work: Path) -> Iterator[str]:
    """Bring captioned pictures to a shelf and yield the funnel."""
    shelf = str(work / "captions")
    ostraka("ingest", str(DATA / "image_caption" / "coco_mini"), "--shelf", shelf)
    ostraka("run", "caption-small", "--shelf", shelf, "--weights", f"clip={weights(shelf, work, 'of-captions')}")
    yield "Photographs of COCO:"
    yield funnel(shelf)


def documents(work: Path) -> Iterator[str]:
    """Bring books, pages, an archive and papers to a shelf, and yield the funnel and what was left out."""
    books, shelf = str(work / "books"), str(work / "documents")
    for book in BOOKS:
        ostraka("ingest", str(DATA / book), "--as", "cnxml", "--shelf", books)
        ostraka("ingest", str(DATA / book), "--as", "cnxml", "--shelf", shelf)
    for pages in PAGES:
        ostraka("ingest", str(DATA / pages), "--as", "pages", "--shelf", shelf)
    ostraka("ingest", str(DATA / "interleaved" / "warc"), "--as", "warc", "--shelf", shelf, "--max-failed", "1")
    ostraka("ingest", str(DATA / "ocr" / "docling_pdf"), "--as", "pdf", "--shelf", shelf, "--max-failed", "1")
    ostraka("run", "documents", "--shelf", shelf)
    yield "Modules of two books, pages, an archived page and papers:"
    yield funnel(shelf)
    yield "Parts of documents that were left out:"
    yield ostraka("sql", LEFT_OUT, "--shelf", shelf)
    made = ["--weights", f"relevance={weights(books, work, 'of-figures')}", "--with", "model="]
    ostraka("run", "documents-clip", "--shelf", shelf, *made)
    yield "And with what a small model finds that the text around it does not speak of left out:"
    yield funnel(shelf)


def videos(work: Path) -> Iterator[str]:
    """Bring clips to a shelf, and yield the funnel and what was noted."""
    shelf = str(work / "videos")
    ostraka("ingest", str(DATA / "video"), "--shelf", shelf, "--max-failed", "1")
    ostraka("run", "video", "--shelf", shelf, "--max-failed", "1")
    yield "Clips of fourteen sources:"
    yield funnel(shelf)
    yield "What the camera was seen to do, by clips:"
    motions = "select unnest(camera_motions) as motion from notes_cameramotion"
    counted = f"select motion, count(*) as clips from ({motions}) group by all order by clips desc, motion"
    yield ostraka("sql", counted, "--shelf", shelf)


def main(work: Path) -> None:
    os.makedirs(work, exist_ok=True)
    body: list[str] = []
    for name, found in (("Documents", documents), ("Captions", captions), ("Videos", videos)):
        body.append(f"## {name}")
        for told in found(work):
            body.append(told if told.endswith(":") else f"```text\n{told}\n```")
            if not told.endswith(":"):
                REPORT.write_text(f"{HEAD}\n" + "\n\n".join(body) + "\n\nWritten by `python tests/long/kinds.py`.\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/kinds").resolve())
