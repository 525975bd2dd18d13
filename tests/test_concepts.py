"""Concepts: entries found as a loop over all of them finds them, in real captions and in made text."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.annotator import Subject
from annotators.check import check
from annotators.concepts import Concepts, read_entries, spaced
from pipelines.recipes.value import annotator_id
from schemas.errors import BadInput
from schemas.sample import Sample, Source, Text

VOCABULARY = ["cat", "ice cream", "cream", "a", "new york", "york", "o'clock", "t-shirt", "straße", "naïve", "u.s."]
PIECES = [*VOCABULARY, "Cat", "ICE", "  ", "\n", " ", ",", ".", "(", "’", "s", "cathedral", "new", "STRASSE", "-"]


def no_bytes(url: str, offset: int, size_bytes: int, /) -> bytes:
    raise AssertionError("texts alone are read")


def subject(*texts: str) -> Subject:
    return Subject(Sample("0" * 32, tuple(map(Text, texts)), Source("d", "r")), "", (), {}, no_bytes)


def found(annotator: Concepts, samples: Sequence[Sequence[str]]) -> list[list[int]]:
    with annotator.open() as look:
        noted = look([subject(*texts) for texts in samples])
    for one in noted:
        check(annotator, one)
    return [one.values["concepts"] for one in noted]


def naive(entries: Sequence[str], texts: Sequence[str], fold_case: bool = True) -> list[int]:
    padded = [f" {spaced(text, fold_case=fold_case)} " for text in texts]
    return [place for place, entry in enumerate(entries) if any(f" {entry} " in text for text in padded)]


@pytest.fixture
def vocabulary(tmp_path: Path) -> str:
    path = tmp_path / "vocabulary.txt"
    path.write_text("# a head\n#\n" + "\n".join(VOCABULARY) + "\n")
    return str(path)


def captions(data: Path) -> list[list[str]]:
    coco = data / "image_caption" / "coco_mini" / "annotations"
    of_image: dict[int, list[str]] = {}
    for split in ("train2017", "val2017"):
        for one in json.loads((coco / f"captions_{split}.json").read_text())["annotations"]:
            of_image.setdefault(one["image_id"], []).append(one["caption"])
    table = pq.read_table(data / "image_caption" / "img2dataset_url_lists" / "test_1000.parquet")
    return [
        *of_image.values(),
        *([text] for text in table["caption" if "caption" in table.column_names else "TEXT"].to_pylist()),
    ]


@pytest.mark.parametrize("fold_case", [True, False])
def test_real_captions_hold_what_a_loop_over_the_entries_finds(data: Path, tmp_path: Path, fold_case: bool) -> None:
    samples = captions(data)
    words = [spaced(text, fold_case=fold_case).split() for texts in samples for text in texts]
    grams = {" ".join(one[at : at + n]) for one in words[::3] for n in (1, 2, 3) for at in range(len(one) - n + 1)}
    path = tmp_path / "grams.txt"
    path.write_text("\n".join(sorted(grams - {gram for gram in grams if gram.startswith("#")})))
    entries = read_entries(str(path), fold_case=fold_case)
    some = [texts for texts in samples if texts[0]][::12]
    got = found(Concepts(str(path), fold_case=fold_case), some)
    assert got == [naive(entries, texts, fold_case) for texts in some]
    assert len(some) > 80 and len(set().union(*got)) > 500


def test_made_texts_hold_what_a_loop_over_the_entries_finds(vocabulary: str) -> None:
    with Concepts(vocabulary).open() as look:

        @given(st.lists(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12), max_size=3))
        def check_them(made: list[list[str]]) -> None:
            for glue in ("", " "):
                texts = [glue.join(pieces) for pieces in made]
                [noted] = look([subject(*texts)])
                assert noted.values["concepts"] == naive([spaced(entry) for entry in VOCABULARY], texts)

        check_them()


@pytest.mark.parametrize(
    ("texts", "entries"),
    [
        (["A cat."], ["a", "cat"]),
        (["cathedral, concatenate"], []),
        (["Ice   CREAM, please!"], ["cream", "ice cream"]),
        (["(new york) new\tYORK"], ["new york", "york"]),
        (["the cat's t-shirt at 6 o’clock"], ["cat", "t-shirt"]),
        (["at six O'Clock"], ["o'clock"]),
        (["STRASSE in the U.S."], ["straße", "u.s."]),
        (["ice", "cream"], ["cream"]),
        ([], []),
        ([""], []),
    ],
)
def test_an_entry_is_found_as_whole_words_between_spaces(vocabulary: str, texts: list[str], entries: list[str]) -> None:
    [places] = found(Concepts(vocabulary), [texts])
    assert sorted(VOCABULARY[place] for place in places) == sorted(entries)


def test_with_case_kept_a_name_is_not_the_word(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("Apple\napple\n")
    assert found(Concepts(str(path), fold_case=False), [["Apple"], ["apple pie"], ["APPLE"]]) == [[0], [1], []]


def test_the_same_entries_are_the_same_fingerprint_and_others_another(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"

    def fingerprint(data: bytes) -> str:
        path.write_bytes(data)
        return annotator_id(Concepts(str(path)), ())

    plain = fingerprint(b"cat\ndog\n")
    assert fingerprint(gzip.compress(b"# other words about it\nCat\r\ndog", mtime=0)) == plain
    assert fingerprint(b"\xef\xbb\xbf# from a Windows editor\ncat\ndog\n") == plain
    assert len({plain, fingerprint(b"dog\ncat\n"), fingerprint(b"cat\ndog\nbird\n"), fingerprint(b"cat dog\n")}) == 4


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"# head\ncat\n\ndog\n", "v.txt, line 3: an entry is empty"),
        (b"cat\n   \n", "v.txt, line 2: an entry is empty"),
        (b"# head\ncat\ndog\nCAT\n", "v.txt, line 4: 'cat' stands in line 2 already"),
        (b"ice cream\nice  cream\n", "v.txt, line 2: 'ice cream' stands in line 1 already"),
        (b"", "v.txt: the vocabulary has no entry"),
        (b"# only a head\n", "v.txt: the vocabulary has no entry"),
        (b"cat\ncaf\xe9\n", "v.txt, line 2: not UTF-8"),
        (gzip.compress(b"cat\n" * 99, mtime=0)[:-9], "v.txt: the vocabulary cannot be read"),
        (None, "v.txt: the vocabulary cannot be read"),
    ],
)
def test_a_vocabulary_that_cannot_be_used_is_refused_by_file_and_line_before_any_work(
    tmp_path: Path, data: bytes | None, said: str
) -> None:
    path = tmp_path / "v.txt"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadInput) as error:
        annotator_id(Concepts(str(path)), ())
    assert said in str(error.value)


def test_an_entry_may_begin_with_a_hash_below_the_head(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("# head\ncat\n#1 fan\n")
    assert found(Concepts(str(path)), [["the #1 fan of a cat"]]) == [[0, 1]]


def test_the_english_vocabulary_knows_most_words_of_captions_and_carries_its_notices(data: Path) -> None:
    annotator = Concepts()
    entries = annotator.entries()
    assert len(entries) == 129_434 and entries[0] == "the"
    assert {"horses", "giraffe", "eiffel tower", "black holes", "children", "ice cream"} <= set(entries)
    samples = captions(data)
    got = found(annotator, samples)
    assert sum(map(bool, got)) > 0.95 * len(samples)
    known, words = set(entries), [word for texts in samples[:139] for text in texts for word in spaced(text).split()]
    assert sum(word in known for word in words if word.isalpha()) > 0.95 * sum(word.isalpha() for word in words)
    head = (Path(__file__).parent.parent / "annotators" / "data" / "concepts_en.txt.gz").read_bytes()
    text = gzip.decompress(head).decode()
    assert "WordNet 3.0 Copyright 2006 by Princeton University." in text and "OpenStax" in text and "CC-BY-4.0" in text
    assert len(head) < 600_000
