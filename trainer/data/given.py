"""What is given to train on: exports with their weights, and how samples become documents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from schemas.errors import BadInput
from trainer.data.choose import Chosen, choose
from trainer.data.export_index import Export, open_export
from trainer.data.lengths import Progress, count_lengths
from trainer.data.mix import unmixed, weights_of_parts
from trainer.data.own_tokens import tokens_of
from trainer.documents.encoding import encoding_of
from trainer.model.presets import preset
from trainer.needs import need

if TYPE_CHECKING:
    from trainer.documents.codec import Codec

_WEIGHTED = re.compile(r"(?P<url>.+)=(?P<weight>[0-9]+)")


class Given(Struct, frozen=True):
    """Exports by URL, each with `=WEIGHT` behind it or none; a split; a preset's name; a tokenizer's path, if any; the
    most merged tokens of a picture and of a clip, 0 for the preset's; kinds that are left out; and weights of a mix's
    parts, `PART=WEIGHT`, in place of its own."""

    data: tuple[str, ...]
    split: str = "train"
    preset: str = "tiny"
    tokenizer: str = ""
    picture_tokens: int = 0
    clip_tokens: int = 0
    without: tuple[str, ...] = ()
    mix: tuple[str, ...] = ()


def exports_of(given: Given) -> tuple[list[Export], list[int]]:
    """Open the exports and return them with their weights, 0 where none is given; a mix is its parts.

    Raises BadInput.
    """
    opened, weights = list[Export](), list[int]()
    for one in given.data:
        weighted = _WEIGHTED.fullmatch(one)
        opened.append(open_export(weighted["url"] if weighted else one, given.split))
        weights.append(int(weighted["weight"]) if weighted else 0)
        if weighted and not weights[-1]:
            raise BadInput("a weight of 0", where=one, remedy="leave it out, or give a whole number from 1 on")
    if any(weights) and not all(weights):
        raise BadInput(
            "some exports have a weight and some have none",
            where=given.data[weights.index(0)],
            remedy="give each a weight, as in --data DIR=3, or none: then each weighs as many as its samples",
        )
    return unmixed(opened, weights, weights_of_parts(given.mix))


def codec_of(given: Given, exports: Sequence[Export]) -> Codec:
    """Return the codec; raises BadInput where a package for it is not here."""
    need("av", "PIL", "tokenizers")
    from trainer.documents.clip_frames import ClipRule
    from trainer.documents.codec import Codec
    from trainer.documents.picture import PictureRule

    of = preset(given.preset)
    picture = PictureRule(most_tokens=given.picture_tokens or of.picture_tokens)
    clip = ClipRule(most_tokens=given.clip_tokens or of.clip_tokens)
    return Codec(of.family, tokens_of(exports, given.tokenizer), picture, clip)


def chosen_of(
    given: Given,
    codec: Codec,
    exports: Sequence[Export],
    weights: Sequence[int],
    sequence_tokens: int,
    workers: int = 0,
    recount: bool = False,
    progress: Progress | None = None,
) -> list[Chosen]:
    """Count what is not counted yet, and return what may be trained on of each export."""
    encoding, found, seen = encoding_of(codec), list[Chosen](), set[str]()
    for export, weight in zip(exports, weights, strict=True):
        again = recount and export.root not in seen
        seen.add(export.root)
        lengths = count_lengths(export, encoding, workers, recount=again, progress=progress)
        found.append(choose(lengths, sequence_tokens, weight=weight, name=export.name, without=given.without))
    return found
