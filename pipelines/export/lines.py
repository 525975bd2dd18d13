"""Lists that people write: a file with an entry a line, blank lines and comments left out."""

from __future__ import annotations

from hashlib import sha256

from pipelines.ingest.source import open_url
from schemas.errors import BadInput


def read_lines(url: str, what: str, sha256_hex: str = "") -> tuple[list[tuple[int, str]], str]:
    """Return a list's entries with the numbers of their lines, and the SHA-256 of its file.

    Raises BadInput where it is not there, is not UTF-8, or is not the file of `sha256_hex`.
    """
    fs, path = open_url(url)
    try:
        data = fs.cat_file(path)
        lines = data.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise BadInput(f"{what} cannot be read ({error.strerror or error})", where=url) from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} is not UTF-8: {error.reason} at byte {error.start}", where=url) from None
    found = sha256(data).hexdigest()
    if sha256_hex and found != sha256_hex:
        raise BadInput(f"{what} changed meanwhile", where=url, remedy="run the same command again with --replace")
    entries = ((number, line.strip()) for number, line in enumerate(lines, start=1))
    return [(number, line) for number, line in entries if line and not line.startswith("#")], found
