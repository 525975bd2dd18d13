"""Templates: the exact text of each kind of document, its targets to the token, and words that are only words."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from schemas.errors import BadInput, BadSample
from schemas.kind import kind_of
from schemas.sample import Image, Part, Sample, Source, Text, Video
from trainer.documents import special
from trainer.documents.clip_frames import Looked
from trainer.documents.codec import Codec
from trainer.documents.layout import Medium, lay_out
from trainer.documents.special import Family
from trainer.documents.template import prompt_pieces
from trainer.documents.tokens import Tokens, read_tokens, train_tokens
from trainer.documents.turns import turns_of

TEXTS = ["What is it? A red bus on the road.\nIt is 42 metres long.", "早上好,这是一只猫。"]
TOKENS = train_tokens(TEXTS * 20, 600)

PICTURE = Image("0" * 64, 1, "jpg", 112, 112)
OTHER = Image("1" * 64, 1, "jpg", 56, 112)
CLIP = Video("2" * 64, 1, "mp4", 2.0)
MEDIA: dict[type, Medium] = {Image: (4, 4), Video: Looked((0, 5, 10, 15), (2, 2), (0, 1))}
IMG = "<|begin_of_image|>" + "<|image|>" * 4 + "<|end_of_image|>"
SLICE = "<|begin_of_image|><|image|><|end_of_image|>"
VID = f"<|begin_of_video|>{SLICE}0{SLICE}1<|end_of_video|>"


def sample(*parts: Part) -> Sample:
    return Sample("0" * 32, parts, Source("made", "1"))


def says(role: str, text: str) -> Text:
    return Text(text, role)


def rendered(family: Family, *parts: Part) -> str:
    """Return a document's text with its targets between « and »."""
    one = sample(*parts)
    laid = lay_out(one, Codec(family, TOKENS), {place: MEDIA[type(part)] for place, part in one.media()})
    text, inside = "", False
    for token, is_target in zip(laid.tokens_T.tolist(), laid.is_target_T.tolist(), strict=True):
        if is_target != inside:
            text += "«" if is_target else "»"
            inside = is_target
        text += TOKENS.decode([token])
    return text + "»" * inside


QUESTION = (PICTURE, says("user", "What is it?"))


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((PICTURE, says("caption", " A red bus. ")), f"[gMASK]<sop>{IMG}«A red bus.<|endoftext|>»"),
        ((says("caption", "A red bus."), PICTURE), f"[gMASK]<sop>{IMG}«A red bus.<|endoftext|>»"),
        (
            (PICTURE, says("label", "bus"), says("caption", "A red bus."), says("caption", "A road.")),
            f"[gMASK]<sop>{IMG}«A red bus.<|endoftext|>»",
        ),
        ((CLIP, says("caption", "A bus.")), f"[gMASK]<sop>{VID}«A bus.<|endoftext|>»"),
        ((PICTURE, says("ocr", "road"), says("ocr", "42")), f"[gMASK]<sop>{IMG}«road\n42<|endoftext|>»"),
        ((says("text", "A road."), says("text", "42.")), "[gMASK]<sop>«A road.\n42.<|endoftext|>»"),
        (
            (says("text", "One."), PICTURE, OTHER, says("alt", "aside"), says("text", "Two.")),
            f"[gMASK]<sop>«One.\n»{IMG}{IMG}«Two.<|endoftext|>»",
        ),
    ],
)
def test_documents(parts: tuple[Part, ...], text: str) -> None:
    assert rendered("4.1v", *parts) == text
    assert rendered("4.5v", *parts) == text


@pytest.mark.parametrize(
    ("family", "parts", "text"),
    [
        (
            "4.1v",
            (*QUESTION, says("assistant", "A bus.")),
            f"[gMASK]<sop><|user|>\n{IMG}What is it?<|assistant|>\n«A bus.<|user|>»",
        ),
        (
            "4.1v",
            (says("system", "Be short."), *QUESTION, says("think", "Red."), says("assistant", "A bus.")),
            f"[gMASK]<sop><|system|>\nBe short.<|user|>\n{IMG}What is it?<|assistant|>\n"
            "«<think>Red.</think><answer>A bus.</answer><|user|>»",
        ),
        (
            "4.5v",
            (*QUESTION, says("think", "Red."), says("assistant", "A bus.")),
            f"[gMASK]<sop><|user|>\n{IMG}What is it?<|assistant|>«\n<think>Red.</think>\nA bus.<|user|>»",
        ),
        (
            "4.5v",
            (*QUESTION, says("think", ""), says("assistant", "A bus.")),
            f"[gMASK]<sop><|user|>\n{IMG}What is it?/nothink<|assistant|>«\n<think></think>\nA bus.<|user|>»",
        ),
        (
            "4.5v",
            (says("user", "What?/nothink"), says("assistant", "A bus.")),
            "[gMASK]<sop><|user|>\nWhat?/nothink<|assistant|>«\n<think></think>\nA bus.<|user|>»",
        ),
    ],
)
def test_dialogues(family: Family, parts: tuple[Part, ...], text: str) -> None:
    assert rendered(family, *parts) == text


