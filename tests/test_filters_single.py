"""Filters over one sample: one by one and in columns they say the same, and each threshold is where it is stated."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from math import inf, nan
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import filters
from filters.columns import Columns, Lists
from filters.contamination import NoBenchmarkEmbedding, NoBenchmarkPicture, NoBenchmarkText
from filters.dialogue import FewControlCharacters, HasAnswers, NoMedia, NotRepeating, PicturesReadable
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
from filters.filter import KEEP, ColumnFilter, Filter
from filters.image import HasPicture, MaxAspect, MaxPixels, MinSide, NotSolid, Still
from filters.language import MostlyInLanguage
from filters.pictures import PictureMaxAspect, PictureMaxPixels, PictureMinSide, PictureReadable
from filters.prose import C4Quality, GopherQuality, GopherRepetition
from filters.recaption import Rewritten
from filters.safety import MaxNsfw, NoContacts, NoWatermark
from filters.scenetext import HasSceneText
from filters.scores import Above, AtLeast, AtMost, Below, Between
from filters.teaches import Teaches
from filters.text import CaptionLength, CleanText, InLanguage, NotBoilerplate
from filters.thought import SoundThought
from filters.video import HasVideo, Lasts, NotBlack, NotStill, WholeVideo
from schemas.verdict import Verdict
from schemas.vocabulary.captions import ORIGINAL_STANDS, REWRITTEN
from schemas.vocabulary.documents import AD_SIGNALS
from schemas.vocabulary.prose import REPEATED_PLACES
from schemas.vocabulary.safety import WATERMARKS

Row = dict[str, Any]
DTYPES: dict[str, Any] = {
    "images": np.uint16,
    "videos": np.uint16,
    "turns": np.uint32,
    "answer_chars": np.uint64,
    "control_chars": np.uint32,
    "prose_words": np.uint32,
    "prose_stop_words": np.uint32,
    "prose_repeated": np.float64,
    "c4_sentences": np.uint32,
    "c4_banned": object,
    "frames": np.uint32,
    "width_px": np.uint32,
    "height_px": np.uint32,
    "channel_std": np.float64,
    "top_colour_share": np.float64,
    "score": np.float64,
    "recaption_status": object,
    "nsfw_score": np.float64,
    "watermark": object,
    "scene_texts": object,
    "scene_text_confidences": np.float64,
    "scene_text_heights_px": np.float64,
    "duration_s": np.float64,
    "stated_duration_s": np.float64,
    "video_frames": np.uint32,
    "frames_decoded": np.uint32,
    "packets_broken": np.uint32,
    "times_back": np.uint32,
    "black_share": np.float64,
    "still_share": np.float64,
    "text": object,
    "text_parts": np.int64,
    "text_role": object,
    "rollout_rewards": np.float64,
    "thought_chars": np.uint32,
    "thought_repeated": np.float64,
    "thought_doubts": np.uint32,
    "thought_contradicts": np.bool_,
    "text_chars": np.int64,
    "text_language": object,
    "text_language_share": np.float64,
    "text_emails": np.uint32,
    "text_phones": np.uint32,
    "benchmark_run_words": np.uint32,
    "benchmark_whole_words": np.uint32,
    "benchmark_whole_pictured": np.bool_,
    "benchmark_picture_bits": np.uint32,
    "benchmark_picture_levels": np.uint32,
    "text_words": np.uint32,
    "key": "S16",
    "picture_qr_share": np.float64,
    "picture_ad_signals": object,
    "picture_clip_score": np.float64,
    "picture_knowledge": np.float64,
    "picture_part": np.int64,
    "picture_width_px": np.uint32,
    "picture_height_px": np.uint32,
}
SIDES = st.integers(1, 40) | st.integers(1, 2**32 - 1)
SHAPES = st.fixed_dictionaries({"width_px": SIDES, "height_px": SIDES})
SHARES = st.sampled_from([0.0, 0.2999, 0.3, 0.3001, 0.9, 0.98, 0.981, 1.0]) | st.floats(0, 1)
COLOURS = st.fixed_dictionaries({"channel_std": st.floats(0, 128), "top_colour_share": SHARES})
SECONDS, FEW = st.sampled_from([0.0, 9.4, 9.5, 9.6, 10.0]), st.integers(0, 2)
VIDEOS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("duration_s", "stated_duration_s"), SECONDS),
        **dict.fromkeys(("video_frames", "frames_decoded", "packets_broken", "times_back"), FEW),
    }
)
PAID = st.fixed_dictionaries(
    {"rollout_rewards": st.lists(st.sampled_from([-0.5, 0.0, 0.25, 1.0]), min_size=1, max_size=4)}
)
SCORES = st.fixed_dictionaries({"score": st.sampled_from([0.29, 0.3, 0.31, nan, inf, -inf, -0.0]) | st.floats()})
WORDS = st.text(max_size=12) | st.sampled_from(
    ["", "IMG_1234.jpg", "a\0b", "a red boat", "www.a.com", "x" * 1001, "\n"]
)


@st.composite
def texts(draw: st.DrawFn) -> Row:
    found = draw(st.lists(WORDS, max_size=4))
    several = {"min_size": len(found), "max_size": len(found)}
    places = draw(st.lists(st.integers(0, 9), unique=True, **several))
    return {
        "text": found,
        "text_chars": [len(text) for text in found],
        "text_parts": sorted(places),
        "text_language": draw(st.lists(st.sampled_from(["en", "de", "zh"]), **several)),
        "text_language_share": draw(st.lists(SHARES, **several)),
        "text_emails": draw(st.lists(st.integers(0, 2), **several)),
        "text_phones": draw(st.lists(st.integers(0, 2), **several)),
    }


@st.composite
def lines(draw: st.DrawFn) -> Row:
    found = draw(st.lists(st.tuples(WORDS, SHARES, st.sampled_from([7.9, 8.0, 20.0])), max_size=4))
    return {
        "scene_texts": [text for text, _, _ in found],
        "scene_text_confidences": [share for _, share, _ in found],
        "scene_text_heights_px": [height_px for *_, height_px in found],
    }


@st.composite
def pictures(draw: st.DrawFn) -> Row:
    found = draw(st.lists(st.tuples(SIDES | st.just(0), SIDES | st.just(0)), max_size=4))
    places = draw(st.lists(st.integers(0, 9), unique=True, min_size=len(found), max_size=len(found)))
    return {
        "picture_part": sorted(places),
        "picture_width_px": [width for width, _ in found],
        "picture_height_px": [height for _, height in found],
    }


@st.composite
def documents(draw: st.DrawFn) -> Row:
    """Texts and pictures in turn, alternative texts among them, behind pictures or alone."""
    parts = draw(st.lists(st.sampled_from(["picture", "alt", "paragraph"]), max_size=6))
    texts = [place for place, part in enumerate(parts) if part != "picture"]
    return {
        "text_parts": texts,
        "text_role": [parts[place] for place in texts],
        "picture_part": [place for place, part in enumerate(parts) if part == "picture"],
    }


THOUGHTS = st.fixed_dictionaries(
    {
        "thought_chars": st.sampled_from([0, 399, 400, 1600, 1601, 100_000]),
        "thought_repeated": st.sampled_from([0.0, 0.3, 0.3001, 1.0]),
        "thought_doubts": st.integers(0, 6),
        "thought_contradicts": st.booleans(),
    }
)
MEASURES = st.sampled_from([0.0, 0.1, 0.11, 0.3, 0.8, 0.9, 3.0, 10.0, 10.1]) | st.floats(0, 20)
PROSE = st.fixed_dictionaries(
    {
        **{name: MEASURES for name in GopherQuality.reads if name not in ("prose_words", "prose_stop_words")},
        "prose_words": st.sampled_from([0, 49, 50, 100_000, 100_001]),
        "prose_stop_words": st.integers(0, 3),
        "prose_repeated": st.lists(SHARES, min_size=REPEATED_PLACES, max_size=REPEATED_PLACES),
        "c4_sentences": st.integers(3, 6),
        "c4_line_share": SHARES,
        "c4_banned": st.sampled_from(["", "lorem_ipsum", "curly_bracket"]),
    }
)
TALKS = st.fixed_dictionaries({"turns": st.integers(0, 3), "answer_chars": st.integers(0, 9)})
BENCHMARKS = st.fixed_dictionaries(
    {
        "benchmark_run_words": st.integers(0, 60),
        "benchmark_run_share": SHARES,
        "benchmark_whole_words": st.integers(0, 12),
        "benchmark_whole_pictured": st.booleans(),
        "benchmark_picture_bits": st.sampled_from([0, 12, 63, 64]),
        "benchmark_picture_levels": st.integers(0, 20),
        "benchmark_cosine": st.floats(-1, 1) | st.just(0.9),
    }
)
MEDIA = st.fixed_dictionaries({"images": st.integers(0, 2), "videos": st.integers(0, 2)})


@st.composite
def noted_pictures(draw: st.DrawFn) -> Row:
    places = sorted(draw(st.sets(st.integers(0, 9), max_size=5)))
    several = {"min_size": len(places), "max_size": len(places)}
    values = {
        "picture_width_px": st.sampled_from([0, 64, 65]),
        "picture_height_px": st.sampled_from([0, 64, 65]),
        "picture_qr_share": st.sampled_from([0.0, 0.0499, 0.05, 1.0]),
        "picture_ad_signals": st.lists(st.sampled_from(AD_SIGNALS), unique=True, max_size=3).map(" ".join),
        "picture_clip_score": st.sampled_from([-1.0, 0.2, 0.2001, nan]),
        "picture_knowledge": st.sampled_from([0.0, 0.4999, 0.5, 1.0, nan]),
    }
    lists = {name: draw(st.lists(value, **several)) for name, value in values.items()}
    words = draw(st.lists(st.integers(0, 50), max_size=3))
    key = draw(st.binary(min_size=16, max_size=16)).replace(b"\0", b"k")
    return {"picture_part": places, "text_words": words, "key": key, **lists}


EVERY: list[tuple[Filter, st.SearchStrategy[Row]]] = [
    (HasPicture(), st.fixed_dictionaries({"images": st.integers(0, 3)})),
    (Still(), st.fixed_dictionaries({"frames": st.integers(1, 3)})),
    (MinSide(px=28), SHAPES),
    (MaxPixels(mpx=0.0009), SHAPES),
    (MaxAspect(ratio=3), SHAPES),
    (NotSolid(), COLOURS),
    (Above("score", 0.3), SCORES),
    (AtLeast("score", 0.3), SCORES),
    (Below("score", 0.3), SCORES),
    (AtMost("score", 0.3), SCORES),
    (Between("score", 0.29, 0.3), SCORES),
    (CaptionLength(least=2, most=1000), texts()),
    (CleanText(), texts()),
    (NotBoilerplate(), texts()),
    (InLanguage(languages=("en", "fr"), share=0.9), texts()),
    (NoContacts(most_emails=1), texts()),
    (DocumentLength(least=3, most=20), texts()),
    (DocumentLanguage(languages=("en", "fr"), share=0.5), texts()),
    (PictureReadable(), pictures()),
    (PictureMinSide(px=28), pictures()),
    (PictureMaxAspect(ratio=3), pictures()),
    (PictureMaxPixels(mpx=0.0009), pictures()),
    (MaxNsfw(0.3), st.fixed_dictionaries({"nsfw_score": SHARES | st.just(nan)})),
    (NoWatermark(("link",)), st.fixed_dictionaries({"watermark": st.sampled_from(["", *WATERMARKS])})),
    (HasSceneText(confidence=0.3), lines()),
    (NoIcons(), noted_pictures()),
    (NoQrCodes(), noted_pictures()),
    (NoAdvertisements(), noted_pictures()),
    (RelevantPictures(), noted_pictures()),
    (NotAlbum(pictures=2), noted_pictures()),
    (FavourKnowledge(), noted_pictures()),
    (HasVideo(), st.fixed_dictionaries({"videos": st.integers(0, 3)})),
    (Lasts(1.0, 10.0), st.fixed_dictionaries({"duration_s": st.floats(0, 20) | st.sampled_from([1.0, 10.0])})),
    (WholeVideo(), VIDEOS),
    (NotBlack(0.3), st.fixed_dictionaries({"black_share": SHARES})),
    (NotStill(0.9), st.fixed_dictionaries({"still_share": SHARES})),
    (Rewritten(), st.fixed_dictionaries({"recaption_status": st.sampled_from([REWRITTEN, *ORIGINAL_STANDS])})),
    (HasAnswers(most=2, most_chars=5), TALKS),
    (NoMedia(), MEDIA),
    (FewControlCharacters(0.3), st.builds(lambda row, n: {**row, "control_chars": n}, texts(), st.integers(0, 9))),
    (NotRepeating(share=0.3), PROSE),
    (MostlyInLanguage(("en", "fr"), 0.5), texts()),
    (MostlyInLanguage(("en",), 0.5, each_text=True), texts()),
    (GopherQuality(), PROSE),
    (GopherRepetition(), PROSE),
    (C4Quality(least_line_share=0.3), PROSE),
    (NoLoneAlts(), documents()),
    (PicturesReadable(), pictures()),
    (SoundThought(), THOUGHTS),
    (Teaches(), PAID),
    (NoBenchmarkText(), BENCHMARKS),
    (NoBenchmarkPicture(), BENCHMARKS),
    (NoBenchmarkEmbedding(0.9), BENCHMARKS),
]


def columns_of(rows: Sequence[Row], names: Sequence[str]) -> Columns:
    arrays: dict[str, Any] = {}
    for name in names:
        values = [row[name] for row in rows]
        listed = name.startswith(("text", "scene_text", "picture_", "prose_repeated", "rollout_"))
        arrays[name] = Lists.of(values, DTYPES[name]) if listed else np.array(values, DTYPES.get(name, np.float64))
    return Columns(len(rows), arrays)


def test_every_filter_over_one_sample_is_tried_here() -> None:
    modules = [importlib.import_module(f"filters.{module.name}") for module in pkgutil.iter_modules(filters.__path__)]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    built_in = {kind for kind in kinds if issubclass(kind, Filter) and kind.reasons}
    assert built_in == {type(judging) for judging, _ in EVERY}


@pytest.mark.parametrize(("judging", "rows"), EVERY, ids=[judging.name for judging, _ in EVERY])
def test_judging_one_sample_is_judging_a_column_of_many(judging: Filter, rows: st.SearchStrategy[Row]) -> None:
    @settings(max_examples=30)
    @given(st.lists(rows, max_size=8))
    def check(batch: list[Row]) -> None:
        found = judging.judge_columns(columns_of(batch, judging.reads))
        assert len(found.reason) == len(found.measured) == len(batch)
        for at, row in enumerate(batch):
            alone = judging.judge(row)
            place = int(found.reason[at])
            assert (alone.keep, alone.reason) == (place == KEEP, "" if place == KEEP else judging.reasons[place])
            assert repr(alone.measured) == repr(float(found.measured[at]))
            assert alone.left_out == found.left_out.get(at, ())
            assert alone.left_out_why == found.left_out_why.get(at, ())
            assert len(alone.left_out_why) == len(alone.left_out) and {*alone.left_out_why} <= {*judging.reasons}

    check()


def said(text: str, language: str = "en", share: float = 1.0) -> Row:
    return {
        "text": [text],
        "text_chars": [len(text)],
        "text_parts": [1],
        "text_language": [language],
        "text_language_share": [share],
    }


def shown(*sides_px: tuple[int, int]) -> Row:
    return {
        "picture_part": [2 * place for place in range(len(sides_px))],
        "picture_width_px": [width for width, _ in sides_px],
        "picture_height_px": [height for _, height in sides_px],
    }


def video(**told: float) -> Row:
    whole = {"duration_s": 10.0, "stated_duration_s": 10.0, "video_frames": 250, "frames_decoded": 250}
    return {**whole, "packets_broken": 0, "times_back": 0, **told}


NO_TEXT: Row = {name: [] for name in said("")}


@pytest.mark.parametrize(
    ("judging", "row", "reason", "measured"),
    [
        (HasPicture(), {"images": 0}, "no_picture", 0),
        (HasPicture(), {"images": 1}, "", 1),
        (Still(), {"frames": 2}, "animated", 2),
        (Still(), {"frames": 1}, "", 1),
        (MinSide(px=28), {"width_px": 27, "height_px": 4000}, "side_too_short", 27),
        (MinSide(px=28), {"width_px": 4000, "height_px": 28}, "", 28),
        (MaxPixels(mpx=900), {"width_px": 30_000, "height_px": 30_001}, "too_many_pixels", 900.03),
        (MaxPixels(mpx=900), {"width_px": 30_000, "height_px": 30_000}, "", 900),
        (MaxPixels(), {"width_px": 2**32 - 1, "height_px": 2**32 - 1}, "too_many_pixels", (2**32 - 1.0) ** 2 / 1e6),
        (MaxAspect(ratio=3), {"width_px": 301, "height_px": 100}, "aspect_too_extreme", 3.01),
        (MaxAspect(ratio=3), {"width_px": 100, "height_px": 300}, "", 3),
        (PictureMinSide(px=28), shown((4000, 27)), "side_too_short", 27),
        (PictureMinSide(px=28), shown((4000, 28)), "", 28),
        (PictureMinSide(px=28), shown(), "no_picture", nan),
        (PictureReadable(), shown((0, 0)), "unreadable_header", 0),
        (PictureMaxAspect(ratio=3), shown((301, 100)), "aspect_too_extreme", 3.01),
        (PictureMaxPixels(mpx=900), shown((30_000, 30_001)), "too_many_pixels", 900.03),
        (DocumentLength(least=4), said("fou"), "document_too_short", 3),
        (DocumentLength(least=4), said("four"), "", 4),
        (DocumentLength(least=1, most=4), said("fives"), "document_too_long", 5),
        (DocumentLanguage(), said("vier", "de"), "other_language", 0),
        (NotSolid(), {"channel_std": 1.999, "top_colour_share": 0.99}, "no_spread", 1.999),
        (NotSolid(), {"channel_std": 2.0, "top_colour_share": 0.981}, "one_colour", 0.981),
        (NotSolid(), {"channel_std": 2.0, "top_colour_share": 0.98}, "", 0.98),
        (CaptionLength(), said("four"), "caption_too_short", 4),
        (CaptionLength(), said("fives"), "", 5),
        (CaptionLength(), said("x" * 1000), "", 1000),
        (CaptionLength(), said("x" * 1001), "caption_too_long", 1001),
        (CaptionLength(), NO_TEXT, "no_caption", nan),
        (CleanText(), said("a\0b\x7f\x0b"), "control_characters", 3),
        (CleanText(), said("a\tb\r\nc\u0085é"), "", 0),
        (CleanText(), NO_TEXT, "no_caption", nan),
        (NotBoilerplate(), NO_TEXT, "no_caption", nan),
        (InLanguage(), said("a", "de", 0.9), "other_language", 0.9),
        (InLanguage(), said("a", "de", 0.8999), "", 0.8999),
        (InLanguage(), said("a", "en", 1.0), "", 1.0),
        (InLanguage(), NO_TEXT, "no_caption", nan),
        (HasVideo(), {"videos": 0}, "no_video", 0),
        (Lasts(1.0, 10.0), {"duration_s": 0.999}, "too_short", 0.999),
        (Lasts(1.0, 10.0), {"duration_s": 1.0}, "", 1.0),
        (Lasts(1.0, 10.0), {"duration_s": 10.001}, "too_long", 10.001),
        (WholeVideo(), video(), "", 0),
        (WholeVideo(), video(duration_s=9.5), "", 0),
        (WholeVideo(), video(duration_s=9.25), "cut_short", 0.75),
        (WholeVideo(), video(duration_s=100.0, stated_duration_s=0.0), "", 0),
        (WholeVideo(), video(packets_broken=2, frames_decoded=248), "packets_broken", 2),
        (WholeVideo(), video(frames_decoded=249), "frames_missing", 1),
        (WholeVideo(), video(frames_decoded=251), "frames_missing", 1),
        (WholeVideo(), video(times_back=3), "times_go_back", 3),
        (NotBlack(0.5), {"black_share": 0.51}, "black", 0.51),
        (NotBlack(0.5), {"black_share": 0.5}, "", 0.5),
        (NotStill(), {"still_share": 0.91}, "still", 0.91),
        (Teaches(), {"rollout_rewards": [0.0, 0.25, 0.0]}, "", 0.25),
        (Teaches(), {"rollout_rewards": [1.0, 1.0]}, "all_paid", 0),
        (Teaches(), {"rollout_rewards": [0.0, 0.0]}, "none_paid", 0),
        (Teaches(), {"rollout_rewards": [0.25, 0.25]}, "paid_alike", 0),
        (Teaches(), {"rollout_rewards": [-0.5]}, "paid_alike", 0),
    ],
)
def test_a_filter_drops_for_this_reason_and_says_what_it_measured(
    judging: Filter, row: Row, reason: str, measured: float
) -> None:
    verdict = judging.judge(row)
    assert (verdict.keep, verdict.reason) == (not reason, reason) and (not reason or reason in judging.reasons)
    assert verdict.measured == pytest.approx(measured, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("judging", "kept"),
    [
        (Above("score", 0.30), [0.31, inf]),
        (AtLeast("score", 0.30), [0.30, 0.31, inf]),
        (Below("score", 0.30), [-inf, 0.29]),
        (AtMost("score", 0.30), [-inf, 0.29, 0.30]),
        (Between("score", 0.29, 0.30), [0.29, 0.30]),
    ],
)
def test_a_threshold_is_exact_and_nan_goes(judging: Filter, kept: list[float]) -> None:
    scores = [-inf, 0.29, 0.30, 0.31, inf, nan]
    assert [score for score in scores if judging.judge({"score": score}).keep] == kept
    assert {judging.judge({"score": score}).reason for score in scores} == {"", *judging.reasons}


def test_a_score_of_four_bytes_is_compared_as_eight() -> None:
    columns = Columns(1, {"score": np.array([0.3], np.float32)})
    assert Above("score", 0.3).judge_columns(columns).reason.tolist() == [KEEP]
    assert float(np.float32(0.3)) > 0.3


@pytest.mark.parametrize(
    "text",
    [
        *("", "...", "IMG_1234", "dsc 001.JPG", "Photo", "a-b_c.webp", "https://a.b/c?d", "Click here for more"),
        *("Image not available", "This picture may contain: a dog", "stock photo", "Logo", "Read more", " thumbnail "),
    ],
)
def test_boilerplate_is_left_out(text: str) -> None:
    assert NotBoilerplate().judge(said(text)).reason == "boilerplate"


@pytest.mark.parametrize(
    "text",
    [
        *("A photo of a dog", "the image shows 3 boats", "see https://a.b for the boat", "Logo of the city of Bern"),
        *("two clicks away, here we are", "a man shares his lunch with the pigeons in the park", "犬"),
    ],
)
def test_a_plain_caption_is_no_boilerplate(text: str) -> None:
    assert NotBoilerplate().judge(said(text)).keep


def test_a_bad_text_is_left_out_and_the_sample_goes_only_when_none_stays() -> None:
    row = {"text_chars": [2, 60, 3000, 7], "text_parts": [0, 2, 5, 9]}
    assert CaptionLength().judge(row) == Verdict(True, "", 2.0, (0, 5), ("caption_too_short", "caption_too_long"))
    gone = CaptionLength(least=61, most=100).judge(row)
    assert (gone.keep, gone.reason, gone.measured, gone.left_out) == (False, "caption_too_short", 2.0, ())


class Bright(Filter, frozen=True):
    low: float = 0.1
    reads: ClassVar = ("brightness", "width_px", "key", "text", "text_chars")
    reasons: ClassVar = ("too_dark", "of_no_plain_type")

    def judge(self, notes: Mapping[str, Any]) -> Verdict:
        plain = [type(value) for name in self.reads for value in np.ravel(np.array(notes[name], object)).tolist()]
        if not set(plain) <= {float, int, bytes, str}:
            return Verdict(False, "of_no_plain_type")
        return Verdict(notes["brightness"] > self.low, "too_dark", notes["brightness"], (notes["width_px"],))


def test_a_filter_of_ones_own_judges_columns_row_by_row_and_sees_plain_values() -> None:
    columns = Columns(
        2,
        {
            "brightness": np.array([0.05, 0.5]),
            "width_px": np.array([7, 8], np.uint32),
            "key": np.array([b"a" * 16, b"b" * 16], "S16"),
            "text": Lists.of([["a"], ["b", "c"]]),
            "text_chars": Lists.of([[1], [1, 1]], np.int64),
        },
    )
    found = Bright().judge_columns(columns)
    assert [Bright.reasons[place] if place != KEEP else "" for place in found.reason] == ["too_dark", ""]
    assert found.measured.tolist() == [0.05, 0.5] and found.left_out == {1: (8,)}


def test_a_filter_without_a_judgement_says_so() -> None:
    class Empty(Filter, frozen=True):
        pass

    class EmptyColumns(ColumnFilter, frozen=True):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty has no judge\(\)"):
        Empty().judge({})
    with pytest.raises(NotImplementedError, match=r"EmptyColumns has no judge_columns\(\)"):
        EmptyColumns().judge({})
