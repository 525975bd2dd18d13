"""Tokens of a text: a tokenizer in Hugging Face's form, from a file or trained here, and what it must know.

A text of a sample is only ever words: a caption that spells `<|image|>` gets the letters, not the token, else whoever
writes captions could write turns of a dialogue and pictures that are not there. A name that may stand is asked for by
name. Training makes a byte-level BPE for the tiny presets: nothing is unknown to it, and the same texts give the same
vocabulary.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from hashlib import sha256

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from schemas.errors import BadInput
from trainer.documents.special import (
    BEGIN_IMAGE,
    BEGIN_VIDEO,
    COMMON,
    END,
    END_IMAGE,
    END_VIDEO,
    IMAGE,
    OBSERVATION,
    SPECIAL,
    USER,
    VIDEO,
    SpecialIds,
)

WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Where a text is cut before pairs are merged; no merge crosses a cut."""


def _byte_letters() -> dict[str, int]:
    """Return the letter that byte-level BPE writes for each byte: its own where that can be seen, else one from 256."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + place): byte for place, byte in enumerate(unseen)}


_BYTES = _byte_letters()


class Tokens:
    """A tokenizer, handed to workers as its JSON."""

    def __init__(self, said: str, where: str = "tokenizer") -> None:
        try:
            self._tokenizer = Tokenizer.from_str(said)
        except Exception as error:  # tokenizers raises bare Exception
            raise BadInput(f"is no tokenizer: {error}", where=where, remedy="give a tokenizer.json") from None
        self.json, self.where = said, where
        self.digest = sha256(said.encode()).hexdigest()
        added = {token.content: place for place, token in self._tokenizer.get_added_tokens_decoder().items()}
        self._ids = added
        self._names = {place: content for content, place in added.items()}
        self.require(COMMON, "GLM-4.1V or GLM-4.5V")
        self._special = re.compile("|".join(re.escape(name) for name in sorted(added, key=len, reverse=True)))
        self.size = max(self._tokenizer.get_vocab_size(with_added_tokens=True), max(added.values()) + 1)

    def __reduce__(self) -> tuple[type[Tokens], tuple[str, str]]:
        return Tokens, (self.json, self.where)

    def require(self, names: Iterable[str], of: str) -> None:
        """Raise BadInput where a special name is not a token."""
        lacking = [name for name in names if name not in self._ids]
        if lacking:
            raise BadInput(f"lacks {', '.join(lacking)}", where=self.where, remedy=f"give a tokenizer of {of}")

    def id(self, name: str) -> int:
        """Return the id of a special token."""
        return self._ids[name]

    def encode(self, text: str, may_stand: frozenset[str] = frozenset()) -> list[int]:
        """Return the ids of a text; of the special names in it only those of `may_stand` become their tokens."""
        found: list[int] = []
        done = 0
        for name in self._special.finditer(text):
            found += self._words(text[done : name.start()])
            if name[0] in may_stand:
                found.append(self._ids[name[0]])
            else:
                found += self._words(name[0][:1]) + self._words(name[0][1:])
            done = name.end()
        return found + self._words(text[done:])

    def _words(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids if text else []

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids, special names and all."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def bytes_of(self, token: int) -> bytes:
        """Return what a token stands for: part of a character, it may be, which is why no text can say it.

        An id beyond the vocabulary, of which a padded embedding has some, stands for nothing.
        """
        if token in self._names:
            return self._names[token].encode()
        spelt = self._tokenizer.id_to_token(token) or ""
        return b"".join(bytes([_BYTES[one]]) if one in _BYTES else one.encode() for one in spelt)

    def ids(self) -> SpecialIds:
        """Return the ids that a model's configuration names."""
        return SpecialIds(
            end=self.id(END),
            stops=(self.id(END), self.id(USER), self.id(OBSERVATION)),
            image=self.id(IMAGE),
            video=self.id(VIDEO),
            begin_image=self.id(BEGIN_IMAGE),
            end_image=self.id(END_IMAGE),
            begin_video=self.id(BEGIN_VIDEO),
            end_video=self.id(END_VIDEO),
        )


def read_tokens(path: str) -> Tokens:
    """Read a tokenizer.json, or the folder that holds it; raises BadInput."""
    file = os.path.join(path, "tokenizer.json") if os.path.isdir(path) else path
    try:
        with open(file, encoding="utf-8") as opened:
            return Tokens(opened.read(), file)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise BadInput(f"{reason}", where=file, remedy="give a tokenizer.json, or the folder of one") from None


def train_tokens(texts: Iterable[str], size: int = 4096) -> Tokens:
    """Train a byte-level BPE of at most `size` tokens, special ones first."""
    least = len(SPECIAL) + len(pre_tokenizers.ByteLevel.alphabet())
    if size < least:
        raise BadInput(f"a vocabulary of {size}", where="tokenizer", remedy=f"bytes and special tokens take {least}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return Tokens(tokenizer.to_str())
