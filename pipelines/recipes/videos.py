"""Recipes of videos: whole ones in which something happens, and what a model says of their spans."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from annotators.cameramotion import CameraMotion
from annotators.endpoint import Endpoint
from annotators.frameembeddings import FrameEmbeddings
from annotators.integrity import Integrity
from annotators.probe import Probe
from annotators.shotlabels import ShotLabels
from annotators.shots import Shots
from annotators.spancaptions import SpanCaptions
from annotators.textembedding import TextEmbedding
from annotators.texttracks import TextTracks
from annotators.trainedshots import TrainedShots
from filters.exact import ExactDedup
from filters.image import MaxAspect, MinSide
from filters.video import HasVideo, Lasts, NotBlack, NotStill, WholeVideo
from pipelines.recipes.recipe import Annotate, Keep, Recipe

Count = Annotated[int, Meta(ge=1)]
Number = Annotated[float, Meta(ge=0)]
Rate = Annotated[float, Meta(gt=0, le=1000)]
Share = Annotated[float, Meta(ge=0, le=1)]
_ASKED = Endpoint()


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
        from filters.videodedup import VideoDedup

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
