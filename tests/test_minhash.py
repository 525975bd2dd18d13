"""MinHash: golden signatures, arithmetic against Python's integers, and agreement that estimates Jaccard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from hashlib import blake2b, sha256
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from annotators.annotator import Subject
from annotators.check import check
from annotators.dialogue_minhash import DialogueMinHash
from annotators.minhash import MinHash
from annotators.minima import SHINGLE, WORD, Minima, in_words, permutations
from schemas.sample import Image, Sample, Source, Text
from schemas.vocabulary.compared import SIGNATURE_PLACES

FOX = "The quick brown fox jumps over the lazy dog."
GOLDEN = {
    FOX: ([26627, 45688, 2570], "ab060dce3ebdfd8a"),
    "Ein Straßenschild": ([64403, 14733, 22960], "1f08ef57b6b51457"),
    "雨": ([32251, 48609, 27644], "7511838c121ae1cb"),
}


def no_bytes(url: str, offset: int, size_bytes: int, /) -> bytes:
    raise AssertionError("texts alone are read")


def signed(samples: Sequence[Sequence[str]], annotator: MinHash = MinHash()) -> list[list[int]]:
    with annotator.open() as look:
        noted = look(
            [
                Subject(Sample("0" * 32, tuple(map(Text, texts)), Source("d", "r")), "", (), {}, no_bytes)
                for texts in samples
            ]
        )
    for one in noted:
        check(annotator, one)
    return [one.values["minhash"] for one in noted]


MASK = 2**64 - 1


def step(value: int, more: int, times: int) -> int:
    value = (value ^ more) * times & MASK
    return value ^ value >> 32


def by_hand(shingles: set[str], seed: int = 0) -> list[int]:
    hashes = []
    for one in shingles:
        words = [reduce(lambda x, c: step(x, ord(c), WORD), word, 0) for word in one.split()]
        hashes.append(reduce(lambda x, word: step(x, word, SHINGLE), words, seed) >> 32)
    return [min((a * h + b & MASK) >> 32 for h in hashes) & 0xFFFF for a, b in permutations()]


@pytest.mark.parametrize("text", GOLDEN)
def test_signatures_are_golden(text: str) -> None:
    [values] = signed([[text]])
    digest = sha256(np.array(values, "<u2").tobytes()).hexdigest()[:16]
    assert (values[:3], digest) == GOLDEN[text]


def test_permutations_are_all_different_and_in_range() -> None:
    drawn = permutations()
    assert len(set(drawn)) == len(drawn) == SIGNATURE_PLACES == 112
    assert all(a % 2 and 0 < a < 2**64 and 0 <= b < 2**64 for a, b in drawn)


def test_what_belongs_to_a_word_is_what_pythons_expressions_say() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert [found.span() for found in re.finditer(r"\w+", everything)] == [
        (first, last) for first, last in np.flatnonzero(np.diff(in_words(), prepend=False, append=False)).reshape(-1, 2)
    ]


@given(
    st.lists(
        st.lists(
            st.sampled_from(["cat", "Dog", "a", "b", "9", "!", "çok", ". ", "ẞ", "雨", "\ud800", "𝒳_1"]), max_size=9
        ),
        max_size=5,
    )
)
def test_a_sample_is_signed_as_by_hand_whatever_stands_beside_it(samples: list[list[str]]) -> None:
    texts = [" ".join(pieces) for pieces in samples]
    words = [[word for word in text.casefold().split() if word[0] not in "!.\ud800"] for text in texts]
    shingles = [{" ".join(one[at : at + 3]) for at in range(max(1, len(one) - 2))} if one else set() for one in words]
    assert signed([[text] for text in texts], MinHash(words=3)) == [by_hand(one) if one else [] for one in shingles]


def test_case_and_marks_and_the_cut_into_texts_make_no_difference() -> None:
    plain, *others = signed(
        [
            [FOX],
            ["THE QUICK -- brown, fox: jumps over the lazy dog"],
            ["The quick brown", "fox jumps", "over the lazy dog"],
            ["The quick brown fox jumps over the dog lazy"],
        ]
    )
    assert plain == others[0] == others[1] != others[2]


def single(texts: Sequence[str]) -> NDArray[np.uint16]:
    """Return signatures of single words."""
    return Minima(1).signatures(texts, [0] * len(texts))[0]


def test_without_words_there_is_no_signature_and_few_words_are_one_shingle() -> None:
    assert signed([[], [""], ["... !?"], ["a cat"]]) == [[], [], [], by_hand({"a cat"})]
    assert signed([["1 2 3 4 5 6"]]) == [by_hand({"1 2 3 4 5", "2 3 4 5 6"})]


def test_a_text_of_many_words_beside_short_ones_is_signed_as_by_hand() -> None:
    words = [f"w{n}" for n in range(3000)]
    long = by_hand({" ".join(words[at : at + 5]) for at in range(2996)})
    assert signed([["a b"], [" ".join(words)], ["a b"]]) == [by_hand({"a b"}), long, by_hand({"a b"})]


@pytest.mark.parametrize("shared", [10, 40, 80, 95])
def test_agreement_estimates_jaccard_within_four_sigma(shared: int) -> None:
    """Of sets of 100 shingles that share some; a place agrees by chance once in 65,536."""
    pairs = 60
    made = [[f"{pair}_{n}" for n in range(200 - shared)] for pair in range(pairs)]
    first, second = (single([" ".join(one[cut]) for one in made]) for cut in (slice(100), slice(-100, None)))
    jaccard = shared / (200 - shared)
    expected = jaccard + (1 - jaccard) / 2**16
    trials = pairs * SIGNATURE_PLACES
    assert abs((first == second).mean() - expected) < 4 * sqrt(expected * (1 - expected) / trials)


def test_texts_of_nothing_in_common_agree_by_chance_alone() -> None:
    """The low bits of a minimum are spread evenly: of 124,750 pairs, 112 x 124,750 / 65,536 = 213 places agree."""
    values = single([" ".join(f"{text}_{n}" for n in range(8)) for text in range(500)])
    agree = sum(int((values[one + 1 :] == values[one]).sum()) for one in range(500))
    expected = 112 * 124_750 / 2**16
    assert abs(agree - expected) < 4 * sqrt(expected)


def test_no_words_in_a_shingle_are_refused() -> None:
    with pytest.raises(ValueError, match="words must be 1 or more"):
        MinHash(words=0)


def test_dialogues_agree_in_words_only_where_they_show_the_same() -> None:

    def of(digests: str, text: str) -> Subject:
        parts = (*(Image(digest * 64, 1, "jpg") for digest in digests), Text(text, "user"), Text("A fox.", "assistant"))
        return Subject(Sample("0" * 32, parts, Source("d", "r")), "", (0,) * len(digests), {}, no_bytes)

    with DialogueMinHash().open() as look:
        one, same, other, swapped, none, empty = (
            noted.values["minhash"]
            for noted in look([of("ab", FOX), of("ab", FOX), of("ac", FOX), of("ba", FOX), of("", FOX), of("a", "?")])
        )
    assert one == same and len(one) == SIGNATURE_PLACES == len(empty)
    for another in (other, swapped, none):
        assert sum(a == b for a, b in zip(one, another, strict=True)) <= 1
    shown = int.from_bytes(blake2b(b"a" * 64 + b" " + b"b" * 64, digest_size=8).digest(), "big")
    words = [*FOX.lower().strip(".").split(), "a", "fox"]
    assert one == by_hand({" ".join(words[at : at + 5]) for at in range(7)}, shown)
