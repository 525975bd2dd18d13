"""`ostraka` of this checkout, whatever is installed: python -m bench.experiments.ostraka VERB ..."""

from __future__ import annotations

from pipelines.cli import main

if __name__ == "__main__":
    main()