TWO_TURNS = (
    *QUESTION,
    says("think", "Red."),
    says("assistant", "A bus."),
    says("user", "How long?"),
    says("think", "Long."),
    says("assistant", "42."),
)


def test_history_drops_its_thinking_and_keeps_its_answers_as_targets() -> None:
    assert rendered("4.1v", *TWO_TURNS) == (
        f"[gMASK]<sop><|user|>\n{IMG}What is it?<|assistant|>\n«<answer>A bus.</answer><|user|>»\nHow long?"
        "<|assistant|>\n«<think>Long.</think><answer>42.</answer><|user|>»"
    )
    assert rendered("4.5v", *TWO_TURNS) == (
        f"[gMASK]<sop><|user|>\n{IMG}What is it?<|assistant|>\n<think></think>«\nA bus.<|user|>»\nHow long?"
        "<|assistant|>«\n<think>Long.</think>\n42.<|user|>»"
    )


def test_every_question_of_a_dialogue_without_thinking_says_so() -> None:
    parts = (says("user", "One?"), says("assistant", "1."), says("user", "Two?"), says("assistant", "2."))
    assert rendered("4.5v", *parts) == (
        "[gMASK]<sop><|user|>\nOne?/nothink<|assistant|>«\n<think></think>\n1.<|user|>»\nTwo?/nothink"
        "<|assistant|>«\n<think></think>\n2.<|user|>»"
    )


def test_an_answer_with_its_reasoning_in_tags_is_taken_apart() -> None:
    tagged = says("assistant", "<think>Red.</think>\n<answer>A bus.</answer>")
    told = (says("think", "Red."), says("assistant", "A bus."))
    for family in ("4.1v", "4.5v"):
        assert rendered(family, *QUESTION, tagged) == rendered(family, *QUESTION, *told)


def test_a_clip_in_a_question_is_told_slice_by_slice_with_its_seconds() -> None:
    text = rendered("4.1v", CLIP, says("user", "What?"), says("assistant", "A bus."))
    assert text == f"[gMASK]<sop><|user|>\n{VID}What?<|assistant|>\n«A bus.<|user|>»"


def test_the_page_shows_the_documents_that_are_made() -> None:
    page = (Path(__file__).parent.parent / "docs" / "reference" / "documents.md").read_text()
    thought = (*QUESTION, says("think", "Red."), says("assistant", "A bus."))
    plain = (*QUESTION, says("assistant", "A bus."))
    captioned = [
        (PICTURE, says("caption", "A red bus.")),
        (PICTURE, says("ocr", "road"), says("ocr", "42")),
        (says("text", "One."), PICTURE, PICTURE, says("text", "Two.")),
        (says("text", "A road."), says("text", "42.")),
        (CLIP, says("caption", "A bus.")),
    ]
    made = [(family, parts) for family in ("4.1v", "4.5v") for parts in (thought, plain, *captioned)]
    for family, parts in made:
        shown = rendered(family, *parts).replace(VID, "<clip>").replace(IMG, "<picture>").replace("\n", "⏎")
        assert shown in page


