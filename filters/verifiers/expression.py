"""A reader of mathematical answers: tokens become a tree, by one grammar for LaTeX and for typed mathematics.

Its depth is bounded by that of the brackets, which are counted before, and of powers and functions, which are counted
on the way; nothing is evaluated. Why not a library: docs/adr/0019-a-reader-of-mathematics.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from filters.verifiers.bounds import MOST_DEPTH, MOST_ITEMS, TooComplexError, check_size
from filters.verifiers.tokens import FUNCTIONS, Token, tokens
from filters.verifiers.tree import Node, UnreadableError, joined, mixed, negative, number

_RELATIONS = frozenset(("=", "<", ">"))
_NAMED_RELATIONS = frozenset(("le", "ge", "ne", "in"))
_CONSTANTS = frozenset(("pi", "infty", "emptyset"))
MOST_MARKS_AFTER = 4
_CLOSE = {"(": ")", "[": "]", "{": "}", r"\{": r"\}"}
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}


def read(text: str, variables: frozenset[str] | None = None) -> Node | None:
    """Return the tree of a text, None where it is no mathematics; raises TooComplexError.

    `variables`: the letters of the reference, of which words in an answer may be a product.
    """
    check_size(text)
    found = tokens(text.strip().rstrip("."), variables)
    if not found:
        return None
    try:
        return _Reader(found).whole()
    except UnreadableError:
        return None


class _Reader:
    """Descends by precedence: list, relation, sum, product, power, atom."""

    def __init__(self, found: list[Token]) -> None:
        self.tokens, self.at, self.depth, self.bars = found, 0, 0, 0

    def whole(self) -> Node:
        node = self.listed()
        if self.at < len(self.tokens):
            raise UnreadableError
        return node

    def peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else Token("end", "")

    def take(self, *marks: str) -> bool:
        token = self.peek()
        if token.kind in ("mark", "name") and token.text in marks:
            self.at += 1
            return True
        return False

    def need(self, mark: str) -> None:
        if not self.take(mark):
            raise UnreadableError

    def listed(self) -> Node:
        items = [self.relation()]
        while self.take(",", ";", "or"):
            self.take("or")
            items.append(self.relation())
            if len(items) > MOST_ITEMS:
                raise TooComplexError
        return items[0] if len(items) == 1 else Node("list", "", tuple(items))

    def relation(self) -> Node:
        sides, signs = [self.union()], []
        while (token := self.peek()).text in (_RELATIONS if token.kind == "mark" else _NAMED_RELATIONS):
            self.at += 1
            signs.append(token.text)
            sides.append(self.union())
        return Node("relation", " ".join(signs), tuple(sides)) if signs else sides[0]

    def union(self) -> Node:
        parts = [self.ratio()]
        while self.take("cup"):
            parts.append(self.ratio())
        return Node("union", "", tuple(parts)) if len(parts) > 1 else parts[0]

    def ratio(self) -> Node:
        """3:4 is a pair and no quotient, as 4:30 is also a time, which 2:15 is not."""
        parts = [self.sum()]
        while self.take(":"):
            parts.append(self.sum())
        return Node("tuple", ":", tuple(parts)) if len(parts) > 1 else parts[0]

    def sum(self) -> Node:
        terms = [self.signed()]
        while True:
            if self.take("+"):
                terms.append(self.product())
            elif self.take("-"):
                terms.append(negative(self.product()))
            elif self.take("pm"):
                other = self.product()
                ways = (joined("sum", [*terms, other]), joined("sum", [*terms, negative(other)]))
                terms = [Node("choice", "", ways)]
            else:
                return joined("sum", terms)

    def signed(self) -> Node:
        if self.take("-"):
            return negative(self.product())
        if self.take("pm"):
            node = self.product()
            return Node("choice", "", (node, negative(node)))
        self.take("+")
        return self.product()

    def product(self) -> Node:
        factors = [self.power()]
        while True:
            if self.take("*"):
                factors.append(self.factor())
            elif self.take("/"):
                factors.append(Node("inverse", "", (self.factor(),)))
            elif self.begins_atom():
                self.beside(factors)
            else:
                return joined("product", factors)

    def factor(self) -> Node:
        if self.take("-"):
            return negative(self.power())
        return self.power()

    def beside(self, factors: list[Node]) -> None:
        """Two things side by side are multiplied; a whole number before a fraction is a mixed number."""
        token, last = self.peek(), factors[-1]
        if token.kind == "number":
            following = self.tokens[self.at + 1 : self.at + 3]
            may_mix = last.kind == "number" and "/" not in last.text and token.spaced
            if not may_mix or len(following) < 2 or following[0].text != "/" or following[1].kind != "number":
                raise UnreadableError
            self.at += 3
            factors[-1] = mixed(last, Fraction(token.text), Fraction(following[1].text))
            return
        other = self.power()
        parts = [Fraction(one.text) for one in other.below if one.kind == "number"]
        if last.kind == "number" and other.kind == "quotient" and len(parts) == 2 and parts[0] < parts[1]:
            factors[-1] = mixed(last, *parts)
        else:
            factors.append(other)

    def begins_atom(self) -> bool:
        token = self.peek()
        if token.kind in ("number", "letter"):
            return True
        if token.kind == "name":
            return token.text in FUNCTIONS or token.text in _CONSTANTS or token.text in ("frac", "binom")
        return token.text in ("(", "{", "[") or (token.text == "|" and not self.bars)

    def power(self) -> Node:
        node = self.postfix(self.atom())
        if self.take("^"):
            if self.degrees():
                return Node("degrees", "", (node,))
            node = Node("power", "", (node, self.exponent()))
        return self.postfix(node)

    def degrees(self) -> bool:
        """A small circle, in braces or not."""
        if self.peek().text == "{" and self.at + 2 < len(self.tokens) and self.tokens[self.at + 1].text == "circ":
            self.at += 2
            self.need("}")
            return True
        return self.take("circ")

    def exponent(self) -> Node:
        with self.deeper():
            if self.take("{"):
                node = self.sum()
                self.need("}")
                return node
            if self.take("-"):
                return negative(self.power())
            return self.power()

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Count the depth of what has no brackets: towers of powers, functions of functions."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise TooComplexError
        yield
        self.depth -= 1

    def postfix(self, node: Node) -> Node:
        for _ in range(MOST_MARKS_AFTER):
            if self.take("!"):
                node = Node("factorial", "", (node,))
            elif self.take("%"):
                node = Node("percent", "", (node,))
            elif self.peek().text == "_" and node.kind in ("letter", "number"):
                self.at += 1
                node = Node("letter", f"{node.text}_{self.index()}")
            else:
                return node
        raise TooComplexError

    def index(self) -> str:
        """An index is a name's part, whatever it says: x_1, 101_2."""
        if not self.take("{"):
            token = self.peek()
            self.at += 1
            return token.text
        said = []
        while not self.take("}"):
            if self.at >= len(self.tokens):
                raise UnreadableError
            said.append(self.peek().text)
            self.at += 1
        return "".join(said)

    def atom(self) -> Node:
        token = self.peek()
        self.at += 1
        if token.kind == "number":
            return number(Fraction(token.text))
        if token.kind == "letter":
            return Node("letter", token.text)
        if token.kind == "name":
            with self.deeper():
                return self.named(token.text)
        if token.text in _CLOSE:
            return self.bracketed(token.text)
        if token.text == "|":
            self.bars += 1
            with self.deeper():
                inside = self.sum()
            self.bars -= 1
            self.need("|")
            return Node("call", "abs", (inside,))
        raise UnreadableError

    def bracketed(self, opening: str) -> Node:
        if self.take(_CLOSE[opening]) and opening == r"\{":
            return Node("constant", "emptyset")
        bars, self.bars = self.bars, 0
        inside = self.listed()
        self.bars = bars
        closing = self.peek().text
        self.at += 1
        if opening in ("(", "[") and closing in (")", "]") and inside.kind == "list":
            return Node("tuple", opening + closing, inside.below)
        if closing != _CLOSE[opening]:
            raise UnreadableError
        if opening == r"\{" or (opening == "{" and inside.kind == "list"):
            return Node("set", "", inside.below if inside.kind == "list" else (inside,))
        return inside

    def named(self, name: str) -> Node:
        if name in _CONSTANTS:
            return Node("constant", name)
        if name in ("frac", "binom"):
            above, below = self.argument(), self.argument()
            return Node("quotient" if name == "frac" else "call", "" if name == "frac" else name, (above, below))
        if name == "sqrt":
            return self.root()
        if name == "begin":
            return self.matrix()
        if name in FUNCTIONS:
            return self.call(name)
        raise UnreadableError

    def argument(self) -> Node:
        """A command's argument: a group in braces, or one letter or digit."""
        if self.take("{"):
            node = self.sum()
            self.need("}")
            return node
        token = self.peek()
        if token.kind == "number" and len(token.text) > 1:
            self.tokens[self.at] = Token("number", token.text[1:])
            if not token.text.isdigit():
                raise UnreadableError
            return number(int(token.text[0]))
        return self.atom()

    def root(self) -> Node:
        degree = number(2)
        if self.take("["):
            degree = self.sum()
            self.need("]")
        inside = self.atom() if self.peek().text == "(" else self.argument_or_number()
        return Node("call", "root", (inside, degree))

    def argument_or_number(self) -> Node:
        return self.atom() if self.peek().kind == "number" and self.peek().spaced else self.argument()

    def call(self, name: str) -> Node:
        base: tuple[Node, ...] = ()
        raised = None
        if self.take("_"):
            base = (self.argument(),)
        if self.take("^"):
            raised = self.exponent()
            if raised == number(-1) or raised == negative(number(1)):
                name, raised = _INVERSE.get(name, name), None
        inside = self.called_with()
        node = Node("call", name, (inside, *base))
        return node if raised is None else Node("power", "", (node, raised))

    def called_with(self) -> Node:
        if self.peek().text in ("(", "{", "|"):
            return self.postfix(self.atom())
        factors = [negative(self.power()) if self.take("-") else self.power()]
        while self.begins_atom() and self.peek().kind in ("number", "letter", "name") and not self.is_function():
            self.beside(factors)
        return joined("product", factors)

    def is_function(self) -> bool:
        return self.peek().kind == "name" and self.peek().text in FUNCTIONS

    def matrix(self) -> Node:
        rows: list[Node] = []
        row = [self.relation()]
        while not self.take("end"):
            if self.take("&"):
                row.append(self.relation())
            elif self.take(";"):
                rows.append(Node("tuple", "()", tuple(row)))
                row = [self.relation()] if self.peek().text != "end" else []
            else:
                raise UnreadableError
            if len(rows) * len(row) > MOST_ITEMS:
                raise TooComplexError
        if row:
            rows.append(Node("tuple", "()", tuple(row)))
        return Node("matrix", "", tuple(rows))
