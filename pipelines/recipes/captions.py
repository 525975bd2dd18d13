"""Recipes of captioned pictures: light ones, with CLIP, safe ones, and with captions written anew."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from annotators.clip import Clip
from annotators.concepts import Concepts
from annotators.contacts import Contacts
from annotators.embeddingoverlap import EmbeddingOverlap
from annotators.endpoint import Endpoint
from annotators.header import Header
from annotators.language import Language
from annotators.nsfw import Nsfw
from annotators.ocr import Ocr
from annotators.pixels import Pixels
from annotators.rewriter import Rewriter
from annotators.watermark import Watermark
from filters.balance import Balance
from filters.contamination import NoBenchmarkEmbedding
from filters.exact import ExactDedup
from filters.image import HasPicture, MaxAspect, MaxPixels, MinSide, NotSolid, Still
from filters.neardup import NearDedup
from filters.recaption import Rewritten
from filters.safety import MaxNsfw, NoContacts, NoWatermark
from filters.scores import Above
from filters.text import CaptionLength, CleanText, InLanguage, NotBoilerplate
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.recipes.uncontaminated import benchmark_folder, without_benchmarks
from schemas.errors import BadInput

Count = Annotated[int, Meta(ge=1)]
Number = Annotated[float, Meta(ge=0)]
_ASKED = Endpoint()


def caption_light(balance: Annotated[int, Meta(ge=0)] = 0, vocabulary: str = "", benchmarks: str = "") -> Recipe:
    """Captioned pictures without a model: shape, text, language, colours, then duplicates.

    With `benchmarks`, a folder that `ostraka benchmark` wrote, samples that hold their items go. With `balance`,
    concepts are balanced last: of each entry of the `vocabulary` (a file; by default the English one that comes with
    ostraka) about that many samples stay.
    """
    if vocabulary and not balance:
        raise BadInput("a vocabulary is given, but nothing to balance", remedy="add --with balance=20, for instance")
    return Recipe("caption-light", *_caption_light(balance, vocabulary, benchmarks=benchmarks))


def _caption_light(
    balance: int, vocabulary: str, *relevance: Annotate | Keep, benchmarks: str = ""
) -> tuple[Annotate | Keep, ...]:
    concepts = [Annotate(Concepts(vocabulary))] if balance else []
    balanced = [Keep(Balance(per_entry=balance))] if balance else []
    return (
        Keep(HasPicture()),
        Keep(CleanText()),
        Keep(CaptionLength(least=5, most=1000)),
        Keep(NotBoilerplate()),
        Annotate(Header()),
        Keep(Still()),
        Keep(MinSide(px=28)),
        Keep(MaxAspect(ratio=200)),
        Keep(MaxPixels(mpx=100)),
        Annotate(Language()),
        Keep(InLanguage(languages=("en",), share=0.9)),
        Annotate(Pixels()),
        Keep(NotSolid()),
        *without_benchmarks(benchmarks),
        *concepts,
        Keep(ExactDedup()),
        Keep(NearDedup(radius=4)),
        *relevance,
        *balanced,
    )


def caption_clip(
    model: str = "ViT-B-32",
    threshold: float = 0.3,
    device: str = "cpu",
    balance: Annotated[int, Meta(ge=0)] = 0,
    vocabulary: str = "",
    benchmarks: str = "",
    alike: Annotated[float, Meta(ge=0, le=1)] = 0.0,
) -> Recipe:
    """caption-light, then pictures whose CLIP score is above the threshold; `--weights clip=PATH` must be given.

    The reference keeps scores above 0.3 and does not say of which model; a threshold belongs to its model. With
    `alike`, pictures go whose embedding has that cosine or more with one of the `benchmarks`, which were made with
    `ostraka benchmark --clip PATH`.
    """
    relevance: list[Annotate | Keep] = [Annotate(Clip(model, device=device)), Keep(Above("clip_score", threshold))]
    if alike:
        relevance += [Annotate(EmbeddingOverlap(benchmark_folder(benchmarks))), Keep(NoBenchmarkEmbedding(alike))]
    return Recipe("caption-clip", *_caption_light(balance, vocabulary, *relevance, benchmarks=benchmarks))


def caption_small(threshold: float = 0.5) -> Recipe:
    """Pictures and texts that a small model, made by `ostraka weights` of such pictures, finds alike; no CLIP.

    It shows the whole path with weights that are there after minutes. It knows little beyond what it was made of.
    """
    return Recipe(
        "caption-small",
        Keep(HasPicture()),
        Keep(CleanText()),
        Keep(CaptionLength(least=5, most=1000)),
        Annotate(Header()),
        Keep(Still()),
        Annotate(Clip(model="")),
        Keep(Above("clip_score", threshold)),
    )


def caption_safe(score: Annotated[float, Meta(ge=0, le=1)] = 0.5, watermarks: bool = False) -> Recipe:
    """caption-light, then no e-mail address or telephone number in a text, and no picture that is not safe for work.

    A picture goes whose NSFW score is above `score`. With `watermarks`, so does one with a mark written over it, which
    OCR reads: that takes by far the longest.
    """
    safe: list[Annotate | Keep] = [Annotate(Contacts()), Keep(NoContacts()), Annotate(Nsfw()), Keep(MaxNsfw(score))]
    if watermarks:
        safe += [Annotate(Ocr()), Annotate(Watermark()), Keep(NoWatermark())]
    return Recipe("caption-safe", *_caption_light(0, "", *safe))


def caption_recaptioned(
    url: str = _ASKED.url,
    model: str = "",
    max_tokens: Count = _ASKED.max_tokens,
    at_once: Count = _ASKED.at_once,
    per_s: Number = _ASKED.per_s,
    timeout_s: Number = _ASKED.timeout_s,
    give_up_s: Number = _ASKED.give_up_s,
    price_in: Number = 0.0,
    price_out: Number = 0.0,
    only_rewritten: bool = False,
) -> Recipe:
    """caption-light, then captions rewritten by a model that sees the picture; facts are kept or the original stands.

    Prices are for a million tokens. With `only_rewritten`, samples whose original stands are dropped.
    """
    endpoint = Endpoint(
        url,
        model,
        max_tokens,
        at_once=at_once,
        per_s=per_s,
        timeout_s=timeout_s,
        give_up_s=give_up_s,
        price_in=price_in,
        price_out=price_out,
    )
    strict = [Keep(Rewritten())] if only_rewritten else []
    return Recipe("caption-recaptioned", *_caption_light(0, ""), Annotate(Rewriter(endpoint)), *strict)