def test_the_prompt_is_what_training_saw_before_the_answer() -> None:
    for family in ("4.1v", "4.5v"):
        for parts in ((*QUESTION, says("assistant", "A bus.")), TWO_TURNS):
            *asked, answer = turns_of(parts)
            said = "".join(piece.said for piece in prompt_pieces(asked, family, thinks=bool(answer.think)))
            whole = rendered(family, *parts).replace("«", "").replace("»", "").replace(IMG, "")
            assert whole.startswith(said)


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ((PICTURE, says("recaption", "A bus.")), "caption"),
        ((CLIP, says("caption", "A bus.")), "video"),
        ((CLIP, says("user", "What?"), says("assistant", "A bus.")), "video"),
        ((PICTURE, says("ocr", "A")), "ocr"),
        ((PICTURE, says("grounding", "A")), "grounding"),
        ((says("text", "A"),), "text"),
        ((says("text", "A"), PICTURE), "interleaved"),
        ((PICTURE, OTHER, says("caption", "A")), "interleaved"),
        ((*QUESTION, says("assistant", "A")), "instruction"),
        ((*QUESTION, says("think", ""), says("assistant", "A")), "instruction"),
        ((*QUESTION, says("think", "B"), says("assistant", "A")), "cot"),
    ],
)
def test_kinds(parts: tuple[Part, ...], kind: str) -> None:
    assert kind_of(sample(*parts)) == kind


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((PICTURE,), "empty_text"),
        ((PICTURE, says("caption", "  ")), "empty_text"),
        ((PICTURE, OTHER), "empty_text"),
        ((says("user", "What?"), says("assistant", " ")), "empty_answer"),
        ((says("user", "What?"), says("assistant", "A"), says("user", "And?")), "no_answer"),
    ],
)
def test_a_sample_with_nothing_to_learn_fails_alone(parts: tuple[Part, ...], reason: str) -> None:
    with pytest.raises(BadSample, match=reason):
        rendered("4.1v", *parts)


def test_words_that_spell_special_names_stay_words() -> None:
    spelled = "see <|image|> and <|assistant|> or <think>"
    one = sample(PICTURE, says("caption", spelled))
    laid = lay_out(one, Codec("4.1v", TOKENS), {0: (4, 4)})
    for name, times in ((special.IMAGE, 4), (special.ASSISTANT, 0), (special.THINK, 0)):
        assert laid.tokens_T.tolist().count(TOKENS.id(name)) == times
    assert TOKENS.decode(TOKENS.encode(spelled)) == spelled


def test_boxes_in_an_answer_are_tokens() -> None:
    one = sample(says("user", "How long?"), says("assistant", "<|begin_of_box|>42<|end_of_box|>"))
    laid = lay_out(one, Codec("4.1v", TOKENS), {})
    assert [TOKENS.id(special.BEGIN_BOX), *TOKENS.encode("42"), TOKENS.id(special.END_BOX)] == laid.tokens_T[
        -4:-1
    ].tolist()


def test_every_special_name_is_one_token_and_stays_one_after_a_round_trip() -> None:
    again = pickle.loads(pickle.dumps(TOKENS))
    for name in special.SPECIAL:
        assert again.encode(name, frozenset(special.SPECIAL)) == [TOKENS.id(name)]
    assert again.digest == TOKENS.digest


def test_the_same_texts_train_the_same_tokens() -> None:
    assert train_tokens(TEXTS * 20, 600).digest == TOKENS.digest
    assert train_tokens(["other words entirely"] * 20, 600).digest != TOKENS.digest


@pytest.mark.parametrize("text", ["Ünïcødé 🚌", "\n\n  two  spaces\t", "早上好", "x" * 300, ""])
def test_every_text_comes_back(text: str) -> None:
    assert TOKENS.decode(TOKENS.encode(text)) == text


def test_a_tokenizer_without_the_special_names_is_refused(tmp_path: object) -> None:
    lacking = TOKENS.json.replace("<|image|>", "<|picture|>")
    with pytest.raises(BadInput, match=r"lacks <\|image\|>"):
        Tokens(lacking)
    for family, name in (("4.1v", "<answer>"), ("4.5v", "/nothink")):
        with pytest.raises(BadInput, match=rf"lacks {name}.*{family.upper()}"):
            Codec(family, Tokens(TOKENS.json.replace(name, "<another>")))
    with pytest.raises(BadInput, match="No such file"):
        read_tokens(f"{tmp_path}/tokenizer.json")
    with pytest.raises(BadInput, match="is no tokenizer"):
        Tokens("{}")
    with pytest.raises(BadInput, match="take 276"):
        train_tokens(TEXTS, 100)


def test_a_codec_is_known_by_all_that_it_decides() -> None:
    plain = Codec("4.1v", TOKENS)
    others = [Codec("4.5v", TOKENS), Codec("4.1v", train_tokens(TEXTS, 290)), Codec("4.1v", TOKENS, plain.picture)]
    assert [plain.fingerprint == other.fingerprint for other in others] == [False, False, True]
