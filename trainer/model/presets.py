"""Presets: the shapes of the models, as values; a cut is a preset with fewer layers.

`9b` is GLM-4.1V's: dense, sandwich norms, interleaved rotary pairs. `106b` is GLM-4.5V's: experts from the second layer
on, half-split pairs. `tiny` and `tiny-moe` are the same classes at a size that a CPU trains in minutes; they take their
vocabulary from the tokenizer beside them. Names of cuts: `9b-20l` keeps twenty decoder layers, `9b-20l-6t` six of the
tower's blocks too.
"""

from __future__ import annotations

import re

from msgspec import Struct, structs

from schemas.errors import BadInput
from trainer.documents.special import Family

GLM_VOCABULARY = 151_552
"""Rows of the embedding; the tokenizer's ids end a little below."""


class Experts(Struct, frozen=True):
    """The mixture in a decoder's layers after the first `dense_layers`."""

    routed: int
    per_token: int
    shared: int
    ffn: int
    dense_layers: int = 1


class Decoder(Struct, frozen=True):
    """The language model; `rope_sections` share the rotary frequencies out to time, height and width."""

    layers: int
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    positions: int
    rope_sections: tuple[int, int, int]
    experts: Experts | None = None


class Tower(Struct, frozen=True):
    """The vision tower; its blocks' feed-forward is as wide as the decoder, its merger as `merger_ffn`."""

    blocks: int
    hidden: int
    heads: int
    merger_ffn: int
    image_px: int = 336
    """The picture size whose grid the learned positions cover."""


class Preset(Struct, frozen=True):
    """One model's shape and how its weights are drawn."""

    name: str
    family: Family
    decoder: Decoder
    tower: Tower
    initial_spread: float = 0.02
    place_spread: float = 0.0
    """How the tower's learned positions are drawn where not as wide as all else: where they are small beside what is
    seen, hardly anything of a place reaches the decoder: of `tiny`, 0.6 % of the variance of what it is given of a
    picture, in place of 30 % (docs/experiments/places.md)."""
    picture_tokens: int = 6_144
    """Most merged tokens of a picture."""
    clip_tokens: int = 30_000
    """Most merged tokens of a clip, over all its slices."""


def _9b() -> Preset:
    decoder = Decoder(
        layers=40,
        hidden=4096,
        ffn=13_696,
        heads=32,
        kv_heads=2,
        head_dim=128,
        vocabulary=GLM_VOCABULARY,
        positions=65_536,
        rope_sections=(8, 12, 12),
    )
    return Preset("9b", "4.1v", decoder, Tower(blocks=24, hidden=1536, heads=12, merger_ffn=13_696))


def _106b() -> Preset:
    decoder = Decoder(
        layers=46,
        hidden=4096,
        ffn=10_944,
        heads=96,
        kv_heads=8,
        head_dim=128,
        vocabulary=GLM_VOCABULARY,
        positions=65_536,
        rope_sections=(8, 12, 12),
        experts=Experts(routed=128, per_token=8, shared=1, ffn=1408),
    )
    return Preset("106b", "4.5v", decoder, Tower(blocks=24, hidden=1536, heads=12, merger_ffn=10_944))


def _tiny() -> Preset:
    decoder = Decoder(
        layers=3,
        hidden=128,
        ffn=384,
        heads=4,
        kv_heads=2,
        head_dim=32,
        vocabulary=0,
        positions=32_768,
        rope_sections=(2, 3, 3),
    )
    tower = Tower(blocks=3, hidden=128, heads=4, merger_ffn=256, image_px=112)
    return Preset(
        "tiny", "4.1v", decoder, tower, initial_spread=0.05, place_spread=0.5, picture_tokens=64, clip_tokens=512
    )


def _tiny_moe() -> Preset:
    tiny = _tiny()
    experts = Experts(routed=8, per_token=2, shared=1, ffn=96)
    decoder = structs.replace(tiny.decoder, experts=experts)
    return structs.replace(tiny, name="tiny-moe", family="4.5v", decoder=decoder)


_MAKE = {"tiny": _tiny, "tiny-moe": _tiny_moe, "9b": _9b, "106b": _106b}
_CUT = re.compile(r"(?P<name>.+?)-(?P<layers>[1-9]\d*)l(-(?P<blocks>[1-9]\d*)t)?")


def preset(name: str) -> Preset:
    """Return the preset, or the cut of one, that `name` says; raises BadInput for another."""
    if name in _MAKE:
        return _MAKE[name]()
    if (said := _CUT.fullmatch(name)) and said["name"] in _MAKE:
        whole = _MAKE[said["name"]]()
        return cut(whole, int(said["layers"]), int(said["blocks"] or whole.tower.blocks))
    raise BadInput(
        f"there is no preset {name!r}",
        where="--preset",
        remedy=f"say one of {', '.join(_MAKE)}, or a cut such as 9b-20l (layers) or 9b-20l-6t (and the tower's blocks)",
    )


def cut(whole: Preset, layers: int, blocks: int) -> Preset:
    """Return the preset with fewer layers and blocks; raises BadInput where it has not so many."""
    for said, has, of in ((layers, whole.decoder.layers, "layers"), (blocks, whole.tower.blocks, "blocks")):
        if said > has:
            raise BadInput(f"{whole.name} has {has} {of}, not {said}", where="--preset", remedy=f"say {has} or fewer")
    return structs.replace(
        whole,
        name=f"{whole.name}-{layers}l-{blocks}t",
        decoder=structs.replace(whole.decoder, layers=layers),
        tower=structs.replace(whole.tower, blocks=blocks),
    )
