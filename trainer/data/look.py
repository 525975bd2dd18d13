"""A look at one packed sequence: which documents lie in it, and what of each is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np

from trainer.documents.document import Document
from trainer.documents.grid import PATCH_PX
from trainer.documents.special import END

if TYPE_CHECKING:
    from trainer.documents.tokens import Tokens

_LETTERS = ascii_lowercase + ascii_uppercase
_RULER_CHARS = 100


def letter(number: int) -> str:
    """Return the letter that stands for a document; after 52 they begin again."""
    return _LETTERS[number % len(_LETTERS)]


def ruler(documents: Sequence[Document], sequence_tokens: int) -> str:
    """Return a line as long as a sequence, drawn to scale: a letter a document, a dot for what is left empty."""
    ends = np.cumsum([0, *(len(document.tokens_T) for document in documents)])
    middles = (np.arange(_RULER_CHARS) + 0.5) * sequence_tokens / _RULER_CHARS
    found = np.searchsorted(ends, middles, "right") - 1
    return "".join(letter(number) if number < len(documents) else "." for number in found.tolist())


def pictures(document: Document) -> str:
    """Return the sizes in pixels of a document's pictures or slices as the model sees them, equal ones counted."""
    sizes = [f"{width * PATCH_PX}x{height * PATCH_PX}" for _, height, width in document.grids_N3.tolist()]
    runs = [(size, len(list(run))) for size, run in groupby(sizes)]
    return ", ".join(size if count == 1 else f"{count} of {size}" for size, count in runs)


def predicted(document: Document, tokens: Tokens, most_chars: int) -> str:
    """Return the words that a document predicts, without its end, or as many as there is place for."""
    said = document.tokens_T[document.is_target_T & (document.tokens_T != tokens.id(END))]
    text = " ".join(tokens.decode(said.tolist()).split())
    return text if len(text) <= most_chars else f"{text[: most_chars - 3]}..."
