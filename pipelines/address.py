"""Addresses: the file system that a URL names, and the path in it."""

from __future__ import annotations

from typing import Any

import fsspec

from schemas.errors import BadInput


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL and the path in it; raises BadInput where none is installed for it."""
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise BadInput(f"no file system for this address ({error})", where=url) from None
    return fs, str(path)
