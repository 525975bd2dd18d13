"""A vocabulary from a shelf's texts: what a loop in Python counts, in the same order, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from math import log2
from pathlib import Path

import pytest
from click.testing import CliRunner

from annotators.concepts import Concepts, read_entries, spaced
from pipelines.commands.vocabulary import vocabulary as verb
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.shelf.shelf import Shelf
from pipelines.vocabulary import Made, Thresholds, make_vocabulary
from schemas.errors import BadInput

LETTER = re.compile(r"[^\W\d_]")


def by_hand(texts: list[str], least: Thresholds) -> tuple[int, list[str]]:
    """Return the count of words, and the entries in order."""
    words, pairs = Counter[str](), Counter[tuple[str, str]]()
    for text in texts:
        tokens = spaced(text).split()
        words.update(token for token in tokens if LETTER.search(token))
        pairs.update((x, y) for x, y in pairwise(tokens) if LETTER.search(x) and LETTER.search(y))
    total = words.total()
    found = {word: count for word, count in words.items() if count >= least.count}
    for (x, y), count in pairs.items():
        if count >= least.count and log2(total * count / (words[x] * words[y])) >= least.pmi_bits:
            found[f"{x} {y}"] = count
    return total, sorted(found, key=lambda entry: (-found[entry], entry.encode()))


@pytest.fixture
def shelf_of(tmp_path: Path) -> Callable[[list[str]], Shelf]:
    """Make a shelf of texts, a sample each."""

    def make(texts: list[str]) -> Shelf:
        with tarfile.open(tmp_path / "texts.tar", "w") as tar:
            for number, text in enumerate(texts):
                member = tarfile.TarInfo(f"{number:04d}.txt")
                member.size = len(text.encode())
                tar.addfile(member, io.BytesIO(text.encode()))
        shelf = Shelf(str(tmp_path / "shelf"))
        ingest(shelf, str(tmp_path / "texts.tar"), Local(1), dataset="made", licence="CC0-1.0")
        return shelf

    return make


TEXTS = [
    *["New York is a city, New York has towers"] * 3,
    *["a man (with a dog) in New, York"] * 4,
    *["Ice cream. Ice cream! A cone of ice-cream"] * 2,
    "Straße STRASSE straße 2012 2012 2012 -- -- --",
    "日本 日本 日本 élan Élan ÉLAN",
]


@pytest.mark.parametrize("least", [Thresholds(1, -99.0), Thresholds(3, 1.0), Thresholds(3, 3.5), Thresholds(6, 0.0)])
def test_words_and_pairs_are_those_that_a_loop_counts(
    shelf_of: Callable[[list[str]], Shelf], tmp_path: Path, least: Thresholds
) -> None:
    made = make_vocabulary(shelf_of(TEXTS), str(tmp_path / "v.txt"), least)
    words, entries = by_hand(TEXTS, least)
    assert list(read_entries(str(tmp_path / "v.txt"))) == entries
    bigrams = sum(" " in entry for entry in entries)
    assert made == Made(len(TEXTS), words, len(entries) - bigrams, bigrams, 0)


def test_marks_part_a_pair_and_numbers_are_no_words(shelf_of: Callable[[list[str]], Shelf], tmp_path: Path) -> None:
    make_vocabulary(shelf_of(TEXTS), str(tmp_path / "v.txt"), Thresholds(2, 2.0))
    entries = set(read_entries(str(tmp_path / "v.txt")))
    assert {"new york", "ice cream", "ice-cream", "strasse", "日本", "élan"} <= entries
    assert not {"2012", "--", "new ,", "city new", "cream ice", "strasse 2012"} & entries


def test_captions_of_photographs_give_what_a_loop_counts(data: Path, tmp_path: Path) -> None:
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(data / "image_caption" / "coco_mini"), Local(1))
    parts = [json.loads(one) for shard in shelf.shards() for one in shelf.catalog(shard)["parts"].to_pylist()]
    texts = [part["text"] for of_one in parts for part in of_one if part["kind"] == "text"]
    least = Thresholds(3, 4.0)
    made = make_vocabulary(shelf, str(tmp_path / "v.txt"), least, memory="200MB")
    words, entries = by_hand(texts, least)
    assert list(read_entries(str(tmp_path / "v.txt"))) == entries
    assert (made.texts, made.words) == (len(texts), words) and made.bigrams > 50 and made.unigrams > 300


def test_it_is_the_same_bytes_twice_says_its_sources_and_is_what_concepts_read(
    shelf_of: Callable[[list[str]], Shelf], tmp_path: Path
) -> None:
    shelf = shelf_of(TEXTS)
    for name in ("a.txt", "b.txt", "a.txt.gz", "b.txt.gz"):
        make_vocabulary(shelf, str(tmp_path / name), Thresholds(3, 2.0))
    plain, packed = (tmp_path / "a.txt").read_bytes(), (tmp_path / "a.txt.gz").read_bytes()
    assert plain == (tmp_path / "b.txt").read_bytes() == gzip.decompress(packed)
    assert packed == (tmp_path / "b.txt.gz").read_bytes() and packed[4:8] == bytes(4)
    assert f"# From {len(TEXTS)} samples of made, licence CC0-1.0.\n".encode() in plain
    assert str(tmp_path).encode() not in plain
    assert Concepts(str(tmp_path / "a.txt")).weights() == Concepts(str(tmp_path / "a.txt.gz")).weights()


def test_other_lists_are_added_behind_with_their_heads(shelf_of: Callable[[list[str]], Shelf], tmp_path: Path) -> None:
    (tmp_path / "also.txt").write_text("# Names, by permission of their keeper.\nEiffel Tower\nman\nAbba\n")
    (tmp_path / "more.txt").write_text("abba\nzebra\n")
    also = [str(tmp_path / "also.txt"), str(tmp_path / "more.txt")]
    shelf, least = shelf_of(TEXTS), Thresholds(4, 3.0)
    made = make_vocabulary(shelf, str(tmp_path / "v.txt"), least, also)
    assert list(read_entries(str(tmp_path / "v.txt"))) == [*by_hand(TEXTS, least)[1], "eiffel tower", "abba", "zebra"]
    assert made.added == 3
    assert "# Names, by permission of their keeper.\n" in (tmp_path / "v.txt").read_text()


def test_the_verb_writes_what_the_options_ask(shelf_of: Callable[[list[str]], Shelf], tmp_path: Path) -> None:
    shelf, path = shelf_of(TEXTS), tmp_path / "v.txt"
    arguments = ["--shelf", shelf.url, "--to", str(path), "--least-count", "4", "--bigram-pmi", "1.5"]
    ended = CliRunner().invoke(verb, arguments, catch_exceptions=False)
    assert list(read_entries(str(path))) == by_hand(TEXTS, Thresholds(4, 1.5))[1]
    assert f"--with vocabulary={path}" in ended.output


def test_what_cannot_be_made_is_refused_and_nothing_is_written(
    shelf_of: Callable[[list[str]], Shelf], tmp_path: Path
) -> None:
    path = tmp_path / "v.txt"
    with pytest.raises(BadInput, match="no samples on this shelf"):
        make_vocabulary(Shelf(str(tmp_path / "none")), str(path), Thresholds())
    shelf = shelf_of(TEXTS)
    with pytest.raises(BadInput, match="no word of 11 texts comes 999 times"):
        make_vocabulary(shelf, str(path), Thresholds(999))
    with pytest.raises(BadInput, match=r"also\.txt: the vocabulary cannot be read"):
        make_vocabulary(shelf, str(path), Thresholds(), [str(tmp_path / "also.txt")])
    assert not path.exists()
