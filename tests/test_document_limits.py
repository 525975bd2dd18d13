"""Limits of documents: what is over one fails and says so; and decisions over texts and meaning read columns alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from annotators.annotator import Annotator, Subject
from annotators.header import Header
from annotators.minhash import MinHash
from filters.embeddingdedup import EmbeddingDedup
from filters.textdedup import TextNearDedup
from pipelines.documents.extract import MOST_MIB, Extract
from pipelines.documents.pieces import Held, Pieces, to_json
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.ingest.row import Row
from pipelines.ingest.taken_apart import whole
from pipelines.recipes.recipe import Annotate, Keep, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadSample
from schemas.note import Noted
from schemas.sample import Image, Sample, Source
from schemas.vocabulary import Name

PNG = b"\x89PNG\r\n\x1a\n"


def refused(why: str) -> pytest.RaisesExc[BadSample]:
    return pytest.raises(BadSample, check=lambda bad: bad.reason == why)


def unread(*_: object) -> bytes:
    raise AssertionError("nothing of it is to be read")


def test_pictures_that_a_document_holds_may_take_so_much_together() -> None:
    big = PNG + bytes((64 << 20) - len(PNG))
    assert len(to_json(Pieces([Held(big[: 1 << 20])] * 3))) > 3 << 20
    with refused("too_large"):
        to_json(Pieces([Held(big), Held(big), Held(PNG)]))


def test_all_pictures_of_a_document_may_take_so_much_together() -> None:
    big = PNG + bytes((128 << 20) - len(PNG))
    assert len(whole(Row("page"), Pieces([Held(big)] * 4), unread).pictures) == 4
    with refused("too_large"):
        whole(Row("page"), Pieces([Held(big)] * 4 + [Held(PNG)]), unread)


def test_a_file_over_the_limit_is_not_read() -> None:
    part = Image("", (MOST_MIB << 20) + 1, "pdf")
    subject = Subject(Sample("", (part,), Source("", "vast.pdf")), "vast.pdf", (0,), {}, unread)
    with refused("too_large"):
        Extract("pdf").look(subject)


class Meaning(Annotator, frozen=True):
    """The first letter of the caption as a direction: equal letters mean the same."""

    writes: ClassVar = (Name("embedding", "list<float32>", "", "of length 1"),)

    def look(self, subject: Subject) -> Noted:
        direction = np.zeros(32)
        direction[ord(subject.sample.texts[0].text[0]) % 32] = 1
        return Noted({"embedding": direction.tolist()})


def test_near_texts_and_near_meanings_are_decided_without_media(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    said = [
        "a boat on the lake near the green hill and the old mill",
        "A boat, on the lake near the green hill and the old mill!",
        "zebras that run over the wide plain in the evening sun",
        "zinc and tin are melted together in the smallest of the ovens",
        "birds of the harbour sleep on the masts of the ships",
    ]
    (tmp_path / "source").mkdir()
    for n, text in enumerate(said):
        (tmp_path / "source" / f"{n}.jpg").write_bytes(picture(n))
        (tmp_path / "source" / f"{n}.txt").write_text(text)
    shelf = Shelf(str(tmp_path / "shelf"))
    ingest(shelf, str(tmp_path / "source"), Local())
    noted = (Annotate(Header()), Annotate(MinHash(words=2)), Annotate(Meaning()))
    assert run(shelf, Recipe("noted", *noted), Local())["kept"] == 5
    shutil.rmtree(shelf.path("media"))
    assert run(shelf, Recipe("texts", *noted, Keep(TextNearDedup())), Local())["dropped"] == 1
    assert run(shelf, Recipe("meanings", *noted, Keep(EmbeddingDedup())), Local())["dropped"] == 2
