"""The form of a response: thinking, then an answer, with or without answer tags, and exactly one box in it.

    <think>{thinking}</think><answer>{text}<|begin_of_box|>{answer}<|end_of_box|></answer>
    <think>{thinking}</think>{text}<|begin_of_box|>{answer}<|end_of_box|>

Without thinking (`/nothink`) it is empty, or its tags are left out, since a prompt may already end with them. The
answer is what stands in the box, whatever braces or brackets that holds; a `\\boxed{}` in the answer is refused, as its
end is a matter of counting braces.
"""

from __future__ import annotations

from msgspec import Struct

from filters.verifiers.bounds import MOST_ANSWER_CHARS, MOST_RESPONSE_CHARS
from schemas.grade import TOO_COMPLEX
from schemas.response import ANSWER, ANSWER_END, BOX, BOX_END, THINK, THINK_END

_LATEX_BOX = ("\\boxed", "\\fbox")


class FormError(Exception):
    """A response has not the form that is due; its argument is the reason."""

    @property
    def reason(self) -> str:
        """The reason of the grade."""
        return str(self.args[0])


class Parted(Struct, frozen=True):
    """A response in its parts: `segment` is all of the answer."""

    thinking: str
    segment: str


def parted(response: str, thinking_due: bool) -> Parted:
    """Part a response into thinking and answer; raises FormError."""
    _need(len(response) <= MOST_RESPONSE_CHARS, TOO_COMPLEX)
    thinking, rest = _thinking(response.strip(), thinking_due)
    _need(THINK not in rest and THINK_END not in rest, "tags_broken")
    _need(ANSWER not in thinking and ANSWER_END not in thinking, "tags_broken")
    _need(BOX not in thinking and BOX_END not in thinking, "box_in_thinking")
    segment = _answer(rest.strip())
    _need(bool(segment.strip()), "no_answer")
    return Parted(thinking, segment)


def boxed(segment: str) -> str:
    """Return what stands in the one box of an answer; raises FormError."""
    begins, ends = segment.count(BOX), segment.count(BOX_END)
    _need(not any(mark in segment for mark in _LATEX_BOX), "latex_box")
    _need(begins + ends > 0, "no_box")
    _need(begins <= 1 and ends <= 1, "several_boxes")
    begin, end = segment.find(BOX), segment.find(BOX_END)
    _need(0 <= begin < end, "box_unclosed")
    answer = segment[begin + len(BOX) : end].strip()
    _need(bool(answer), "empty_box")
    _need(len(answer) <= MOST_ANSWER_CHARS, TOO_COMPLEX)
    return answer


def unboxed(segment: str) -> str:
    """Return an answer that is due without a box; raises FormError where there is one."""
    _need(BOX not in segment and BOX_END not in segment, "box_unasked")
    _need(len(segment) <= MOST_RESPONSE_CHARS, TOO_COMPLEX)
    return segment.strip()


def _need(holds: bool, reason: str) -> None:
    if not holds:
        raise FormError(reason)


def _thinking(response: str, due: bool) -> tuple[str, str]:
    if not due and THINK not in response and THINK_END not in response:
        return "", response
    _need(THINK in response, "no_thinking")
    _need(response.startswith(THINK), "text_before_thinking")
    inside, closed, rest = response[len(THINK) :].partition(THINK_END)
    _need(bool(closed), "thinking_unclosed")
    _need(THINK not in inside, "tags_broken")
    thinks = any(letter.isalnum() for letter in inside)
    _need(thinks or not due, "no_thinking")
    _need(due or not inside.strip(), "thinking_unasked")
    return inside, rest


def _answer(rest: str) -> str:
    begins, ends = rest.count(ANSWER), rest.count(ANSWER_END)
    if begins == ends == 0:
        return rest
    _need(begins == ends == 1 and rest.startswith(ANSWER), "tags_broken")
    inside, _, after = rest[len(ANSWER) :].partition(ANSWER_END)
    _need(not after.strip(), "text_after_answer")
    return inside
