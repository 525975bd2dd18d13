"""The recipes that ostraka brings; a recipe of your own is a function that returns one.

Its parameters are values that a user may give: `ostraka run caption-light --with balance=20`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Struct

from annotators.cameramotion import CameraMotion
from annotators.clip import Clip
from annotators.concepts import Concepts
from annotators.contacts import Contacts
from annotators.embeddingoverlap import EmbeddingOverlap
from annotators.endpoint import Endpoint
from annotators.frameembeddings import FrameEmbeddings
from annotators.header import Header
from annotators.integrity import Integrity
from annotators.language import Language
from annotators.nsfw import Nsfw
from annotators.ocr import Ocr
from annotators.pixels import Pixels
from annotators.probe import Probe
from annotators.rewriter import Rewriter
from annotators.shotlabels import ShotLabels
from annotators.shots import Shots
from annotators.spancaptions import SpanCaptions
from annotators.textembedding import TextEmbedding
from annotators.texttracks import TextTracks
from annotators.trainedshots import TrainedShots
from annotators.watermark import Watermark
from filters.balance import Balance
from filters.contamination import NoBenchmarkEmbedding
from filters.exact import ExactDedup
from filters.image import HasPicture, MaxAspect, MaxPixels, MinSide, NotSolid, Still
from filters.neardup import NearDedup
from filters.recaption import Rewritten
from filters.safety import MaxNsfw, NoContacts, NoWatermark
from filters.scenetext import HasSceneText
from filters.scores import Above
from filters.text import CaptionLength, CleanText, InLanguage, NotBoilerplate
from filters.video import HasVideo, Lasts, NotBlack, NotStill, WholeVideo
from filters.videodedup import VideoDedup
from pipelines.recipes.documents import documents, documents_clip
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.recipes.tasks import cot, cot_answers, rl_tasks
from pipelines.recipes.uncontaminated import benchmark_folder, steps_against, without_benchmarks
from pipelines.recipes.value import load
from pipelines.recipes.words import instructions, long_text
from schemas.errors import BadInput

Count = Annotated[int, Meta(ge=1)]
Number = Annotated[float, Meta(ge=0)]
Rate = Annotated[float, Meta(gt=0, le=1000)]
Share = Annotated[float, Meta(ge=0, le=1)]
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


def headers_only() -> Recipe:
    """Pictures by their headers alone: shape and size."""
    return Recipe(
        "headers-only",
        Keep(HasPicture()),
        Annotate(Header()),
        Keep(MinSide(px=28)),
        Keep(MaxAspect(ratio=200)),
        Keep(MaxPixels(mpx=100)),
    )


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


def scene_text(
    least: Count = 1, confidence: Number = 0.6, height_px: Number = 8.0, chars: Count = 2, side_px: Count = 960
) -> Recipe:
    """Pictures with text in them that OCR can read: at least one valid line, as the reference keeps.

    A line is valid by its confidence, height and length; text is looked for at `side_px` of the longer side.
    """
    return Recipe(
        "scene-text",
        Keep(HasPicture()),
        Annotate(Header()),
        Keep(Still()),
        Keep(MinSide(px=28)),
        Annotate(Ocr(side_px=side_px)),
        Keep(HasSceneText(least, confidence, height_px, chars)),
    )


def uncontaminated(benchmarks: str = "", pictures: bool = True) -> Recipe:
    """Samples of any kind that hold no item of the `benchmarks`, a folder that `ostraka benchmark` wrote.

    They must be given. Texts are looked for first, then pictures, resized and saved again or not; without `pictures`,
    texts alone.
    """
    return Recipe("uncontaminated", *steps_against(benchmark_folder(benchmarks), pictures=pictures))


def video(
    least_s: Number = 1.0,
    most_s: Number = 3600.0,
    black: Share = 0.5,
    still: Share = 0.9,
    trained: bool = False,
    texts: bool = False,
    frames_per_s: Rate = 2.0,
    embeddings: bool = False,
    model: str = "ViT-B-32",
) -> Recipe:
    """Videos that are whole and in which something happens; shots and what the camera does are notes on spans.

    Kept are those that last from `least_s` to `most_s` seconds, that decode to their end, and that are black for no
    more than a share of `black` and without any change for no more than `still`. Copies of one file go. With `trained`,
    shots are found by TransNetV2 too, dissolves among them, at some fifty frames a second. With `texts`, the texts in
    them are read in `frames_per_s`, which takes by far the longest. With `embeddings`, videos, shots and captions are
    vectors of a `model`, and videos go that are near another in both: `--weights frameembeddings=PATH` and
    `textembedding=PATH` must be given.
    """
    looked_at: list[Annotate | Keep] = [Annotate(TextTracks(frames_per_s=frames_per_s))] if texts else []
    if embeddings:
        looked_at += [Annotate(FrameEmbeddings(model)), Annotate(TextEmbedding(model)), Keep(VideoDedup())]
    return Recipe(
        "video",
        Keep(HasVideo()),
        Annotate(Probe()),
        Keep(Lasts(least_s, most_s)),
        Keep(MinSide(px=28)),
        Keep(MaxAspect(ratio=200)),
        Keep(ExactDedup()),
        Annotate(Integrity()),
        Keep(WholeVideo()),
        Keep(NotBlack(black)),
        Keep(NotStill(still)),
        Annotate(TrainedShots() if trained else Shots()),
        Annotate(CameraMotion()),
        *looked_at,
    )


def video_captions(
    url: str = _ASKED.url,
    model: str = "",
    max_tokens: Count = _ASKED.max_tokens,
    at_once: Count = _ASKED.at_once,
    per_s: Number = _ASKED.per_s,
    timeout_s: Number = _ASKED.timeout_s,
    give_up_s: Number = _ASKED.give_up_s,
    price_in: Number = 0.0,
    price_out: Number = 0.0,
    longest_s: Rate = 30.0,
    labels: bool = True,
) -> Recipe:
    """video, then a caption for each span by a model that sees its frames, and the scale and angle of each shot.

    A shot that lasts longer than `longest_s` is captioned in parts. Without `labels`, captions alone. Prices are for a
    million tokens.
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
    labelled = [Annotate(ShotLabels(endpoint))] if labels else []
    return Recipe("video-captions", *video().steps, Annotate(SpanCaptions(endpoint, longest_s=longest_s)), *labelled)


