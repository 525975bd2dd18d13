"""Addresses: the file system that a URL names, and the path in it.

s3:// is ours, `on_s3.py`, whoever opens such an address in a process that has imported this; nothing of it is loaded
before one is opened.
"""

from __future__ import annotations

from typing import Any

import fsspec

from schemas.errors import BadInput

for _protocol in ("s3", "s3a"):
    fsspec.register_implementation(
        _protocol, "pipelines.store.on_s3.S3", clobber=True, errtxt="s3fs is not here: pip install 'ostraka[s3]'"
    )


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL and the path in it; raises BadInput where none is installed for it."""
    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise BadInput(f"no file system for this address ({error})", where=url) from None
    return fs, str(path)
