"""Prose: what is measured of a text, and what Gopher's and C4's rules say of it, beside datatrove's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.prose import c4, count_sentences, learnt_text, quality, repetition
from filters.columns import one_row
from filters.filter import KEEP
from filters.prose import C4Quality, GopherQuality, GopherRepetition
from schemas.sample import Sample, Source, Text

Rule = GopherQuality | GopherRepetition | C4Quality

OURS = {
    "too_few_words": "gopher_short_doc",
    "too_many_words": "gopher_long_doc",
    "short_words": "gopher_below_avg_threshold",
    "long_words": "gopher_above_avg_threshold",
    "too_many_hashes": "gopher_too_many_hashes",
    "too_many_ellipses": "gopher_too_many_ellipsis",
    "too_many_bullets": "gopher_too_many_bullets",
    "too_many_broken_lines": "gopher_too_many_end_ellipsis",
    "too_few_letters": "gopher_below_alpha_threshold",
    "too_few_stop_words": "gopher_enough_stop_words",
    "repeated_lines": "dup_line_frac",
    "repeated_paragraphs": "dup_para_frac",
    "repeated_line_chars": "dup_line_char_frac",
    "repeated_paragraph_chars": "dup_para_char_frac",
    **{f"frequent_{n}_words": f"top_{n}_gram" for n in (2, 3, 4)},
    **{f"repeated_{n}_words": f"duplicated_{n}_n_grams" for n in range(5, 11)},
    "lorem_ipsum": "lorem_ipsum",
    "curly_bracket": "curly_bracket",
    "too_few_sentences": "too_few_sentences",
}


@cache
def measured(text: str) -> dict[str, Any]:
    words = text.split()
    return {**quality(text, words), "prose_repeated": repetition(text, words), **c4(text)}


def verdict(rule: Rule, text: str) -> str:
    found = rule.judge_columns(one_row({name: measured(text)[name] for name in rule.reads}))
    return "" if found.reason[0] == KEEP else rule.reasons[int(found.reason[0])]


@cache
def peers() -> dict[type, Callable[[str], str]]:
    """Return what datatrove says of a text by each rule, with our words and sentences in place of a tokenizer's."""
    pytest.importorskip("datatrove", reason="no datatrove")
    from datatrove.data import Document
    from datatrove.pipeline.filters import C4QualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Spaces(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

        def sent_tokenize(self, text: str) -> list[str]:
            return [text[a:b] for a, b in self.span_tokenize(text)]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(at, at + 1) for at in range(count_sentences(text))]

    def asked(peer: Any) -> Callable[[str], str]:
        def say(text: str) -> str:
            said = peer.filter(Document(text, "0"))
            return "" if said is True else said[1]

        return say

    tokens: Any = Spaces()
    return {
        GopherQuality: asked(GopherQualityFilter(language=tokens)),
        GopherRepetition: asked(GopherRepetitionFilter(language=tokens)),
        C4Quality: asked(C4QualityFilter(language=tokens)),
    }


@pytest.fixture(scope="module")
def texts(data: Path) -> list[str]:
    """Pages with their tags, clean articles, receipts, LaTeX, book chapters and questions: texts of every kind."""
    found = [
        "interleaved/readability_pages/**/*.html",
        "ocr/**/*.md",
        "ocr/sroie/box/*.csv",
        "ocr/latex_arxiv/**/*.tex",
    ]
    paths = [path for pattern in found for path in sorted(data.glob(pattern))[:25]]
    paths += [*sorted(data.glob("interleaved/gimp_manual_en/**/*.html"))[:25], *sorted(data.glob("**/*.cnxml"))[:25]]
    questions = (data / "instruct/gsm8k/train.jsonl").read_text().splitlines()[:100]
    return [text for text in [*(path.read_text(errors="replace") for path in paths), *questions] if text.split()]


@pytest.mark.parametrize("rule", [GopherQuality(), GopherRepetition(), C4Quality()], ids=lambda rule: rule.name)
def test_on_real_texts_a_rule_says_what_datatrove_says(rule: Rule, texts: list[str]) -> None:
    """Of several rules that a text breaks datatrove names another first; what is punctuation it sees otherwise."""
    said = [(verdict(rule, text), peers()[type(rule)](text), text) for text in texts]
    apart = [text for ours, theirs, text in said if bool(ours) != bool(theirs)]
    assert all(abs(measured(text)["prose_word_chars"] - 10) < 0.1 for text in apart) and len(apart) <= 2
    if not isinstance(rule, GopherRepetition):
        assert all(OURS[ours] == theirs for ours, theirs, _ in said if ours and theirs)
    assert len({ours for ours, _, _ in said}) > 2


PROSE = "The ships that have to sail with the tide wait for the wind of the evening. "
BREAKS = {
    "too_few_words": PROSE * 3,
    "short_words": "a b c of the " * 12,
    "long_words": "the incomprehensibilities of intercommunications " * 20,
    "too_many_hashes": PROSE * 4 + "#tag " * 12,
    "too_many_ellipses": PROSE * 4 + "so... " * 12,
    "too_many_bullets": "- the boats of the harbour\n" * 20,
    "too_many_broken_lines": "the boats of the harbour that have to wait for the wind…\n" * 20,
    "too_few_letters": PROSE * 4 + "1234 " * 30,
    "too_few_stop_words": "ships sail harbours evening wind tide " * 10,
}


@pytest.mark.parametrize("reason", [*BREAKS])
def test_each_rule_of_quality_is_broken_by_what_it_is_about(reason: str) -> None:
    assert verdict(GopherQuality(), BREAKS[reason]) == reason
    assert peers()[GopherQuality](BREAKS[reason]) == OURS[reason]


WORDS = st.lists(st.sampled_from(["one", "two", "sea"]) | st.text("abc.", min_size=1, max_size=3), max_size=60)


@given(words=WORDS, breaks=st.lists(st.sampled_from([" ", "\n", "\n\n"]), min_size=60, max_size=60))
def test_repetition_is_datatroves_on_drawn_texts(words: list[str], breaks: list[str]) -> None:
    text = "".join(word + mark for word, mark in zip(words, breaks, strict=False)).strip()
    if not text:
        return
    assert bool(verdict(GopherRepetition(), text)) == bool(peers()[GopherRepetition](text))


def test_what_is_measured_of_a_small_text_by_hand() -> None:
    """Counted with a pencil: 3 lines of which one again, 24 characters; "a b" four times of the 2-grams."""
    text = "a b a b.\na b a b.\n# c..."
    found = repetition(text, text.split())
    assert found[:4] == [1 / 3, 0.0, 8 / 24, 0.0]
    assert found[4] == 2 * 3 / 24 * 1
    assert quality(text, text.split())["prose_hashes"] == 1 / 10
    lines = [
        "A cat sat.[1] And it ran! Here are",
        "no ends here",
        "It goes on and on...",
        "Two words.",
        "We use cookies.",
    ]
    assert c4("\n".join(lines))["c4_sentences"] == 0
    assert c4('He said "so be it."\nShe left at 5 p.m. and came back.')["c4_sentences"] == 3


def test_of_a_dialogue_the_answers_are_learnt_and_of_others_all_but_asides() -> None:
    talk = [("user", "Q"), ("think", "T"), ("assistant", "A"), ("user", "R"), ("assistant", "B")]
    page = [("text", "P"), ("alt", "X"), ("caption", "C")]
    made = [Sample("0" * 32, tuple(Text(t, role) for role, t in one), Source("d", "r")) for one in (talk, page)]
    assert [learnt_text(sample) for sample in made] == ["A\n\nB", "P\n\nC"]
