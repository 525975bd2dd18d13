"""Recipes of what is said: instructions, with pictures or without, and long texts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from annotators.dialogue_minhash import DialogueMinHash
from annotators.endpoint import Endpoint
from annotators.language import Language
from annotators.minhash import MinHash
from annotators.pictures import Pictures
from annotators.prose import Prose
from annotators.taxonomist import Taxonomist
from annotators.turns import Turns
from filters.dialogue import FewControlCharacters, HasAnswers, NoMedia, NotRepeating, PicturesReadable
from filters.language import MostlyInLanguage
from filters.prose import C4Quality, GopherQuality, GopherRepetition
from filters.shares import Shares
from filters.textdedup import TextNearDedup
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.recipes.uncontaminated import without_benchmarks
from schemas.errors import BadInput

Similarity = Annotated[float, Meta(gt=0, le=1)]


def instructions(
    languages: str = "en",
    taxonomy: str = "",
    embeddings: bool = False,
    model: str = "",
    url: str = "",
    similarity: Similarity = 0.8,
    shares: str = "",
    total: Annotated[int, Meta(ge=0)] = 0,
    benchmarks: str = "",
) -> Recipe:
    """Dialogues, each of a category: answers that do not repeat themselves, one of each, and shares of categories.

    A dialogue goes where more than half of its texts are in none of the languages, or a picture cannot be read.
    `languages` with commas between, empty for any. `taxonomy`: a JSON file of your own. What its rules leave open is
    placed by `embeddings`, with `--weights taxonomist=PATH`, then by a `model` behind a `url`. `shares` thins the
    categories: `counting=0.2,chart=0.3,*=0.5`, of `total` samples or of as many as the scarcest of them allows. With
    `benchmarks`, a folder that `ostraka benchmark` wrote, samples that hold their items go.
    """
    if bool(model) != bool(url):
        raise BadInput("a model is asked at a url", where="recipe instructions", remedy="give both, or neither")
    endpoint = Endpoint(url, model, max_tokens=30) if url else None
    if total and not shares:
        raise BadInput("a total is given, but no shares", where="recipe instructions", remedy="add --with shares=...")
    balanced = [Keep(Shares(parse_shares(shares), total))] if shares else []
    return Recipe(
        "instructions",
        Annotate(Turns()),
        Keep(HasAnswers()),
        Keep(FewControlCharacters()),
        Annotate(Pictures()),
        Keep(PicturesReadable()),
        *_in(languages, share=0.5, each_text=True),
        Annotate(Prose()),
        Keep(NotRepeating()),
        *without_benchmarks(benchmarks),
        Annotate(Taxonomist(taxonomy, embeddings, endpoint=endpoint)),
        Annotate(DialogueMinHash()),
        Keep(TextNearDedup(similarity)),
        *balanced,
    )


def long_text(languages: str = "en", c4: bool = True, similarity: Similarity = 0.8, benchmarks: str = "") -> Recipe:
    """Long texts without pictures: language, the rules of Gopher and C4, and one of each near-duplicate.

    The rules are of English and of languages like it. C4's drop every text with a curly bracket, and so code and
    LaTeX: without them, `c4=false`. With `benchmarks`, a folder that `ostraka benchmark` wrote, texts that hold their
    items go.
    """
    return Recipe(
        "text",
        Keep(NoMedia()),
        Annotate(Turns()),
        Keep(FewControlCharacters()),
        *_in(languages),
        Annotate(Prose()),
        Keep(GopherQuality()),
        Keep(GopherRepetition()),
        *([Keep(C4Quality())] if c4 else []),
        *without_benchmarks(benchmarks, pictures=False),
        Annotate(MinHash()),
        Keep(TextNearDedup(similarity)),
    )


def _in(languages: str, share: float = 0.8, *, each_text: bool = False) -> tuple[Annotate | Keep, ...]:
    named = tuple(one.strip() for one in languages.split(",") if one.strip())
    return (Annotate(Language()), Keep(MostlyInLanguage(named, share, each_text=each_text))) if named else ()


def parse_shares(told: str) -> tuple[tuple[str, float], ...]:
    """Return `name=share` pairs with commas between; raises BadInput where one is none."""
    found = []
    for pair in told.split(","):
        name, _, share = pair.partition("=")
        try:
            found.append((name.strip(), float(share)))
        except ValueError:
            remedy = "give name=share pairs with commas between, * for all others: counting=0.2,*=0.8"
            raise BadInput(f"{pair!r} is no share", where="recipe instructions", remedy=remedy) from None
    return tuple(found)
