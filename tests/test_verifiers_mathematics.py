"""Reading mathematics: honest rewriting keeps a grade, sympy agrees on what is equal, and nothing said ever raises."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from filters.verifiers.bounds import MOST_DEPTH, TooComplexError
from filters.verifiers.domains.all import DOMAINS
from filters.verifiers.expression import read
from filters.verifiers.number import read_number
from filters.verifiers.same import Tolerance, same
from filters.verifiers.spans import read_span, span_iou
from filters.verifiers.tree import Node, letters
from filters.verifiers.verify import verify
from schemas.grade import REASONS, Grade
from schemas.response import BOX, BOX_END
from schemas.task import Constraint, Parameters, Task

WITHIN = Tolerance(1e-6)


def graded(answer: str, domain: str, reference: str, question: str = "", **parameters: object) -> Grade:
    task = Task(domain, question, reference, Parameters(**parameters))
    return verify(f"<think>Let me see.</think><answer>{BOX}{answer}{BOX_END}</answer>", task)


def is_same(answer: str, reference: str) -> bool:
    tree = read(reference)
    assert tree is not None
    other = read(answer, letters(tree))
    return other is not None and same(other, tree, WITHIN)


whole = st.integers(-(10**9), 10**9)
decimal = st.builds(lambda units, digits: (units, digits), whole, st.integers(0, 4))


def written(units: int, digits: int) -> str:
    value = f"{abs(units):0{digits + 1}d}"
    body = f"{value[:-digits]}.{value[-digits:]}" if digits else value
    return f"-{body}" if units < 0 else body


def rewritten(text: str) -> list[str]:
    """Return a number in the ways in which people write it."""
    value = Fraction(text)
    head, _, tail = text.lstrip("-").partition(".")
    sign = "-" if text.startswith("-") else ""
    grouped = f"{sign}{int(head):,}" + (f".{tail}" if tail else "")
    exponent = f"{sign}{head}{tail}e-{len(tail)}" if len(tail) else f"{text}e0"
    return [
        f" {text} ",
        f"{text}." if not tail else f"{text}0",
        grouped,
        grouped.replace(",", "{,}"),
        exponent,
        f"${text}$",
        text.replace("-", "−"),
        f"{value.numerator}/{value.denominator}",
        f"\\frac{{{value.numerator}}}{{{value.denominator}}}",
        f"x = {text}",
        f"\\text{{{text}}}",
    ]


@given(decimal)
def test_a_number_keeps_its_grade_however_it_is_written(number):
    text = written(*number)
    for domain in ("math", "physics", "vqa"):
        for way in rewritten(text):
            assert graded(way, domain, text).reward == 1, (domain, way)


@given(decimal, decimal)
def test_another_number_is_not_paid(number, other):
    reference, answer = written(*number), written(*other)
    value, said = Fraction(reference), Fraction(answer)
    assume(abs(value - said) > abs(value) * Fraction(1, 500_000))
    for way in rewritten(answer):
        assert graded(way, "math", reference).reward == 0, way


@given(whole, st.integers(1, 10**6))
def test_whole_numbers_are_exact_and_a_stated_tolerance_is_relative(value, apart):
    assert graded(str(value + apart), "math", str(value)).reward == 0
    close = abs(apart) <= Fraction(0.01) * abs(value)
    assert graded(str(value + apart), "math", str(value), rel_tol=0.01).reward == close


@given(st.integers(10, 10**6), st.sampled_from(["٠١٢٣٤٥٦٧٨٩", "０１２３４５６７８９", "⁰¹²³⁴⁵⁶⁷⁸⁹"]), st.booleans())
def test_digits_of_other_scripts_are_no_digits(value, script, only_last):
    """Of another script are all digits, or the last one."""
    said = str(value)
    kept = said[:-1] if only_last else ""
    other = kept + "".join(script[int(digit)] for digit in said.removeprefix(kept))
    assert read_number(other) is None
    for domain in ("math", "physics", "chart", "counting", "vqa"):
        assert graded(other, domain, said).reward == 0


leaf = st.one_of(st.integers(1, 9).map(sympy.Integer), st.sampled_from(sympy.symbols("x y z", real=True)))
tree = st.recursive(
    leaf,
    lambda below: st.one_of(
        st.builds(lambda a, b: a + b, below, below),
        st.builds(lambda a, b: a * b, below, below),
        st.builds(lambda a, b: a - b, below, below),
        st.builds(lambda a, n: a**n, below, st.integers(2, 3)),
        st.builds(lambda a, b: a / (b**2 + 1), below, below),
        st.builds(lambda a: sympy.sqrt(a**2 + 1), below),
        st.builds(sympy.sin, below),
    ),
    max_leaves=6,
)


def moderate(node: sympy.Expr) -> bool:
    """Whether an expression's values stay where floats tell them apart."""
    at = dict.fromkeys(node.free_symbols, 2.0)
    found = complex(node.subs(at).evalf(15))
    return isfinite(abs(found)) and 1e-3 < abs(found) < 1e5 and len(sympy.latex(node)) < 300


