"""`ostraka export --spans`: clips with their parent's key, what is said of them, and what stays out with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from annotators.container import Container, read_container
from annotators.frames import frames_at
from annotators.shots import Shots
from pipelines.cli import main
from pipelines.engines.local import Local
from pipelines.export.export import Exported, ExportOptions
from pipelines.export.manifest import read_manifest
from pipelines.export.spans.cut_shard import CutRule
from pipelines.export.spans.export import dry_run_spans, export_spans
from pipelines.export.spans.spans import VIDEOS, Wanted
from pipelines.export.spans.turns import FORMS
from pipelines.export.verify import verify
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.drawn_digits import read
from pipelines.ingest.ingest import ingest
from pipelines.ingest.manifest import NOTES_COLUMN
from pipelines.recipes.built_in import find_recipe
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.clip import clip_in
from schemas.errors import BadTar
from schemas.form import read as read_sample
from schemas.note import Note, TimeSpan
from schemas.sample import Sample, Text, Video
from schemas.shard import samples

Draw = Callable[[Drawing], Drawn]
PIECES = (Piece("pan_left", 20), Piece("zoom_in", 19, 1), Piece("tilt_up", 17, 3))
CLIPS = {
    "film.mkv": Drawing("film", PIECES, rate=(24000, 1001), container="mkv", between=2),
    "late.mp4": Drawing("late", PIECES, rate=(30000, 1001), start=31, between=2),
    "turned.mp4": Drawing("turned", PIECES, turned_deg=90, uneven=True),
    "copy.mp4": Drawing("turned", PIECES, turned_deg=90, uneven=True),
}
SHOTS = CutRule(Wanted(("shot",)))
EVENTS = Wanted(("shot", "event"), 0.1)


def named(clip: Drawn, first: int, end: int, name: str, value: Any) -> Note:
    ends = *clip.pts, clip.pts[-1]
    return Note(name, value, TimeSpan(0, ends[first], ends[end], clip.time_base))


def more_notes(name: str, clip: Drawn) -> list[Note]:
    """Captions and questions on spans, two that are no span of the clip, and one that is too short."""
    if name == "late.mp4":
        return [named(clip, first, end, "event", "a smile") for first, end in ((5, 17), (11, 33), (18, 56))]
    if name != "film.mkv":
        return []
    beyond = TimeSpan(0, clip.pts[-1] + clip.time_base[1] * 5, clip.pts[-1] + clip.time_base[1] * 6, clip.time_base)
    return [
        named(clip, 0, 39, "span_caption", "A camera before two photographs."),
        named(clip, 0, 20, "span_caption", "An astronaut smiles."),
        named(clip, 20, 39, "span_caption", "A cup stands on a table."),
        named(clip, 0, 39, "span_question", "How many photographs are shown?"),
        named(clip, 0, 39, "span_answer", "Two."),
        named(clip, 50, 51, "span_caption", "A blink."),
        Note("span_caption", "What was never filmed.", beyond),
        Note("span_caption", "Of a part that is no video.", TimeSpan(1, 0, 1000, (1, 1000))),
    ]


@pytest.fixture(scope="module")
def clips(drawn: Draw) -> dict[str, Drawn]:
    return {name: drawn(drawing) for name, drawing in CLIPS.items()}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, clips: dict[str, Drawn]) -> Shelf:
    folder = tmp_path_factory.mktemp("videos")
    rows = []
    for name, clip in clips.items():
        (folder / name).write_bytes(clip.content)
        notes = [*clip.notes, *more_notes(name, clip)]
        rows.append({"id": name, "video": name, "caption": f"About {name}.", "meta": 7, NOTES_COLUMN: notes})
    (folder / "clips.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    shelf = Shelf(str(tmp_path_factory.mktemp("shelf")))
    ingest(shelf, str(folder / "clips.jsonl"), Local())
    run(shelf, find_recipe("whole"), Local())
    return shelf


def exported(
    shelf: Shelf, to: Path, cut: CutRule, options: ExportOptions = ExportOptions(), workers: int = 1
) -> Exported:
    return export_spans(shelf, "clips", str(to), Local(workers), options, cut)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def samples_of(folder: Path) -> dict[str, tuple[Sample, list[bytes]]]:
    tars = sorted(folder.rglob("*.tar"))
    return {key: read_sample(members) for tar in tars for key, members in samples(str(tar))}


def numbers(content: bytes, extension: str) -> list[int]:
    found: Container = read_container(content, extension)
    return [read(one) for one in frames_at(content, extension, found, range(len(found.pts)), 10_000, "pyav")]


def keys(shelf: Shelf) -> dict[str, str]:
    catalog = shelf.catalog(shelf.shards()[0], ["name", "key"])
    return {key.bytes.hex(): name for name, key in zip(*(catalog[c].to_pylist() for c in ("name", "key")), strict=True)}


def test_each_clip_shows_the_frames_of_its_span_and_names_its_parent(
    shelf: Shelf, clips: dict[str, Drawn], tmp_path: Path
) -> None:
    done = exported(shelf, tmp_path / "out", CutRule(EVENTS))
    assert (done.kept, done.exported, done.folders) == (15, 15, {"train/mp4": 15})
    assert verify(str(tmp_path / "out")).samples == 15
    parents, held = keys(shelf), samples_of(tmp_path / "out")
    cuts = set()
    for row in rows_of(tmp_path / "out"):
        clip, (sample, [content]) = clips[parents[row["parent"]]], held[row["key"]]
        first = clip.pts.index(row["start_pts"])
        places = list(range(first, first + row["frames"]))
        assert numbers(content, "mp4") == places
        assert first in ((0, 20, 39) if row["spans"] == ["shot"] else (5, 11, 18))
        is_last, end = first + row["frames"] == 56, clip.pts[first + row["frames"]]
        assert row["end_pts"] == end or (is_last and abs(row["end_pts"] - end) <= 512)
        assert (row["time_base_num"], row["time_base_den"]) == clip.time_base
        lasts = (row["end_pts"] - row["start_pts"]) * clip.time_base[0] / clip.time_base[1]
        assert row["duration_s"] == pytest.approx(lasts, abs=1e-6)
        told = clip_in(sample.source.meta)
        assert told and told.meta == '{"meta":7}' and told.spans == tuple(row["spans"])
        cuts.add(row["cut"])
    assert cuts == {"copied", "encoded"}


def test_an_export_of_spans_has_the_same_bytes_with_any_workers_and_after_a_stop(
    shelf: Shelf, tmp_path: Path, tree_digest: Callable[[Path], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ExportOptions(splits={"val": 0.5}, rows=3)
    exported(shelf, tmp_path / "one", SHOTS, options)
    exported(shelf, tmp_path / "two", SHOTS, options, workers=2)
    whole = tree_digest(tmp_path / "one")
    assert whole == tree_digest(tmp_path / "two")
    for stopped in (".clips/000000.json", "manifest.json", "val/mp4/clips-000000.parquet"):
        here = tmp_path / stopped.replace("/", "-")

        def crossing(point: str, path: str, at: str = f"{here}/{stopped}") -> None:
            if point == "before" and path == at:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("schemas.publish.crossing", crossing)
            with pytest.raises(KeyboardInterrupt):
                exported(shelf, here, SHOTS, options)
        assert not (here / "manifest.json").exists()
        exported(shelf, here, SHOTS, options)
        assert tree_digest(here) == whole


def test_clips_of_copies_lie_on_one_side_of_a_split(shelf: Shelf, tmp_path: Path) -> None:
    for share in (0.3, 0.7):
        out = tmp_path / str(share)
        exported(shelf, out, SHOTS, ExportOptions(splits={"val": share}))
        verify(str(out))
        parents = keys(shelf)
        sides = {
            (path.parts[-3], parents[row["parent"]])
            for path in out.rglob("*.parquet")
            for row in pq.read_table(path).to_pylist()
        }
        assert len(sides) == len(CLIPS)
        assert len({side for side, name in sides if name in ("turned.mp4", "copy.mp4")}) == 1


def test_what_is_no_span_of_a_video_stays_out_with_its_reason(shelf: Shelf, tmp_path: Path) -> None:
    cut = CutRule(Wanted(("span_caption",), least_s=0.1, most_s=1.2))
    expected = {"no_video_there": 1, "outside": 1, "too_long": 1, "too_short": 1}
    done = exported(shelf, tmp_path / "out", cut)
    assert done.left_out == expected and done.exported == 2
    manifest = read_manifest(Shelf(str(tmp_path)).fs, str(tmp_path / "out"))
    assert manifest and manifest.options["spans"]["samples_without"] == 3
    verify(str(tmp_path / "out"))
    foreseen = dry_run_spans(shelf, "clips", str(tmp_path / "none"), Local(), ExportOptions(), cut)
    assert (foreseen.exported, foreseen.left_out["too_long"], foreseen.kept) == (3, 1, done.kept)
    assert not (tmp_path / "none").exists()


def test_a_span_that_cannot_be_copied_is_left_or_becomes_pictures_where_that_is_asked(
    shelf: Shelf, tmp_path: Path
) -> None:
    whole = exported(shelf, tmp_path / "whole", CutRule(EVENTS))
    copies = sum(row["cut"] == "copied" for row in rows_of(tmp_path / "whole"))
    left = exported(shelf, tmp_path / "left", CutRule(EVENTS, "leave"))
    assert left.left_out == {"not_at_keyframes": whole.exported - copies} and left.exported == copies
    exported(shelf, tmp_path / "shown", CutRule(EVENTS, "frames"))
    verify(str(tmp_path / "shown"))
    shown = [sample for sample, _ in samples_of(tmp_path / "shown").values() if sample.is_document]
    assert len(shown) == whole.exported - copies
    seconds = [part.text for part in shown[0].parts if isinstance(part, Text) and part.role == "paragraph"]
    assert seconds == ["0.0 seconds"]


def test_a_dialogue_says_what_notes_say_and_a_whole_video_keeps_its_bytes(
    shelf: Shelf, clips: dict[str, Drawn], tmp_path: Path
) -> None:
    exported(shelf, tmp_path / "spans", CutRule(Wanted(("span_caption",), 1.5), forms=FORMS))
    [row] = rows_of(tmp_path / "spans")
    assert row["caption"] == row["texts"][0] == "A camera before two photographs."
    asked, told = row["texts"][1::2], row["texts"][2::2]
    assert told[:2] == ["A camera before two photographs.", "Two."] and asked[1] == "How many photographs are shown?"
    assert "An astronaut smiles" in asked[2] and "A cup stands on a table" in asked[3]
    assert "0.0" in told[2] and "0.8" in told[2] and "0.8" in told[3] and "1.6" in told[3]
    assert told[4] == "The camera pans to the left from 0.0 s to 0.8 s, then zooms in from 0.8 s to 1.6 s."
    exported(shelf, tmp_path / "late", CutRule(Wanted(("event",), 1.2), forms=("motion",)))
    [row] = rows_of(tmp_path / "late")
    assert row["texts"][1] == "The camera zooms in from 0.1 s to 0.7 s, then tilts up from 0.7 s to 1.3 s."
    exported(shelf, tmp_path / "videos", CutRule(Wanted((VIDEOS,)), forms=("motion",)))
    verify(str(tmp_path / "videos"))
    parents = keys(shelf)
    for row in rows_of(tmp_path / "videos"):
        assert row["cut"] == "whole"
        assert row["sha256"] == sha256(clips[parents[row["parent"]]].content).hexdigest()
    done = exported(shelf, tmp_path / "none", CutRule(Wanted(("shot",)), forms=("questions",)))
    assert done.exported == 0 and done.left_out == {"no_turns": 12}
    verify(str(tmp_path / "none"))


def test_what_the_source_says_of_shots_stands_and_a_detector_speaks_where_it_says_nothing(
    clips: dict[str, Drawn], tmp_path: Path
) -> None:
    said = [named(clips["film.mkv"], 0, 56, "shot", "start")]
    rows: list[dict[str, Any]] = [{"id": "told", "video": "film.mkv", NOTES_COLUMN: said}]
    rows.append({"id": "untold", "video": "late.mp4"})
    for name in ("film.mkv", "late.mp4"):
        (tmp_path / name).write_bytes(clips[name].content)
    (tmp_path / "clips.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "clips.jsonl"), Local())
    run(shelf, Recipe("cuts", Annotate(Shots())), Local())
    exported(shelf, tmp_path / "out", SHOTS)
    parents = keys(shelf)
    found = sorted((parents[row["parent"]], row["frames"]) for row in rows_of(tmp_path / "out"))
    assert found == [("told", 56), ("untold", 17), ("untold", 19), ("untold", 20)]


def test_verify_sees_a_row_that_tells_of_another_span(shelf: Shelf, tmp_path: Path) -> None:
    exported(shelf, tmp_path / "out", SHOTS)
    [table] = (tmp_path / "out").rglob("*.parquet")
    read = pq.read_table(table)
    starts = read["start_pts"].to_pylist()
    at = read.column_names.index("start_pts")
    changed = read.set_column(at, read.schema.field("start_pts"), [[starts[0] + 1, *starts[1:]]])
    pq.write_table(changed, table)
    with pytest.raises(BadTar, match="start_pts"):
        verify(str(tmp_path / "out"))


def test_webdataset_reads_clips_with_their_dialogues(shelf: Shelf, tmp_path: Path) -> None:
    import webdataset

    exported(shelf, tmp_path / "out", CutRule(Wanted(("shot",)), forms=("motion",)))
    tars = [str(path) for path in sorted((tmp_path / "out").rglob("*.tar"))]
    found = {one["__key__"]: one for one in webdataset.WebDataset(tars, shardshuffle=False)}
    assert sorted(found) == sorted(row["key"] for row in rows_of(tmp_path / "out"))
    parts = [json.loads(one["json"])["parts"] for one in found.values()]
    assert all(
        [part["role"] for part in some if part["role"] != "caption"] == ["", "user", "assistant"] for some in parts
    )
    assert all(one["mp4"][4:8] == b"ftyp" for one in found.values())


def test_an_export_of_spans_can_be_resharded_and_ingested_again(shelf: Shelf, tmp_path: Path) -> None:
    exported(shelf, tmp_path / "out", SHOTS)
    some = [row["key"] for row in rows_of(tmp_path / "out")][::2]
    (tmp_path / "keep.txt").write_text("\n".join(some))
    main(["reshard", str(tmp_path / "out"), "--keep", str(tmp_path / "keep.txt"), "--to", str(tmp_path / "some")])
    assert verify(str(tmp_path / "some")).samples == len(some)
    again = Shelf(str(tmp_path / "again"))
    ingest(again, str(tmp_path / "out" / "train" / "mp4"), Local())
    run(again, find_recipe("whole"), Local())
    videos = [part for one in samples_of(tmp_path / "out").values() for part in one[0].parts if isinstance(part, Video)]
    assert again.catalog(again.shards()[0], ["videos"])["videos"].to_pylist() == [1] * len(videos)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--spans", "captoins"), "no time span bears a note called captoins"),
        (("--spans", "shots", "--turns", "weather"), "no dialogue is about weather"),
        (("--spans", "shots", "--span-s", "3-1"), "at least 3 s and at most 1 s"),
        (("--spans", "shots", "--recaption-share", "0.5"), "a span has no recaption"),
        (("--spans", "shots", "--span-s", "long"), "is not LEAST-MOST"),
        (("--turns", "motion"), "say which with --spans"),
    ],
)
def test_what_cannot_be_cut_is_refused_before_anything_is_written(
    shelf: Shelf, tmp_path: Path, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=r"[12]"):
        main(["export", "x", "--shelf", shelf.url, "--to", str(tmp_path / "out"), *arguments])
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
