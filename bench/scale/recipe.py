"""The recipes that the bench runs; every note that they ask for is on a made shelf.

One decides by pictures and concepts, one differs in a radius alone, and two decide by texts and by meaning.
"""

from __future__ import annotations

from annotators.concepts import Concepts
from annotators.header import Header
from annotators.minhash import MinHash
from annotators.pixels import Pixels
from bench.scale.embedding import Embedding
from filters.balance import Balance
from filters.embeddingdedup import EmbeddingDedup
from filters.exact import ExactDedup
from filters.image import MinSide, NotSolid
from filters.neardup import NearDedup
from filters.textdedup import TextNearDedup
from pipelines.recipes.recipe import Annotate, Keep, Recipe

PER_ENTRY = 20_000
"""MetaCLIP's own: how many samples an entry keeps at most."""


def decided() -> Recipe:
    """Exact and perceptual duplicates and balance, behind two cheap filters."""
    return _pictures("decided", radius=4)


def stricter() -> Recipe:
    """The same with a smaller radius."""
    return _pictures("stricter", radius=2)


def texts() -> Recipe:
    """Near-duplicate texts."""
    return Recipe("texts", Annotate(MinHash(words=5)), Keep(TextNearDedup()))


def meanings() -> Recipe:
    """Near-duplicate embeddings; the larger picture is the better one, so its header is read."""
    return Recipe("meanings", Annotate(Header()), Annotate(Embedding()), Keep(EmbeddingDedup()))


def _pictures(name: str, radius: int) -> Recipe:
    return Recipe(
        name,
        Annotate(Header()),
        Keep(MinSide(px=28)),
        Annotate(Pixels()),
        Keep(NotSolid()),
        Annotate(Concepts()),
        Keep(ExactDedup()),
        Keep(NearDedup(radius=radius)),
        Keep(Balance(per_entry=PER_ENTRY)),
    )
