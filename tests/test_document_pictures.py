"""Pictures of a document: a bad one is left out for its reason, and the rest of the document stays in its order."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from math import inf, nan
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from filters.columns import Columns, Lists
from filters.document_pictures import (
    FavourKnowledge,
    NoAdvertisements,
    NoIcons,
    NoLoneAlts,
    NoQrCodes,
    NotAlbum,
    RelevantPictures,
)
from filters.filter import Filter
from filters.repeated import RepeatedPictures
from pipelines.commands.why import why
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions, export
from pipelines.ingest.ingest import ingest
from pipelines.ingest.plan import Cut
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Keep, Recipe
from pipelines.run.run import RunOptions, run
from pipelines.shelf.shelf import Shelf
from pipelines.shelf.table import read_table

TINY = 1e-6
WORDS = " ".join(["The orbit of a planet is an ellipse with the sun in one of its foci."] * 12)


@pytest.mark.parametrize(
    ("judging", "notes", "left_out"),
    [
        (NoIcons(), {"picture_width_px": [64, 65, 3], "picture_height_px": [64, 28, 65]}, (2,)),
        (NoQrCodes(), {"picture_qr_share": [0.0, 0.0499, 0.05]}, (7,)),
        (NoQrCodes(share=0.0), {"picture_qr_share": [0.0, 0.0001, 0.0]}, (4,)),
        (NoAdvertisements(), {"picture_ad_signals": ["ad_size", "ad_size at_end", "ad_words"]}, (4, 7)),
        (NoAdvertisements(sure=(), least=3), {"picture_ad_signals": ["", "ad_size at_end", "ad_server"]}, ()),
        (RelevantPictures(0.2), {"picture_clip_score": [0.2, 0.2001, nan]}, (2, 7)),
    ],
)
def test_these_pictures_are_left_out_for_the_filters_one_reason(
    judging: Filter, notes: dict[str, Any], left_out: tuple[int, ...]
) -> None:
    verdict = judging.judge({"picture_part": [2, 4, 7], **notes})
    assert (verdict.keep, verdict.reason, verdict.left_out) == (True, "", left_out)
    assert verdict.left_out_why == judging.reasons[:1] * len(left_out)


def test_a_document_goes_when_no_picture_is_left() -> None:
    judging, places = RelevantPictures(0.2), {"picture_part": [0, 1]}
    gone = judging.judge({**places, "picture_clip_score": [0.1, nan]})
    assert (gone.keep, gone.reason, gone.measured, gone.left_out) == (False, "irrelevant_picture", 0.1, ())
    half = judging.judge({**places, "picture_clip_score": [0.1, 0.3]})
    assert (half.keep, half.left_out, half.left_out_why) == (True, (0,), ("irrelevant_picture",))
    assert judging.judge({"picture_part": [], "picture_clip_score": []}).reason == "no_picture"


@pytest.mark.parametrize(
    ("pictures", "words", "kept", "each"),
    [(4, [79], False, 19.75), (4, [40, 40], True, 20), (3, [0], True, 0), (9, [], False, 0), (0, [5], True, nan)],
)
def test_an_album_has_many_pictures_and_few_words_to_each(
    pictures: int, words: list[int], kept: bool, each: float
) -> None:
    verdict = NotAlbum().judge({"picture_part": list(range(pictures)), "text_words": words})
    assert (verdict.keep, verdict.reason) == (kept, "" if kept else "album")
    assert verdict.measured == pytest.approx(each, nan_ok=True)


def test_documents_with_knowledge_all_stay_and_a_share_of_the_others() -> None:
    keys = np.array([b"%016d" % n for n in range(4000)], "S16")
    values = Lists.of([[0.1, nan], [nan, 0.5], []] * 1333 + [[0.2]], np.float64)
    found = FavourKnowledge(value=0.5, share=0.25).judge_columns(
        Columns(4000, {"key": keys, "picture_knowledge": values})
    )
    kept = found.reason < 0
    rich = np.arange(4000) % 3 == 1
    assert kept[rich].all() and 0.22 < kept[~rich].mean() < 0.28
    assert found.measured[[0, 1]].tolist() == [0.1, 0.5] and np.isnan(found.measured[2])
    with pytest.raises(ValueError, match="share must be from 0 to 1"):
        FavourKnowledge(share=inf)


def test_an_alternative_text_goes_with_the_picture_before_it_and_stays_beside_it() -> None:
    """Three documents: parts 1 and 4 are pictures, of which the second has lost part 4; the third is one alt alone."""
    columns = Columns(
        4,
        {
            "text_role": Lists.of([[]] + [["heading", "alt", "caption", "alt", "alt"]] * 2 + [["alt"]]),
            "text_parts": Lists.of([[]] + [[0, 2, 3, 5, 6]] * 2 + [[0]], np.uint16),
            "picture_part": Lists.of([[9], [1, 4], [1], []], np.uint16),
        },
    ).take(np.arange(1, 4))
    found = NoLoneAlts().judge_columns(columns)
    assert found.left_out == {0: (6,), 1: (5, 6)} and found.reason.tolist() == [-1, -1, 0]
    assert set(found.left_out_why[1]) == {"alt_without_picture"}


PAGES = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.lists(st.integers(0, 5), max_size=5)), min_size=1, max_size=12
)


def columns_of(pages: Sequence[tuple[str, list[int]]]) -> Columns:
    digests = [[0xFFFFFFFFFFFFFFF0 + one for one in pictures] for _, pictures in pages]
    return Columns(
        len(pages),
        {
            "key": np.array([b"%016d" % n for n in range(len(pages))], "S16"),
            "dataset": np.array([dataset for dataset, _ in pages], object),
            "picture_digest": Lists.of(digests, np.uint64),
            "picture_part": Lists.of([[2 * n + 1 for n in range(len(one))] for one in digests], np.uint16),
        },
    )


@given(PAGES, st.integers(2, 4), st.integers(1, 11))
def test_a_picture_goes_from_every_page_where_it_stands_on_enough_pages_of_its_dataset(
    pages: list[tuple[str, list[int]]], least: int, cut: int
) -> None:
    """Against counting with sets, and whatever the parts in which the corpus is surveyed."""
    filtering, whole = RepeatedPictures(pages=least), columns_of(pages)
    rows = np.arange(len(pages))
    parts = [whole.take(rows[:cut]), whole.take(rows[cut:])]
    found = filtering.decide(whole, filtering.learn([filtering.survey(part) for part in parts]))
    on = {
        (dataset, picture): sum(other == dataset and picture in shown for other, shown in pages)
        for dataset, pictures in pages
        for picture in pictures
    }
    expected = [
        (row, 2 * at + 1, on[dataset, picture])
        for row, (dataset, pictures) in enumerate(pages)
        for at, picture in enumerate(pictures)
        if on[dataset, picture] >= least
    ]
    assert sorted(zip(found.rows.tolist(), found.places().tolist(), found.measured.tolist(), strict=True)) == expected


def test_a_picture_is_repeated_on_two_pages_at_the_least() -> None:
    with pytest.raises(ValueError, match="2 or more"):
        RepeatedPictures(pages=1)


def png(picture: Picture.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def site(tmp_path: Path, picture: Callable[..., bytes]) -> Callable[[str], Shelf]:
    """Eight pages, with a picture of their own but for the last, most with the site's; an icon, a QR code, an album."""
    code = cv2.QRCodeEncoder.create().encode("https://example.org")  # type: ignore[attr-defined]
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "logo.jpg").write_bytes(picture(99, (200, 200)))
    (folder / "icon.jpg").write_bytes(picture(98, (48, 48)))
    (folder / "code.png").write_bytes(png(Picture.fromarray(code).resize((180, 180), Picture.Resampling.NEAREST)))
    (folder / "junk.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"junk" * 40)
    shown = [
        ["logo"],
        ["icon", "logo"],
        ["code"],
        ["logo", "junk"],
        ["logo"],
        ["logo"],
        ["p", "q", "r", "s"],
        ["icon", "code"],
    ]
    for n, others in enumerate(shown):
        for name in (str(n), *("pqrs" if "p" in others else "")):
            (folder / f"{name}.jpg").write_bytes(picture(ord(name), (160, 120)))
        own = [str(n)] if n < 7 else []
        images = [f"{name}.{'png' if name == 'code' else 'jpg'}" for name in (*own, *others)]
        text = WORDS[:260] if "p" in others else WORDS
        said = [f"<p>Page {n}. {text}</p>" if "p" not in others or not at else "" for at in range(len(images))]
        body = "".join(f"{words}<img src='{one}'>" for words, one in zip(said, images, strict=True))
        (folder / f"{n}.html").write_text(f"<html lang=en><body><article>{body}</article></body></html>")

    def make(name: str) -> Shelf:
        shelf = Shelf(str(tmp_path / name))
        ingest(shelf, str(folder), Local(1), kind="pages", dataset="site", cut=Cut(rows=3), max_failed=1.0)
        return shelf

    return make


def verdicts(shelf: Shelf, recipe: Recipe) -> list[tuple[str, str, list[tuple[int, str]]]]:
    rows = [
        row
        for shard in shelf.shards()
        for row in read_table(shelf.fs, shelf.path("verdicts", recipe.id, f"{shard}.parquet")).to_pylist()
    ]
    return [
        (row["outcome"], row["reason"], list(zip(row["left_out"], row["left_out_why"], strict=True))) for row in rows
    ]


def test_the_recipe_leaves_out_what_is_no_part_of_a_document_and_drops_albums(site: Callable[[str], Shelf]) -> None:
    shelf, recipe = site("shelf"), find_recipe("documents", {"pages": "5"})
    run(shelf, recipe, Local(1))
    assert verdicts(shelf, recipe) == [
        ("kept", "", [(3, "repeated_picture")]),
        ("kept", "", [(3, "icon"), (5, "repeated_picture")]),
        ("kept", "", [(3, "qr_code")]),
        ("kept", "", [(3, "repeated_picture"), (5, "unreadable_header")]),
        ("kept", "", [(3, "repeated_picture")]),
        ("kept", "", [(3, "repeated_picture")]),
        ("dropped", "album", []),
        ("dropped", "qr_code", [(1, "icon")]),
    ]
    told = CliRunner().invoke(why, ["1.html", "--shelf", str(shelf.root)]).output
    assert "left out parts 3 (icon)" in told and "measured 5, left out parts 5 (repeated_picture)" in told


def test_parts_are_decided_in_buckets_as_they_are_together(
    site: Callable[[str], Shelf], tree_digest: Callable[..., dict[str, str]]
) -> None:
    found = []
    for name, memory_gib in (("together", 8.0), ("apart", TINY)):
        shelf = site(name)
        run(shelf, Recipe("repeated", Keep(RepeatedPictures(pages=5))), Local(1), RunOptions(memory_gib=memory_gib))
        found.append(tree_digest(Path(shelf.root)))
    assert found[0] == found[1] and any(name.startswith("decisions/") for name in found[0])


def test_a_decision_on_parts_ends_a_round_so_that_the_next_sees_the_samples_without_them() -> None:
    recipe = Recipe("two", Keep(RepeatedPictures(pages=5)), Keep(RepeatedPictures(pages=2)))
    assert recipe.rounds() == [range(0, 1), range(1, 2)]


def test_an_export_holds_the_pictures_that_are_left_in_their_order(
    site: Callable[[str], Shelf], tmp_path: Path
) -> None:
    shelf = site("shelf")
    run(shelf, Recipe("repeated", Keep(RepeatedPictures(pages=5))), Local(1))
    export(shelf, "out", str(tmp_path / "out"), Local(1), ExportOptions())
    held = dict[str, list[bytes]]()
    for path in sorted((tmp_path / "out").rglob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                if member.name.endswith((".jpg", ".png")):
                    held.setdefault(member.name.partition(".")[0], []).append(tar.extractfile(member).read())  # type: ignore[union-attr]
    names = {path.read_bytes(): path.name for path in (tmp_path / "site").iterdir()}
    shown = sorted([names[data] for data in pictures] for pictures in held.values())
    assert shown == [
        ["0.jpg"],
        ["1.jpg", "icon.jpg"],
        ["2.jpg", "code.png"],
        ["3.jpg", "junk.jpg"],
        ["4.jpg"],
        ["5.jpg"],
        ["6.jpg", "p.jpg", "q.jpg", "r.jpg", "s.jpg"],
        ["icon.jpg", "code.png"],
    ]
