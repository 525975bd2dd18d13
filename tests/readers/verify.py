"""Prove an export whole, also after a reader has put its own files beside the shards."""

from __future__ import annotations

import sys

from pipelines.export.verify import verify

if __name__ == "__main__":
    print(verify(sys.argv[1]))