def whole() -> Recipe:
    """Everything that came in whole, with nothing looked at: dialogues, clips and whatever was chosen elsewhere.

    To be exported, a shelf must have been decided on; here the decision is yes. It costs no look at a sample.
    """
    return Recipe("whole")


RECIPES: dict[str, Callable[..., Recipe]] = {
    "caption-clip": caption_clip,
    "caption-light": caption_light,
    "caption-recaptioned": caption_recaptioned,
    "caption-safe": caption_safe,
    "caption-small": caption_small,
    "cot": cot,
    "cot-answers": cot_answers,
    "documents": documents,
    "documents-clip": documents_clip,
    "headers-only": headers_only,
    "instructions": instructions,
    "rl-tasks": rl_tasks,
    "scene-text": scene_text,
    "text": long_text,
    "uncontaminated": uncontaminated,
    "video": video,
    "video-captions": video_captions,
    "whole": whole,
}


class Parameter(Struct, frozen=True):
    """A value that a recipe takes by name; `default` is inspect.Parameter.empty where it must be given."""

    name: str
    kind: Any
    default: Any


def find_recipe(name: str, values: Mapping[str, str] = {}) -> Recipe:
    """Return a recipe by its name here, or by `package.module:function`, made with these values.

    Raises BadInput where there is none, where it does not take these values, or where the function returns something
    else.
    """
    if name in RECIPES:
        return RECIPES[name](**_converted(name, RECIPES[name], values))
    if ":" not in name:
        raise BadInput(
            f"there is no recipe called {name!r}",
            remedy=f"choose one of {', '.join(sorted(RECIPES))}, or give --recipe package.module:function",
        )
    made = load(name)
    if not callable(made) and values:
        raise BadInput(f"{name} is no function, so it takes no values", remedy="leave --with out")
    try:
        recipe = made(**_converted(name, made, values)) if callable(made) else made
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"{name} made no recipe: {type(error).__name__}: {error}") from error
    if not isinstance(recipe, Recipe):
        raise BadInput(f"{name} returns {type(recipe).__name__}, not a Recipe")
    return recipe


def parameters(make: Callable[..., Any]) -> Iterator[Parameter]:
    """Yield what a recipe's function takes by name; a parameter without a type is text."""
    hints = get_type_hints(make, include_extras=True)
    for one in inspect.signature(make).parameters.values():
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            yield Parameter(one.name, hints.get(one.name, str), one.default)


def _converted(name: str, make: Callable[..., Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return the values by the types that a recipe states; raises BadInput that says which ones it takes."""
    known = {one.name: one for one in parameters(make)}
    takes = f"it takes {', '.join(known)}" if known else "it takes no values"
    if unknown := [one for one in values if one not in known]:
        raise BadInput(f"it has no value called {', '.join(unknown)}", where=f"recipe {name}", remedy=takes)
    needed = [one.name for one in known.values() if one.default is inspect.Parameter.empty and one.name not in values]
    if needed:
        raise BadInput(
            f"{', '.join(needed)} must be given", where=f"recipe {name}", remedy=f"add --with {needed[0]}=..."
        )
    found: dict[str, Any] = {}
    for one, text in values.items():
        try:
            found[one] = msgspec.convert(text, known[one].kind, strict=False)
        except msgspec.ValidationError as error:
            raise BadInput(f"{one} cannot be {text!r}: {error}", where=f"recipe {name}", remedy=takes) from None
    return found
