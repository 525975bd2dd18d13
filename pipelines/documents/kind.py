"""The kinds of documents that are taken apart."""

from __future__ import annotations

from typing import Literal

Kind = Literal["html", "warc", "cnxml", "pdf"]
