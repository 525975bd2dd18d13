"""Templates: a sample as pieces of text, special tokens and media, each piece a target of training or not.

A dialogue's targets are what the model must say: its answers, with their thinking, and the token that ends each, which
is the one that opens the next turn. What the template writes is none of them. Thinking of earlier turns is dropped, as
it will be when the model is asked. GLM-4.1V writes `<think>..</think><answer>..</answer>`; GLM-4.5V writes no answer
tags, and can be told not to think: `/nothink` after each question and an empty think, which is a target there, since it
is what obeying looks like. Other documents are their media and words in order, the words targets, and an end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from schemas.errors import BadSample
from schemas.form import caption_place
from schemas.kind import CAPTION_ROLES, TRANSCRIPT_ROLES, is_dialogue, one_medium_with, only
from schemas.sample import Part, Sample, Text
from trainer.documents import special
from trainer.documents.special import Family
from trainer.documents.turns import Said, turns_of

_ASIDE_ROLES = ("alt", "label")
_OPENS = {"system": special.SYSTEM, "user": special.USER, "assistant": special.ASSISTANT}


class Form(Enum):
    """What a piece is made of."""

    WORDS = "words"
    SPECIAL = "special"
    MEDIA = "media"


class Piece(NamedTuple):
    """A run of text, one special token by its name, or the picture or clip at a place among the parts."""

    form: Form
    said: str
    is_target: bool = False
    place: int = -1


def _words(text: str, is_target: bool = False) -> Piece:
    return Piece(Form.WORDS, text, is_target)


def _token(name: str, is_target: bool = False) -> Piece:
    return Piece(Form.SPECIAL, name, is_target)


def _media(place: int) -> Piece:
    return Piece(Form.MEDIA, "", place=place)


def pieces_of(sample: Sample, family: Family) -> list[Piece]:
    """Return a sample's document as pieces; raises BadSample where it has nothing to learn."""
    start = [_token(name) for name in special.START]
    if is_dialogue(sample.parts):
        return [*start, *_dialogue(turns_of(sample.parts), family)]
    pieces = list(_document(sample))
    if not any(piece.form is Form.WORDS for piece in pieces):
        raise BadSample("empty_text", "it has no words to learn")
    return [*start, *pieces, _token(special.END, is_target=True)]


def prompt_pieces(turns: Sequence[Said], family: Family, *, thinks: bool = True) -> list[Piece]:
    """Return what a model is given to answer: the turns so far and the opening of its own."""
    rendered = [_token(name) for name in special.START]
    for turn in turns:
        rendered += _turn(turn, family, thinks=thinks, is_last=False)
    opening = [_token(special.ASSISTANT)]
    if family == "4.1v":
        opening.append(_words("\n"))
    elif not thinks:
        opening += [_words("\n"), _token(special.THINK), _token(special.END_THINK)]
    return [*rendered, *opening]


def _document(sample: Sample) -> Iterator[Piece]:
    media = [place for place, _ in sample.media()]
    caption = caption_place(sample.parts)
    if one_medium_with(sample, CAPTION_ROLES) and caption is not None:
        told = [sample.parts[caption]]
    elif len(media) == 1 and any(only(sample.parts, (role,)) for role in TRANSCRIPT_ROLES):
        told = [part for part in sample.parts if isinstance(part, Text)]
    else:
        yield from _in_order(sample.parts)
        return
    yield _media(media[0])
    text = "\n".join(part.text.strip() for part in told if isinstance(part, Text)).strip()
    if text:
        yield _words(text, is_target=True)


def _in_order(parts: Sequence[Part]) -> Iterator[Piece]:
    """Yield media and texts as they stand, a line's end after each text that something follows; asides are left out."""
    told = [(place, part) for place, part in enumerate(parts) if not isinstance(part, Text) or _is_told(part)]
    for count, (place, part) in enumerate(told, start=1):
        if isinstance(part, Text):
            yield _words(part.text.strip() + "\n" * (count < len(told)), is_target=True)
        else:
            yield _media(place)


def _is_told(part: Text) -> bool:
    return bool(part.text.strip()) and part.role not in _ASIDE_ROLES


def _dialogue(turns: Sequence[Said], family: Family) -> Iterator[Piece]:
    thinks = bool(turns[-1].think)
    ends_answer = False
    for count, turn in enumerate(turns, start=1):
        opening, *rest = _turn(turn, family, thinks=thinks, is_last=count == len(turns))
        yield opening._replace(is_target=ends_answer)
        yield from rest
        ends_answer = turn.role == "assistant"
    yield _token(special.USER, is_target=True)


def _turn(turn: Said, family: Family, *, thinks: bool, is_last: bool) -> list[Piece]:
    opening = _token(_OPENS[turn.role])
    if turn.role == "assistant":
        return [opening, *_answer(turn, family, thinks=thinks, is_last=is_last)]
    asked = [_media(part) if isinstance(part, int) else _words(part) for part in turn.parts]
    if turn.role == "user" and family == "4.5v" and not thinks and not _ends_so(turn):
        asked.append(_token(special.NO_THINK))
    return [opening, *_joined([_words("\n"), *asked])]


def _ends_so(turn: Said) -> bool:
    return "".join(part for part in turn.parts if isinstance(part, str)).endswith(special.NO_THINK)


def _answer(turn: Said, family: Family, *, thinks: bool, is_last: bool) -> Iterator[Piece]:
    """Yield an answer with its thinking; the newline that 4.1V's prompt ends in is the template's, not a target."""
    (text,) = (part for part in turn.parts if isinstance(part, str))
    think = turn.think if is_last else ""
    if family == "4.1v":
        yield _words("\n")
        if think:
            yield from (_token(special.THINK, True), _words(think, True), _token(special.END_THINK, True))
        in_tags = bool(turn.think)
        yield from [_token(special.ANSWER, True)] * in_tags
        yield _words(text, True)
        yield from [_token(special.END_ANSWER, True)] * in_tags
        return
    learns_think = is_last or not thinks
    yield _words("\n", learns_think)
    yield _token(special.THINK, learns_think)
    if think:
        yield _words(think, True)
    yield _token(special.END_THINK, learns_think)
    yield _words("\n" + text, True)


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces with runs of words made one, as they will be read when the whole text is tokenized at once."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and piece.form is Form.WORDS and joined[-1].form is Form.WORDS:
            joined[-1] = joined[-1]._replace(said=joined[-1].said + piece.said)
        else:
            joined.append(piece)
    return joined
