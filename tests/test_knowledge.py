"""The knowledge classifier: it tells books that it never saw, says what scikit-learn says, and is fitted by a verb."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from hashlib import sha256
from math import isnan
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as Picture
from PIL import ImageDraw

from annotators.annotator import Subject
from annotators.drawing_features import FEATURES, drawing_features
from annotators.knowledge import Knowledge
from annotators.knowledge_features import drawn_of
from annotators.knowledge_fit import KNOTS, STRENGTH, fit_head, least_sure, try_books
from annotators.knowledge_head import EMBEDDING, Head, Line, read_head
from annotators.knowledge_labels import LABELS, Label, read_labels
from pipelines.commands.fit import fit
from pipelines.engines.local import Local
from pipelines.ingest.ingest import ingest
from pipelines.recipes.recipe import Annotate, Recipe
from pipelines.run.run import run
from pipelines.shelf.shelf import Shelf
from schemas.errors import BadInput, Unavailable
from schemas.sample import Image, Sample, Source
from schemas.vocabulary.documents import EMBEDDINGS

BOOKS = ("openstax_astronomy", "openstax_psychology")


def encoded(picture: Picture.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


def chart(seed: int) -> bytes:
    """Axes, bars and words on white."""
    random = np.random.default_rng(seed)
    made = Picture.new("RGB", (400, 300), "white")
    pen = ImageDraw.Draw(made)
    pen.line((40, 20, 40, 260, 380, 260), fill="black", width=2)
    for at, height in enumerate(random.integers(20, 230, 6).tolist()):
        pen.rectangle((60 + 50 * at, 260 - height, 90 + 50 * at, 260), fill=(40, 90, 30 * at + 40))
        pen.text((60 + 50 * at, 270), f"{1990 + at}", fill="black")
    pen.text((120, 5), "Share of the whole, by year", fill="black")
    return encoded(made)


def subject(*pictures: bytes, notes: dict[str, Any] | None = None) -> Subject:
    parts = tuple(Image(sha256(data).hexdigest(), len(data), "png") for data in pictures)
    held, offsets = b"".join(pictures), np.cumsum([0, *map(len, pictures)]).tolist()
    return Subject(
        Sample("0" * 32, parts, Source("d", "n")), "m", offsets, notes or {}, lambda u, o, n: held[o : o + n]
    )


@pytest.fixture(scope="module")
def seen(data: Path) -> tuple[tuple[Label, ...], np.ndarray[Any, Any]]:
    """The labels that come with ostraka, and the features of their pictures."""
    labels = read_labels(LABELS)
    found = {
        sha256(held).hexdigest(): held
        for book in {label.book for label in labels}
        for path in (data / "interleaved" / book).rglob("*")
        if path.suffix in (".jpg", ".jpeg", ".png")
        for held in [path.read_bytes()]
    }
    features = [drawn_of(found[label.digest]) for label in labels]
    assert all(one is not None for one in features)
    return labels, np.array(features)


def test_a_head_tells_each_book_that_it_never_saw_and_the_second_round_is_not_below_the_first(seen: Any) -> None:
    labels, features_NF = seen
    auc = {(one.book, one.round): one.auc for one in try_books(features_NF, labels)}
    for book in BOOKS:
        assert 0.9 <= auc[book, 1] <= auc[book, 2] and auc[book, 3] >= 0.94


def test_the_head_that_is_shipped_is_the_one_of_the_labels_that_are_shipped_and_its_card_says_so(seen: Any) -> None:
    labels, features_NF = seen
    shipped, fitted = read_head(""), fit_head(features_NF, labels)
    assert shipped.labels == fitted.labels and shipped.bias == pytest.approx(fitted.bias, abs=1e-3)
    for one, other in zip(shipped.lines, fitted.lines, strict=True):
        assert one.at == pytest.approx(other.at, abs=1e-4) and one.height == pytest.approx(other.height, abs=1e-3)
    told = Path(LABELS).with_name("knowledge.md").read_text()
    shown = re.findall(r"^\| (\w+) \| (\d) \| (\d+) \| (\d+) \| (\d+) \| ([\d.]+) \|$", told, re.M)
    trials = [(t.book, t.round, t.labels, t.pictures, t.knowledge, t.auc) for t in try_books(features_NF, labels)]
    assert shipped.labels in told and len(shown) == len(trials) == 9
    for row, trial in zip(shown, trials, strict=True):
        assert (row[0], *map(int, row[1:5])) == trial[:5] and float(row[5]) == pytest.approx(trial[5], abs=0.004)


def test_a_head_says_what_scikit_learns_splines_and_regression_say() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    random = np.random.default_rng(3)
    features_NF = random.normal(size=(120, len(FEATURES)))
    features_NF[:, 4] = 7.0
    told = features_NF[:, 0] + features_NF[:, 1] ** 2 + random.normal(size=120) > 0.5
    labels = [Label(str(at), "b", "k", bool(one)) for at, one in enumerate(told)]
    head = fit_head(features_NF, labels)
    rest = np.delete(features_NF, 4, axis=1)
    theirs = make_pipeline(
        SplineTransformer(KNOTS, degree=1),
        LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=10_000, tol=1e-8),
    ).fit(rest, told)
    outside = random.normal(size=(40, len(FEATURES))) * 3
    outside[:, 4] = 7.0
    expected = theirs.predict_proba(np.delete(outside, 4, axis=1))[:, 1]
    assert [head.probability(one) for one in outside] == pytest.approx(expected.tolist(), abs=2e-4)


def test_charts_are_told_from_photographs_whatever_their_format_and_junk_is_neither(
    picture: Callable[..., bytes],
) -> None:
    drawn = [chart(n) for n in range(3)]
    jpeg = encoded(Picture.open(io.BytesIO(drawn[0])).convert("RGB"), "JPEG")
    found = Knowledge().look(subject(b"junk", *drawn, jpeg, picture(1, (300, 200)), picture(2, (300, 200))))
    junk, *values = found.values["picture_knowledge"]  # type: ignore[misc]
    assert min(values[:4]) > 0.5 > max(values[4:]) and isnan(junk)  # type: ignore[type-var, arg-type]
    assert abs(values[0] - values[3]) < 0.2  # type: ignore[operator]
    assert found.values["knowledge_value"] == max(values)  # type: ignore[type-var]
    assert Knowledge().look(subject()).values == {"picture_knowledge": [], "knowledge_value": 0.0}


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 3), (8, 8), (5000, 2)])
def test_every_size_of_picture_has_finite_features(size: tuple[int, int]) -> None:
    for colour in ("white", "black", "red"):
        found = drawing_features(Picture.new("RGB", size, colour))
        assert len(found) == len(FEATURES) and np.isfinite(found).all()


def test_a_head_on_vectors_reads_them_and_refuses_those_of_another_model(tmp_path: Path) -> None:
    head = Head(EMBEDDING, "l", 0.0, (Line("0", (-1.0, 1.0), (-2.0, 2.0)), Line("1", (0.0,), (0.0,))), "e")
    (tmp_path / "head.json").write_bytes(msgspec.json.encode(head))
    knowledge = Knowledge().given(str(tmp_path / "head.json"))
    assert knowledge.reads == (EMBEDDINGS.name,) and Knowledge().reads == ()
    found = knowledge.look(subject(b"a", b"b", notes={"embeddings": [0.5, 0.1, 0.0, 0.0]})).values
    assert found["picture_knowledge"][0] == pytest.approx(1 / (1 + np.exp(-1.0)), abs=1e-4)  # type: ignore[index]
    assert isnan(found["picture_knowledge"][1])  # type: ignore[index, arg-type]
    with pytest.raises(Unavailable, match="vectors of 3 numbers for a head of 2"):
        knowledge.look(subject(b"a", notes={"embeddings": [0.5, 0.1, 0.2]}))
    with pytest.raises(BadInput, match="reads embeddings"):
        Recipe("no model", Annotate(knowledge))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"{", "it is no head"),
        (b'{"reads":"drawing","labels":"","bias":0,"lines":[]}', "other features"),
        (
            b'{"reads":"embedding","labels":"","bias":0,"lines":[{"feature":"0","at":[1,1],"height":[0,0]}]}',
            "one of its lines is none",
        ),
    ],
)
def test_a_head_that_is_none_is_refused(tmp_path: Path, written: bytes, said: str) -> None:
    (tmp_path / "head.json").write_bytes(written)
    with pytest.raises(BadInput, match=said):
        Knowledge().given(str(tmp_path / "head.json")).weights()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "there is no label"),
        (["{"], "line 1: it is no label"),
        ([{"digest": "a", "book": "b", "kind": "k"}], "missing required field `knowledge`"),
        (
            [{"digest": "a", "book": "b", "kind": "k", "knowledge": True}] * 2,
            "line 2: this picture has a label already",
        ),
    ],
)
def test_labels_that_are_none_are_refused_by_their_line(tmp_path: Path, lines: list[Any], said: str) -> None:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (tmp_path / "labels.jsonl").write_text(text)
    with pytest.raises(BadInput, match=re.escape(said)):
        read_labels(str(tmp_path / "labels.jsonl"))


def test_what_a_head_is_least_sure_of_comes_first_whatever_the_order() -> None:
    told = {"d": 0.9, "a": 0.45, "b": 0.55, "c": 0.2}
    assert least_sure(told, 3) == [("a", 0.45), ("b", 0.55), ("c", 0.2)]
    assert least_sure(dict(reversed(told.items())), 3) == least_sure(told, 3)


@pytest.fixture
def shelf(tmp_path: Path, picture: Callable[..., bytes]) -> Shelf:
    """Twelve charts and twelve photographs of two books, of which the last four have no label."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    labels = []
    for n in range(24):
        made = chart(n) if n % 2 else picture(n, (300, 200), "PNG")
        (folder / f"{n:02d}.png").write_bytes(made)
        digest, kind = sha256(made).hexdigest(), "chart" if n % 2 else "photograph"
        labels.append(Label(digest, f"book{n // 2 % 2}", kind, bool(n % 2), 1 + n // 12))
    (tmp_path / "labels.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, labels[:20])))
    made_shelf = Shelf(str(tmp_path / "shelf"))
    ingest(made_shelf, str(folder), Local(1), dataset="made")
    return made_shelf


def fitted(tmp_path: Path, *more: str) -> Result:
    where = ["--shelf", str(tmp_path / "shelf"), "--to", str(tmp_path / "head")]
    return CliRunner().invoke(fit, ["knowledge", *where, *more])


def test_the_verb_fits_a_head_that_a_run_uses_and_names_what_to_label_next(shelf: Shelf, tmp_path: Path) -> None:
    labelled = ["--labels", str(tmp_path / "labels.jsonl"), "--next", "3"]
    done = fitted(tmp_path, *labelled)
    assert done.exit_code == 0 and done.output.count("1.000") == 4 and "fitted on 20 labels" in done.output
    asked = [json.loads(line) for line in (tmp_path / "head" / "next.jsonl").read_text().splitlines()]
    assert len(asked) == 3 and {one["file"] for one in asked} < {f"made/{n}.png" for n in range(20, 24)}
    written = {path.name: path.read_bytes() for path in (tmp_path / "head").iterdir()}
    fitted(tmp_path, *labelled)
    assert {path.name: path.read_bytes() for path in (tmp_path / "head").iterdir()} == written
    own = Recipe("own", Annotate(Knowledge())).given({"knowledge": str(tmp_path / "head" / "knowledge.json")})
    assert own.id != Recipe("own", Annotate(Knowledge())).id
    assert run(shelf, own, Local(1))["kept"] == 24


def test_labels_of_other_pictures_are_counted_or_refused(shelf: Shelf, tmp_path: Path) -> None:
    lines = (tmp_path / "labels.jsonl").read_text().splitlines()
    other = json.dumps({"digest": "f" * 64, "book": "b", "kind": "k", "knowledge": True})
    (tmp_path / "labels.jsonl").write_text("\n".join([*lines, other]))
    labelled = "--labels", str(tmp_path / "labels.jsonl")
    assert "1 label left out: the shelf has no such picture" in fitted(tmp_path, *labelled).output
    (tmp_path / "labels.jsonl").write_text(other)
    assert "none of the 1 labelled pictures is there" in str(fitted(tmp_path, *labelled).exception)
    (tmp_path / "labels.jsonl").write_text(lines[0])
    assert "all 1 labels say the same" in str(fitted(tmp_path, *labelled).exception)
