"""The marks of a response: thinking, answer, box (paper section 4.1)."""

from __future__ import annotations

THINK, THINK_END = "<think>", "</think>"
ANSWER, ANSWER_END = "<answer>", "</answer>"
BOX, BOX_END = "<|begin_of_box|>", "<|end_of_box|>"
