"""The README shows what its two commands print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def block(mark: str) -> list[str]:
    """Return the lines of the README's block behind a mark, without the ellipses."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- {mark} -->\n```text\n(.*?)```", text, re.DOTALL)
    assert found, f"the README has no block {mark}"
    return [line.rstrip() for line in found[1].splitlines() if line.strip() not in ("", "...")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What `ostraka demo` prints; it is run twice, since the second time has to go on where the first ended."""
    here = tmp_path_factory.mktemp("demo")
    printed: list[str] = []
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, "-m", "pipelines.cli", "demo"], cwd=here, capture_output=True, text=True, timeout=900
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        printed.append(ran.stdout)
    return [line.rstrip() for line in printed[0].splitlines()]


def test_the_demo_prints_what_the_readme_shows(demo: list[str]) -> None:
    shown = block("demo")
    assert len(shown) > 20
    lines = iter(demo)
    missing = [line for line in shown if not any(line == printed for printed in lines)]
    assert not missing, f"the demo prints otherwise, or in another order: {missing[0]!r}"


def test_the_readme_counts_the_tests(request: pytest.FixtureRequest) -> None:
    said = re.search(r"(\d+) passed", "\n".join(block("test")))
    assert said, "the README does not say how many tests pass"
    assert int(said[1]) == count_of_all(request.session)


def count_of_all(session: pytest.Session) -> int:
    """Return how many tests there are: those of this session where it collected all, else what pytest lists."""
    options = session.config.option
    narrowed = (options.keyword, options.markexpr, options.deselect, options.ignore)
    if [Path(one).resolve() for one in session.config.args] == [ROOT / "tests"] and not any(narrowed):
        return session.testscollected
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    return int(re.findall(r"(\d+) tests collected", listed.stdout)[-1])
