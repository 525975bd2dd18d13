"""HTML pages: one file, or all of a folder's in the order of their paths, with the pictures that lie beside them."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from pipelines.documents.kind import Kind
from pipelines.ingest.row import Row, Written
from pipelines.ingest.source import extension_of, file_ref, need, open_url
from schemas.errors import BadSample

PAGES = ("html", "htm", "xhtml")


class Pages(Struct, frozen=True):
    """A page's row is its path below the folder; pictures are looked for under `root`, by default the folder itself."""

    url: str
    root: str = ""

    def rows(self) -> Iterator[Row]:
        """Yield a row per page. Raises BadInput where there is none."""
        yield from document_rows(self.url, self.root, PAGES, "html")


def document_rows(url: str, root: str, extensions: tuple[str, ...], kind: Kind) -> Iterator[Row]:
    """Yield a row per file below a folder that ends in one of these, or for the one file that the URL is."""
    fs, path = open_url(url)
    is_folder = fs.isdir(path)
    within = path if is_folder else path.rsplit("/", 1)[0]
    found = sorted(str(one) for one in fs.find(path)) if is_folder else [path]
    wanted = [one for one in found if not is_folder or _is_wanted(one[len(within) :], extensions)]
    need(wanted, f"no {kind} files in it", url, f"they should end in {', '.join(extensions)}")
    pictures_in = open_url(root)[1] if root else within
    for one in wanted:
        name = one[len(within) :].lstrip("/")
        try:
            ref = file_ref(fs, one, name, within=within)
        except BadSample as bad:
            yield Row(name, failed=bad.reason, meta=bad.detail)
            continue
        yield Row(name, document=Written(ref, kind, pictures_in))


def _is_wanted(path: str, extensions: tuple[str, ...]) -> bool:
    return extension_of(path) in extensions and not any(part.startswith(".") for part in path.split("/"))
