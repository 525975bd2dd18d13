"""Relevance of pictures to the text around them: what is compared, that it is what CLIP says, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotators.annotator import Look, Subject
from annotators.clip import BATCH, Clip
from annotators.knowledge_features import seeing
from annotators.relevance import SENTENCES, Relevance, sentences_around
from annotators.small_clip import train_small_clip
from pipelines.recipes.built_in import find_recipe
from schemas.errors import BadInput
from schemas.note import Noted
from schemas.sample import Image, Part, Sample, Source, Text

MakePicture = Callable[..., bytes]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, picture: MakePicture) -> Path:
    """A model that has hardly learnt: its scores are some numbers, and CLIP's own of the same weights are the peer."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("weights") / "small"
    train_small_clip([(picture(n), [f"the {n}th picture"]) for n in range(8)], str(folder), 3)
    return folder


@pytest.fixture(scope="module")
def look(weights: Path) -> Iterator[Look]:
    with Relevance().given(str(weights)).open() as opened:
        yield opened


def subject(*parts: bytes | str | tuple[str, str]) -> Subject:
    made: list[Part] = []
    for part in parts:
        if isinstance(part, bytes):
            made.append(Image(sha256(part).hexdigest(), len(part), "jpg"))
        else:
            made.append(Text(*part) if isinstance(part, tuple) else Text(part, "paragraph"))
    pictures = [part for part in parts if isinstance(part, bytes)]
    held, offsets = b"".join(pictures), np.cumsum([0, *map(len, pictures)]).tolist()
    sample = Sample("0" * 32, tuple(made), Source("d", "n"))
    return Subject(sample, "m", offsets, {}, lambda url, at, size: held[at : at + size])


def noted(look: Look, looked: Subject) -> dict[str, Any]:
    [found] = look([looked])
    assert isinstance(found, Noted)
    return found.values


def by_clip(weights: Path, data: bytes, text: str) -> tuple[float, list[float]]:
    with Clip().given(str(weights)).open() as opened:
        [found] = opened([subject(data, (text, "caption"))])
    assert isinstance(found, Noted)
    return found.values["clip_score"], found.values["embedding"]  # type: ignore[return-value]


def test_a_score_is_the_greatest_that_clip_gives_a_sentence_around(
    look: Look, weights: Path, picture: MakePicture
) -> None:
    said = ["A red boat on a lake", "the third picture", "Nothing of the kind!"]
    found = noted(look, subject(f"{said[0]}. {said[1]}.", picture(3), said[2]))
    scores, embeddings = zip(
        *(by_clip(weights, picture(3), text) for text in (f"{said[0]}.", f"{said[1]}.", said[2])), strict=True
    )
    assert found["picture_clip_score"] == pytest.approx([max(scores)], abs=2e-6)
    assert found["embeddings"] == pytest.approx(embeddings[0], abs=2e-6)
    assert len(set(scores)) == 3


def test_no_other_picture_or_document_changes_a_bit(look: Look, picture: MakePicture) -> None:
    alone = [noted(look, subject("Some words.", picture(n)))["picture_clip_score"][0] for n in range(BATCH + 3)]
    many = subject("Some words.", *(picture(n) for n in range(BATCH + 3)))
    assert noted(look, many)["picture_clip_score"] == alone
    both = look([subject("Other words", picture(1)), subject("Some words.", picture(0))])
    assert isinstance(both[1], Noted) and both[1].values["picture_clip_score"] == alone[:1]


def test_a_picture_that_cannot_be_decoded_or_stands_alone_has_no_score(look: Look, picture: MakePicture) -> None:
    found = noted(look, subject("Words.", b"junk", picture(1)))
    assert isnan(found["picture_clip_score"][0]) and not isnan(found["picture_clip_score"][1])
    size = len(found["embeddings"]) // 2
    assert not any(found["embeddings"][:size]) and any(found["embeddings"][size:])
    assert [str(one) for one in noted(look, subject(picture(1)))["picture_clip_score"]] == ["nan"]
    assert noted(look, subject("Words alone.")) == {"picture_clip_score": [], "embeddings": []}
    assert [str(nan)] == [str(one) for one in noted(look, subject("!!", picture(1)))["picture_clip_score"]]


def test_the_nearest_sentences_come_first_and_what_belongs_to_the_picture_before_all() -> None:
    sample = subject(
        "Far away.",
        "One. Two.\nThree",
        b"p",
        ("In short", "alt"),
        ("Its caption. It goes on.", "caption"),
        "Four? Five!",
        b"q",
        "Six.",
        "Seven.",
    ).sample
    assert sentences_around(sample, 2, 1) == [
        "In short",
        "Its caption.",
        "It goes on.",
        "Four?",
        "Five!",
        "Three",
        "Two.",
        "One.",
    ]
    assert sentences_around(sample, 2, 2)[-2:] == ["Six.", "Far away."]
    long = subject(" ".join(f"Sentence {n}." for n in range(99)), b"p").sample
    assert sentences_around(long, 1, 2) == [f"Sentence {n}." for n in range(98, 98 - SENTENCES, -1)]


def test_numbers_and_scripts_do_not_break_sentences() -> None:
    sample = subject("It is 3.14 m. 犬が走る。 猫。", b"p").sample
    assert sentences_around(sample, 1, 1) == ["犬が走る。", "It is 3.14 m."]


def test_without_weights_it_is_refused_by_its_own_name() -> None:
    with pytest.raises(BadInput, match="annotator relevance: no weights are given; give --weights relevance=PATH"):
        find_recipe("documents-clip").id
    with pytest.raises(BadInput, match="annotator relevance: device is 'tpu'"):
        Relevance(device="tpu")


def test_vectors_for_a_fit_are_those_that_a_run_notes(look: Look, weights: Path, picture: MakePicture) -> None:
    with seeing(str(weights)) as eyes:
        vector_D = eyes.features(picture(4))
        assert eyes.reads == "embedding" and eyes.features(b"junk") is None
    assert vector_D is not None
    assert noted(look, subject("Words.", picture(4)))["embeddings"] == pytest.approx(vector_D.tolist(), abs=1e-6)
