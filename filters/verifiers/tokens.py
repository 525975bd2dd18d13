"""Marks of mathematics, in LaTeX or as typed: a text becomes a list of tokens, or nothing where it is prose.

Both ways of writing meet here: `\\frac{1}{2}`, `1/2` and `½` lie in one grammar. Letters in a row are a function, a
Greek letter, or a product of variables that the reference has; other words make a text no mathematics, so that
"seven" is never read as s e v e n.
"""

from __future__ import annotations

import re

from msgspec import Struct

FUNCTIONS = frozenset((
    "sin", "cos", "tan", "sec", "csc", "cot", "arcsin", "arccos", "arctan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "log", "ln", "lg", "exp", "sqrt", "abs"
))  # fmt: skip
GREEK = frozenset((
    "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "kappa",
    "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "phi", "varphi", "chi", "psi", "omega", "Gamma", "Delta",
    "Theta", "Lambda", "Sigma", "Phi", "Psi", "Omega"
))  # fmt: skip
_UNICODE = {
    "−": "-", "–": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "π": r"\pi ", "√": r"\sqrt ", "∞": r"\infty ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "±": r"\pm ", "∪": r"\cup ", "∈": r"\in ", "°": r"^\circ ", "²": "^2",
    "³": "^3", "½": r"\frac12 ", "¼": r"\frac14 ", "¾": r"\frac34 ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ",
    "λ": r"\lambda ", "ω": r"\omega ", "∅": r"\emptyset ", "′": "'",
}  # fmt: skip
_SAME = {
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac", r"\times": "*", r"\cdot": "*", r"\ast": "*",
    r"\div": "/", r"\leq": r"\le", r"\geq": r"\ge", r"\neq": r"\ne", r"\lt": "<", r"\gt": ">", r"\lvert": "|",
    r"\rvert": "|", r"\vert": "|", r"\mid": "|", r"\|": "|", r"\lbrace": r"\{", r"\rbrace": r"\}", r"\%": "%",
    r"\varnothing": r"\emptyset", r"\degree": r"^\circ", "**": "^", r"\dbinom": r"\binom", r"\tbinom": r"\binom",
}  # fmt: skip
_DROPPED = re.compile(
    r"\\(?:left|right|displaystyle|textstyle|limits|big|Big|bigg|Bigg|bigl|bigr)(?![A-Za-z])|\\[,;:! ]|\\quad|\\qquad"
    r"|\\\$|\$|~|\\[(\[](?=.)|\\[)\]]"
)
_THOUSANDS = re.compile(r"\{,\}|,\\!\s?(?=[0-9]{3})")
_TOKEN = re.compile(
    r"""(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3}(?![0-9A-Za-z]))?
        |\.[0-9]+)
    |(?P<command>\\(?:text|mathrm|mathbf|mathit|operatorname|textbf|mbox)\s?\{(?P<words>[^{}]*)\}
        |\\(?:begin|end)\{[a-z]*matrix\}|\\[A-Za-z]+|\\[{}|%])
    |(?P<letters>[A-Za-z]+)
    |(?P<mark>\*\*|[-+*/^_!=<>(){}\[\]|,;:&%'])
    |(?P<space>\s+)""",
    re.VERBOSE,
)


class Token(Struct, frozen=True):
    """A mark: its kind (number, name, letter, mark), its text, and whether a space stands before it."""

    kind: str
    text: str
    spaced: bool = False


def tokens(text: str, variables: frozenset[str] | None) -> list[Token] | None:
    """Return the tokens of a text, None where it is no mathematics; `variables` None takes any letter for one."""
    for mark, plain in _UNICODE.items():
        text = text.replace(mark, plain)
    text = _DROPPED.sub("", _THOUSANDS.sub("", text).replace(r"\\", " ; "))
    found: list[Token] = []
    at, spaced = 0, False
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            return None
        at = match.end()
        if match["space"]:
            spaced = True
            continue
        more = _of(match, spaced, variables)
        if more is None:
            return None
        found += more
        spaced = False
    return found


def _of(match: re.Match[str], spaced: bool, variables: frozenset[str] | None) -> list[Token] | None:
    if match["number"]:
        return [Token("number", match["number"].replace(",", ""), spaced)]
    if match["letters"]:
        return _letters(match["letters"], spaced, variables)
    if match["mark"]:
        return [Token("mark", _SAME.get(match["mark"], match["mark"]), spaced)]
    if match["words"] is not None:
        words = match["words"].strip()
        return [Token("name", "or")] if words in ("or", "and") else _letters(words, spaced, variables)
    return _command(match["command"], spaced)


def _command(command: str, spaced: bool) -> list[Token]:
    command = _SAME.get(command, command)
    if command == r"^\circ":
        return [Token("mark", "^", spaced), Token("name", "circ")]
    if not command.startswith("\\") or not command[1].isalpha():
        return [Token("mark", command, spaced)]
    name = command[1:].partition("{")[0]
    return [Token("letter" if name in GREEK else "name", name, spaced)]


def _letters(word: str, spaced: bool, variables: frozenset[str] | None) -> list[Token] | None:
    if not word:
        return []
    if word in FUNCTIONS:
        return [Token("name", word, spaced)]
    if word in ("pi", "infinity", "inf", "or", "and"):
        return [Token("name", {"infinity": "infty", "inf": "infty", "and": "or"}.get(word, word), spaced)]
    if word in GREEK:
        return [Token("letter", word, spaced)]
    if not word.isascii() or not word.isalpha():
        return None
    if len(word) > 1 and (len(word) > 3 if variables is None else not variables.issuperset(word)):
        return None
    return [Token("letter", letter, spaced and at == 0) for at, letter in enumerate(word)]