@settings(max_examples=60, deadline=None)
@given(tree)
def test_an_expression_is_itself_in_the_forms_that_sympy_writes(node):
    assume(moderate(node))
    reference = sympy.latex(node)
    for form in (str(node), sympy.latex(sympy.expand(node)), str(sympy.expand(node)), sympy.latex(sympy.factor(node))):
        assume(len(form) < 500)
        assert is_same(form, reference), form


@settings(max_examples=60, deadline=None)
@given(tree, tree)
def test_two_expressions_are_the_same_where_sympy_says_so(one, other):
    assume(moderate(one) and moderate(other))
    difference = sympy.simplify(sympy.expand(one - other))
    assert is_same(sympy.latex(one), sympy.latex(other)) == (difference == 0)


@pytest.mark.parametrize(
    ("answer", "reference", "equal"),
    [
        (r"\frac12", "0.5", True),
        (r"\dfrac{-1}{2}", r"-\frac{1}{2}", True),
        ("3 1/2", r"3\frac{1}{2}", True),
        (r"2\sqrt2", r"\sqrt{8}", True),
        (r"\sqrt[3]{-8}", "-2", True),
        (r"\tan^{-1} 1", r"\frac{\pi}{4}", True),
        (r"\sin 30^\circ", "0.5", True),
        (r"\log_2 8", "3", True),
        (r"\binom{5}{2}", "5!/12", True),
        (r"e^{i\pi}", "-1", True),
        (r"\sqrt{x^2}", "|x|", True),
        ("|x|", "x", False),
        (r"\ln(x^2)", r"2\ln x", True),
        ("x < 3", "3 > x", True),
        (r"x \le 3", "x < 3", False),
        ("x + y = 1", "2x + 2y = 2", True),
        ("x + y = 1", "x + 2y = 1", False),
        ("y = 2x + 1", "2x + 1", True),
        ("[1, 2)", "(1, 2)", False),
        ("(2, 1)", "(1, 2)", False),
        ("2, 1", "1, 2", True),
        ("1, 1, 2", "1, 2", False),
        (r"\pm 2", "-2, 2", True),
        (r"\{1, 2\}", "2, 1", True),
        (r"(5, \infty) \cup (-\infty, 3)", r"(-\infty, 3) \cup (5, \infty)", True),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}", True),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}", False),
        ("50%", "0.5", True),
        ("2:15", "4:30", False),
        ("1e-9", "0", False),
        ("x_1 + x_2", "x_2 + x_1", True),
        ("x_1", "x_2", False),
    ],
)
def test_what_is_equal(answer, reference, equal):
    assert is_same(answer, reference) == equal


@pytest.mark.parametrize("prose", ["seven", "the answer", "n/a", "none", "x marks", "10 (or 8)", "7 eggs", "a7b c"])
def test_prose_is_no_mathematics(prose):
    tree = read(prose, frozenset("x"))
    assert tree is None or tree.kind != "number"
    assert not is_same(prose, "7")


@pytest.mark.parametrize(
    "huge", ["9^{9^{9^9}}", "10^{100000}", "171!", "(9^{400})^{400}", r"\binom{5000}{2500}", "((9^99)!)"]
)
def test_what_would_take_long_is_too_complex(huge):
    assert graded(huge, "math", "1").reason == "too_complex"


@pytest.mark.parametrize(
    "huge", ["(" * (MOST_DEPTH + 1) + "1" + ")" * (MOST_DEPTH + 1), "1" * 61, "1+" * 400, ",".join("1" * 70)]
)
def test_what_is_long_or_deep_is_not_parsed(huge):
    with pytest.raises(TooComplexError):
        read(huge)


