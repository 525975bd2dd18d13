"""MinHash: golden signatures, arithmetic against Python's integers, and agreement that estimates Jaccard."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b, sha256
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.annotator import Subject
from annotators.check import check
from annotators.dialogue_minhash import DialogueMinHash
from annotators.minhash import PRIME, MinHash, permutations, permuted, signatures
from schemas.sample import Image, Sample, Source, Text
from schemas.vocabulary import SIGNATURE_PLACES

FOX = "The quick brown fox jumps over the lazy dog."
GOLDEN = {
    FOX: ([65454, 38496, 27608], "086bf9872a237282"),
    "Ein Straßenschild": ([13922, 46701, 59286], "3dadd092437b629c"),
    "雨": ([65126, 35603, 16048], "a2659dd40433bf0f"),
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


def by_hand(shingles: set[str]) -> list[int]:
    hashes = [int.from_bytes(blake2b(one.encode(), digest_size=8).digest(), "big") >> 3 for one in shingles]
    return [min((a * h + b) % PRIME for h in hashes) & 0xFFFF for a, b in permutations()]


@pytest.mark.parametrize("text", GOLDEN)
def test_signatures_are_golden(text: str) -> None:
    [values] = signed([[text]])
    digest = sha256(np.array(values, "<u2").tobytes()).hexdigest()[:16]
    assert (values[:3], digest) == GOLDEN[text]


@given(
    st.lists(st.integers(0, 2**61 - 1) | st.sampled_from([PRIME, PRIME - 1, 2**32, 2**32 - 1]), min_size=1),
    st.integers(1, 2**32 - 1) | st.just(2**32 - 1),
    st.integers(0, PRIME - 1) | st.just(PRIME - 1),
)
def test_a_permutation_is_what_pythons_integers_say(hashes: list[int], a: int, b: int) -> None:
    assert permuted(np.array(hashes, np.uint64), a, b).tolist() == [(a * h + b) % PRIME for h in hashes]


def test_permutations_are_all_different_and_in_range() -> None:
    drawn = list(permutations())
    assert len(set(drawn)) == len(drawn) == SIGNATURE_PLACES == 112
    assert all(0 < a < 2**32 and 0 <= b < PRIME for a, b in drawn)


@given(st.lists(st.lists(st.sampled_from(["cat", "Dog", "a", "b", "9", "!", "çok", ". "]), max_size=9), max_size=5))
def test_a_sample_is_signed_as_by_hand_whatever_stands_beside_it(samples: list[list[str]]) -> None:
    texts = [" ".join(pieces) for pieces in samples]
    words = [[word for word in text.casefold().split() if word[0] not in "!."] for text in texts]
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


def test_without_words_there_is_no_signature_and_few_words_are_one_shingle() -> None:
    assert signed([[], [""], ["... !?"], ["a cat"]]) == [[], [], [], by_hand({"a cat"})]
    assert MinHash().shingles("one two three four five six") == ["one two three four five", "two three four five six"]


@pytest.mark.parametrize("shared", [10, 40, 80, 95])
def test_agreement_estimates_jaccard_within_four_sigma(shared: int) -> None:
    """Of sets of 100 shingles that share some; a place agrees by chance once in 65,536."""
    pairs = 60
    made = [[f"{pair} {n}" for n in range(200 - shared)] for pair in range(pairs)]
    first, second = signatures([one[:100] for one in made]), signatures([one[-100:] for one in made])
    jaccard = shared / (200 - shared)
    expected = jaccard + (1 - jaccard) / 2**16
    trials = pairs * SIGNATURE_PLACES
    assert abs((first == second).mean() - expected) < 4 * sqrt(expected * (1 - expected) / trials)


def test_texts_of_nothing_in_common_agree_by_chance_alone() -> None:
    """The low bits of a minimum are spread evenly: of 124,750 pairs, 112 x 124,750 / 65,536 = 213 places agree."""
    values = signatures([[f"{text} {n}" for n in range(8)] for text in range(500)])
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
