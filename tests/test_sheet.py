"""The sheet of an export: every part where it stands, whatever it says; the same samples each time."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cli import main
from pipelines.commands.export import sheet
from pipelines.engines.local import Local
from pipelines.export.export import ExportOptions
from pipelines.export.mix import export_mix
from pipelines.export.sheet import write_sheet
from pipelines.export.sheet_parts import Shown, article
from schemas.errors import BadTar
from schemas.sample import Image, Part, Sample, Source, Text


class Read(HTMLParser):
    """What a browser sees of a page: texts and pictures in order, and the elements that there are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: set[str] = set()
        self._in_part = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            self.parts.append("<picture>")
        if ("dir", "auto") in attrs and tag != "h3":
            self._in_part = True
            self.parts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("p", "pre", "h4"):
            self._in_part = False

    def handle_data(self, data: str) -> None:
        if self._in_part:
            self.parts[-1] += data


WORDS = st.text(st.sampled_from("ab<>&\"'/!- =;"), max_size=30) | st.sampled_from(
    ["</p><script>hit()</script>", "<img src=x onerror=hit()>", "&lt;", "]]>", "<!-- ", "</article>"]
)
ROLES = st.sampled_from(["paragraph", "heading", "code", "caption", "alt", "user", "assistant", "think", "<b>"])
PARTS = st.lists(st.builds(Text, WORDS, ROLES) | st.just(Image("d", 3, "jpg")), min_size=1, max_size=8)


@given(PARTS, WORDS)
def test_parts_stand_in_their_order_and_nothing_that_they_say_is_an_element(parts: list[Part], name: str) -> None:
    sample = Sample("0" * 32, tuple(parts), Source("set", name, licence=name))
    shown = {place: Shown("AAAA", 4, 3) for place, _ in sample.media()}
    seen = Read(article(sample, "train/jpg/x.tar", shown))
    assert seen.parts == [part.text if isinstance(part, Text) else "<picture>" for part in parts]
    assert seen.tags <= {"article", "header", "h3", "h4", "p", "pre", "div", "b", "figure", "img"}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, four_kinds: Any) -> Path:
    out = tmp_path_factory.mktemp("sheet") / "out"
    export_mix(four_kinds, "mixed", str(out), Local(1), ExportOptions())
    return out


def test_each_kind_has_its_samples_with_pictures_in_place_and_dialogues_as_turns(mixed: Path, tmp_path: Path) -> None:
    size_bytes, found = write_sheet(str(mixed), str(tmp_path / "a.html"), 3)
    assert found == {"caption": 3, "interleaved": 3, "instruction": 3, "text": 3}
    page = (tmp_path / "a.html").read_text()
    assert len(page.encode()) == size_bytes and "default-src 'none'" in page
    sections = dict(zip(found, page.split('<section class="')[1:], strict=True))
    document = Read(sections["interleaved"]).parts[:5]
    assert [one == "<picture>" for one in document] == [False, True, False, True, False]
    assert document[0].startswith("Words of page") and document[4] == "The end of it."
    said = Read(sections["instruction"]).parts
    questions = [place for place, one in enumerate(said) if one.startswith("Question")]
    assert len(questions) == 3 and all(said[place + 1].startswith("Answer") for place in questions)
    assert sections["instruction"].count('class="turn user"') == 3 == sections["instruction"].count("turn assistant")
    write_sheet(str(mixed), str(tmp_path / "b.html"), 3)
    assert (tmp_path / "b.html").read_text() == page
    more, fewer = (write_sheet(str(mixed), str(tmp_path / "c.html"), n, ["text"])[1]["text"] for n in (100, 1))
    assert (more, fewer) == (6, 1)


def test_what_is_no_export_or_no_kind_of_it_is_told(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, says in (
        ([str(tmp_path)], "no manifest.json"),
        ([str(mixed), "--kind", "video"], "no sample of kind video to show; it holds caption, instruction"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["sheet", *arguments, "--to", str(tmp_path / "sheet.html")])
        assert ended.value.code == 2 and says in capsys.readouterr().err
    assert CliRunner().invoke(sheet, [str(mixed), "--count", "0"]).exit_code == 2
    assert not (tmp_path / "sheet.html").exists()


def test_a_picture_that_is_not_as_it_was_written_is_told(mixed: Path, tmp_path: Path) -> None:
    [tar] = (mixed / "train" / "jpg").glob("captions-*.tar")
    whole = tar.read_bytes()
    try:
        tar.write_bytes(whole[:600] + b"\0\0\0\0" + whole[604:])
        with pytest.raises(BadTar, match="is not as its JSON states it; ostraka verify"):
            write_sheet(str(mixed), str(tmp_path / "sheet.html"), 100)
    finally:
        tar.write_bytes(whole)