def depth(node: Node) -> int:
    return 1 + max(map(depth, node.below), default=0)


PIECES = st.sampled_from(
    [
        *r"0123456789.,;:+-*/^_!%=<>()[]{}|&'\"abexyπ√°²−×½ ",
        *("\\frac", "\\sqrt", "\\pm", "\\infty", "\\cup", "\\sin", "\\log", "\\left", "\\binom", "\\{", "\\circ"),
        *("\\begin{pmatrix}", "\\end{pmatrix}", "\\\\", "\\text{", " m/s", " kg", "e9", "H2O", " to ", " or ", "→"),
        *("click(", '"action":', "start_box=", "[[", "]]", "\n", "中", "\u0660", "<|", "\x00"),
    ]
)
TASKS = (
    *(
        Task(name, "How many cm is it?", "12.5")
        for name in ("math", "physics", "chart", "vqa", "spatial", "geo", "ocr")
    ),
    Task("math", "", r"\frac{x^2+1}{2}"),
    Task("math", "", r"\{1, 2\}"),
    Task("math", "", "Evelyn"),
    Task("physics", "", "20 m/s"),
    Task("chemistry", "", "2H2 + O2 -> 2H2O"),
    Task("chemistry", "", "18.015 g/mol"),
    Task("chart", "", "a, 3, 2001", Parameters(answer_type="set")),
    Task("counting", "", "7"),
    Task("choice", "", "B", Parameters(options=("1 m", "2 m"))),
    Task("choice", "", "A, B", Parameters(multi=True)),
    Task("long_document", "", "not answerable"),
    Task("grounding", "", "[[1, 2, 30, 40]]"),
    Task("gui", "", '{"action": "type", "text": "abc", "box": [1, 2, 3, 4]}'),
    Task("video", "", "[1, 2]", Parameters(task="temporal_grounding", duration_s=9.0)),
    Task("instruction", "", "", Parameters(constraints=(Constraint("bullets", {"least": 1}), Constraint("json")))),
)


def test_the_tasks_above_are_of_all_domains():
    assert {task.domain for task in TASKS} == set(DOMAINS)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join), st.lists(PIECES, max_size=10).map("".join))
def test_whatever_is_said_has_a_grade_and_one_in_both_forms(answer, thinking):
    for task in TASKS:
        boxed = answer if task.domain == "instruction" else f"{BOX}{answer}{BOX_END}"
        with_tags = verify(f"<think>{thinking}x</think><answer>{boxed}</answer>", task)
        without = verify(f"<think>{thinking}x</think>\n{boxed}", task)
        assert with_tags == without
        assert 0 <= with_tags.reward <= 1 and with_tags.reason in REASONS
        assert (with_tags.reward == 1) == (with_tags.reason == "right")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_no_text_at_all_raises(text):
    for task in TASKS:
        assert verify(text, task).reward == 0 or "<think>" in text
        assert verify(f"<think>Hm.</think>{BOX}{text}{BOX_END}", task).reason in REASONS


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["1+", "x ", "2*", "1/", "-", "lg ", r"\sin ", r"\sqrt", "!", "|", "^", "x^", "(", "2,"]),
        max_size=6,
    )
)
def test_a_tree_is_no_deeper_than_brackets_powers_and_functions_may_be(pieces):
    text = "".join(pieces)
    for long in (text * (550 // max(len(text), 1)) + "1", "".join(piece * 40 for piece in pieces) + "1"):
        try:
            found = read(long[-600:])
        except TooComplexError:
            continue
        assert found is None or depth(found) <= 5 * MOST_DEPTH


times = st.integers(0, 5_000)


@given(times, times, times, times)
def test_a_span_is_read_in_seconds_and_as_a_clock_shows_it(a, b, c, d):
    assume(a != b and c != d)
    said, due = sorted((a, b)), sorted((c, d))
    clock = [f"{one // 60}:{one % 60:02d}" for one in said]
    for way in ("[{}, {}]", "{} - {}", "from {} to {}"):
        assert read_span(way.format(*said)) == tuple(said) == read_span(way.format(*clock))
    seconds = [set(range(*one)) for one in (said, due)]
    assert span_iou(tuple(said), tuple(due)) == pytest.approx(len(seconds[0] & seconds[1]) / len(range(min(said[0], due[0]), max(said[1], due[1]))))  # noqa: E501  # fmt: skip
