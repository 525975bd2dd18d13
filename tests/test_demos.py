"""The demos of kinds: what is planted goes with its reason, what is missing is named before anything is written."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipelines.cli import VERBS
from pipelines.commands.demo import demo
from pipelines.demos.all import DEMOS

PLANTED = {
    "documents": {"frames_alone", "other_language", "exact_duplicate", "album", "document_too_short"},
    "instructions": {
        *("no_last_answer", "unknown_role", "unreadable_header", "other_language", "repeats_itself"),
        "near_duplicate_text",
    },
    "text": {"near_duplicate_text", "too_few_letters"},
    "video": {"unknown_format", "unreadable_container", "exact_duplicate", "black"},
}
TOLD = {
    "documents": ("advertisement", "qr_code", "repeated_picture", "side_too_short", "unreadable_header"),
    "instructions": ("dropped by pictures_readable: unreadable_header",),
    "text": ("dropped by text_near_dedup: near_duplicate_text",),
    "video": ("shot_begins [start, cut, fade]",),
}


@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_what_is_planted_goes_with_its_reason_and_the_rest_is_exported(kind: str, tmp_path: Path) -> None:
    for module in DEMOS[kind].modules:
        pytest.importorskip(module)
    DEMOS[kind].write(str(tmp_path))
    said: dict[str, str] = {}
    for arguments in DEMOS[kind].command_lines(str(tmp_path)):
        [verb] = (verb for verb in VERBS if verb.name == arguments[0])
        ended = CliRunner().invoke(verb, arguments[1:])
        assert ended.exit_code == 0, f"{arguments}: {ended.output} {ended.exception}"
        said[arguments[0]] = ended.output
    sums = re.search(r"(\d+) in = (\d+) kept \+ (\d+) dropped \+ (\d+) failed", said["funnel"])
    assert sums and int(sums[1]) == sum(int(one) for one in sums.groups()[1:]) and int(sums[2]) >= 6
    reasons = set(re.findall(r"\b([a-z_0-9]+) \d+(?:,|\s*$)", said["funnel"], re.MULTILINE))
    assert PLANTED[kind] <= reasons, said["funnel"]
    assert all(one in said.get("sql", "") + said["why"] for one in TOLD[kind])
    assert "is whole" in said["verify"] and (tmp_path / "browse.html").stat().st_size > 10_000
    assert (tmp_path / "sheet.html").read_text().count("<article>") == 6


def test_an_unknown_kind_and_a_missing_extra_are_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ["--to", str(tmp_path / "demo")]
    unknown = CliRunner().invoke(demo, ["document", *where])
    assert unknown.exit_code == 2 and "captions, documents, instructions, text, video, train" in unknown.output
    monkeypatch.setitem(sys.modules, "decord", None)
    missing = CliRunner().invoke(demo, ["video", *where])
    assert "the demo of video needs decord, which is not here" in str(missing.exception)
    assert "pip install 'ostraka[video]'" in str(missing.exception)
    assert not (tmp_path / "demo").exists()
