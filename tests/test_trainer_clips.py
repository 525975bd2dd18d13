"""Clips cut at export, in the trainer: a tiny long-context stage learns from them, each slice before its second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from click.testing import CliRunner

from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions
from pipelines.export.spans.cut_shard import CutRule
from pipelines.export.spans.export import export_spans
from pipelines.export.spans.spans import Wanted
from pipelines.ingest.drawn_clips import Drawing, Drawn, Piece
from pipelines.ingest.ingest import ingest
from pipelines.ingest.manifest import NOTES_COLUMN
from pipelines.recipes.built_in import find_recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.form import read
from schemas.shard import samples
from trainer.commands.train import train
from trainer.documents import special
from trainer.documents.clip_frames import ClipRule
from trainer.documents.codec import Codec
from trainer.documents.encode import encode
from trainer.documents.length import length
from trainer.documents.tokens import train_tokens

Draw = Callable[[Drawing], Drawn]
MOVES = ("pan_left", "zoom_in", "tilt_up", "roll_clockwise")
SIZE = (96, 64)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, drawn: Draw) -> Path:
    """An export of clips of three seconds and two, cut out of videos of both, with the camera's motion as dialogue."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for number, move in enumerate(MOVES):
        pieces = (Piece(move, 30), Piece(MOVES[number - 1], 20, 1))
        clip = drawn(Drawing(f"{number}", pieces, rate=(10, 1), size=SIZE, between=2, start=5))
        (folder / f"{number}.mp4").write_bytes(clip.content)
        rows.append({"id": str(number), "video": f"{number}.mp4", NOTES_COLUMN: clip.notes})
    (folder / "clips.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    shelf = Shelf(str(folder / "shelf"))
    ingest(shelf, str(folder / "clips.jsonl"), Local())
    run(shelf, find_recipe("whole"), Local())
    cut = CutRule(Wanted(("shot",)), forms=("motion",))
    export_spans(shelf, "clips", str(folder / "out"), Local(), ExportOptions(splits={"val": 0.5}), cut)
    return folder / "out"


def test_a_slice_of_a_clip_is_followed_by_its_second_in_the_clip(clips: Path) -> None:
    codec = Codec("4.1v", train_tokens(["The camera pans 0 1 2 3 4 5 6 7 8 9"] * 9, 400), clip=ClipRule(most_tokens=60))
    seconds = set()
    for tar in clips.rglob("*.tar"):
        for _, members in samples(str(tar)):
            sample, contents = read(members)
            document = encode(sample, contents, codec)
            assert document.kind == "video"
            assert len(document.tokens_T) == length(sample, codec, contents).tokens
            seconds.add(told_after_slices(document.tokens_T.tolist(), codec))
    assert seconds == {("0", "1", "2"), ("0", "1")}, "a clip counts from its own first frame, not from its video's"


def told_after_slices(tokens: list[int], codec: Codec) -> tuple[str, ...]:
    """Return the words between the slices of a clip."""
    begin, end = (tokens.index(codec.tokens.id(name)) for name in (special.BEGIN_VIDEO, special.END_VIDEO))
    ends = [at for at in range(begin, end) if tokens[at] == codec.tokens.id(special.END_IMAGE)]
    begins = [at for at in range(ends[0], end) if tokens[at] == codec.tokens.id(special.BEGIN_IMAGE)]
    return tuple(codec.tokens.decode(tokens[one + 1 : other]) for one, other in zip(ends, [*begins, end], strict=True))


def test_a_tiny_long_context_stage_learns_from_clips(clips: Path, tmp_path: Path) -> None:
    small = ("--sequence", "256", "--batch", "2", "--steps", "8", "--rate", "0.01", "--clip-tokens", "24")
    arguments = ["long_context", "--data", str(clips), "--val", str(clips), "--to", str(tmp_path / "run"), *small]
    ended = CliRunner().invoke(train, arguments)
    assert ended.exit_code == 0, ended.output
    losses = [json.loads(line)["loss"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 8 and losses[-1] < losses[0] * 0.7
    [aside] = [json.loads(line) for line in (tmp_path / "run" / "held_out.jsonl").read_text().splitlines()]
    assert set(aside["loss_by_kind"]) == {"video"}
    assert not list(Path(f"{clips}.lengths").rglob("*.left_out.jsonl")) or all(
        not path.read_text() for path in Path(f"{clips}.lengths").rglob("*.left_out.jsonl")
    )
