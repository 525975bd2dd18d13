"""Messages as a prompt: the tokens that training would have seen before an answer, and the patches of the pictures.

They are rendered by the trainer's own template, which a test holds to the folder's. A picture comes as a data: URL and
in no other way: a server that fetched addresses would fetch them for whoever can reach it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

import numpy as np
from msgspec import structs

from schemas.errors import BadSample
from trainer.documents import special
from trainer.documents.codec import Codec
from trainer.documents.grid import PATCH_VALUES
from trainer.documents.layout import Medium, grids_of, piece_tokens
from trainer.documents.picture import picture_patches
from trainer.documents.template import prompt_pieces
from trainer.documents.turns import Said, answer_turn
from trainer.engine.engine import Prompt
from trainer.serve.chat_request import ImagePart, Message, TextPart
from trainer.serve.refusal import Refusal

_DATA = re.compile(r"data:image/[\w.+-]+;base64,(?P<content>.*)", re.DOTALL | re.IGNORECASE)


def prompt_of(messages: Sequence[Message], codec: Codec, *, thinks: bool = True) -> Prompt:
    """Return the prompt of a chat; raises Refusal for one that cannot be answered."""
    if not thinks and codec.family == "4.1v":
        raise Refusal(400, "this model has no switch for thinking", param="chat_template_kwargs")
    if messages[-1].role == "assistant":
        raise Refusal(400, "the last message is an answer; end with a question", param="messages")
    media: dict[int, Medium] = {}
    patches = [np.zeros((0, PATCH_VALUES), np.uint8)]
    turns = list[Said]()
    for place, message in enumerate(messages):
        parts = list[str | int]()
        content = [TextPart(message.content)] if isinstance(message.content, str) else message.content
        for at, part in enumerate(content):
            if isinstance(part, TextPart):
                parts.append(part.text)
                continue
            where = f"messages[{place}].content[{at}]"
            if message.role != "user":
                raise Refusal(400, f"a picture in a message of the {message.role}; only users show some", param=where)
            parts.append(len(media))
            grid, of_picture = _picture(part, codec, where)
            media[len(media)] = grid
            patches.append(of_picture)
        turns.append(_turn(message, parts, place))
    tokens = [
        token
        for piece in prompt_pieces(turns, codec.family, thinks=thinks)
        for token in piece_tokens(piece, codec.tokens, media)
    ]
    grids = [grid for place in sorted(media) for grid in grids_of(media[place])]
    return Prompt("", np.array(tokens, np.int32), np.array(grids, np.int64).reshape(-1, 3), np.concatenate(patches))


def _turn(message: Message, parts: Sequence[str | int], place: int) -> Said:
    """Return a message as a turn; the thinking of an answer is dropped, its tags around the answer stay."""
    if message.role == "user":
        return Said("user", tuple(parts))
    text = "".join(str(part) for part in parts)
    if message.role != "assistant":
        return Said("system", (text,))
    try:
        answer = answer_turn(text, message.reasoning_content or "", place)
    except BadSample:
        raise Refusal(400, "an answer without words", param=f"messages[{place}].content") from None
    return answer if special.ANSWER in text else structs.replace(answer, think="")


def _picture(part: ImagePart, codec: Codec, where: str) -> tuple[tuple[int, int], np.ndarray]:
    found = _DATA.fullmatch(part.image_url.url)
    if not found:
        raise Refusal(
            400,
            "a picture has to come as data:image/...;base64,...; this server fetches no address and opens no file",
            param=where,
        )
    try:
        return picture_patches(base64.b64decode(found["content"], validate=True), codec.picture)
    except binascii.Error as error:
        raise Refusal(400, f"the picture is no base64: {error}", param=where) from None
    except BadSample as error:
        raise Refusal(400, f"the picture cannot be used: {error}", param=where) from None
