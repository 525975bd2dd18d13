"""A codec: everything that decides which tokens and patches a sample becomes."""

from __future__ import annotations

from hashlib import sha256

from msgspec import Struct, json

from trainer.documents.clip_frames import ClipRule
from trainer.documents.picture import PictureRule
from trainer.documents.special import OF_FAMILY, Family
from trainer.documents.tokens import Tokens

VERSION = 1
"""Raised where the same sample would become other tokens or patches under the same values."""


class Codec(Struct, frozen=True):
    """The template's family, the tokenizer, and what pictures and clips may cost."""

    family: Family
    tokens: Tokens
    picture: PictureRule = PictureRule()
    clip: ClipRule = ClipRule()

    def __post_init__(self) -> None:
        self.tokens.require(OF_FAMILY[self.family], f"GLM-{self.family.upper()}")

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name lengths made with it; lengths of another are not to be used."""
        said = json.encode((VERSION, self.family, self.tokens.digest, self.picture, self.clip))
        return sha256(said).hexdigest()[:16]
