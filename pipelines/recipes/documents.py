"""Recipes of documents: texts and pictures in turn, of which single ones may go while the rest stays in order."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from annotators.advertisements import Advertisements
from annotators.knowledge import Knowledge
from annotators.language import Language
from annotators.layout import Layout
from annotators.pictures import Pictures
from annotators.qrcodes import QrCodes
from annotators.relevance import Relevance
from filters.document import DocumentLanguage, DocumentLength
from filters.document_pictures import (
    FavourKnowledge,
    NoAdvertisements,
    NoIcons,
    NoLoneAlts,
    NoQrCodes,
    NotAlbum,
    RelevantPictures,
)
from filters.exact import ExactDocuments
from filters.image import HasPicture
from filters.pictures import PictureMaxAspect, PictureMaxPixels, PictureMinSide, PictureReadable
from filters.repeated import RepeatedPictures
from filters.text import CleanText, NotBoilerplate
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.recipes.uncontaminated import without_benchmarks

Count = Annotated[int, Meta(ge=1)]
Least = Annotated[int, Meta(ge=0)]
Pages = Annotated[int, Meta(ge=2)]
Number = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


def documents(
    languages: str = "en",
    least_chars: Least = 200,
    least_side_px: Count = 28,
    pages: Pages = 20,
    words: Number = 20.0,
    favour: Share = 1.0,
    benchmarks: str = "",
) -> Recipe:
    """Documents of texts and pictures in turn: what is bad or no part of one is left out, one without pictures goes.

    `languages` are ISO 639-1 codes with commas between. Left out are texts that are boilerplate, and pictures that
    cannot be read, icons, QR codes, advertisements, and what stands on `pages` documents or more of its dataset, each
    with its alternative text. A document of four pictures or more with fewer than `words` words to each is an album. Of
    documents without a chart, diagram, schematic or map, the share `favour` stays. With `benchmarks`, a folder that
    `ostraka benchmark` wrote, documents that hold their items go.
    """
    return Recipe(
        "documents", *_documents(languages, least_chars, least_side_px, pages, words, favour, benchmarks=benchmarks)
    )


def documents_clip(
    model: str = "ViT-B-32",
    score: Annotated[float, Meta(ge=-1, le=1)] = 0.2,
    device: str = "cpu",
    languages: str = "en",
    least_chars: Least = 200,
    least_side_px: Count = 28,
    pages: Pages = 20,
    words: Number = 20.0,
    favour: Share = 1.0,
    benchmarks: str = "",
) -> Recipe:
    """documents, and no picture that the text around it does not speak of; `--weights relevance=PATH` must be given.

    A picture goes whose CLIP score with every sentence around it is `score` or less. The reference does not say which
    score it takes for documents; a threshold belongs to its model.
    """
    relevance = Annotate(Relevance(model, device=device)), Keep(RelevantPictures(score))
    steps = _documents(languages, least_chars, least_side_px, pages, words, favour, *relevance, benchmarks=benchmarks)
    return Recipe("documents-clip", *steps)


def _documents(
    languages: str,
    least_chars: int,
    least_side_px: int,
    pages: int,
    words: float,
    favour: float,
    *relevance: Annotate | Keep,
    benchmarks: str,
) -> tuple[Annotate | Keep, ...]:
    favoured = [Keep(FavourKnowledge(share=favour))] if favour < 1 else []
    return (
        Keep(HasPicture()),
        Keep(CleanText()),
        Keep(NotBoilerplate()),
        Keep(DocumentLength(least=least_chars)),
        Annotate(Pictures()),
        Keep(PictureReadable()),
        Keep(PictureMinSide(px=least_side_px)),
        Keep(NoIcons()),
        Keep(PictureMaxAspect(ratio=200)),
        Keep(PictureMaxPixels(mpx=100)),
        Annotate(Language()),
        Keep(DocumentLanguage(languages=tuple(languages.split(",")))),
        *without_benchmarks(benchmarks),
        Keep(ExactDocuments()),
        Keep(RepeatedPictures(pages)),
        Annotate(QrCodes()),
        Keep(NoQrCodes()),
        Annotate(Layout()),
        Annotate(Advertisements()),
        Keep(NoAdvertisements()),
        *relevance,
        Keep(NoLoneAlts()),
        Keep(NotAlbum(words=words)),
        Annotate(Knowledge()),
        *favoured,
    )
