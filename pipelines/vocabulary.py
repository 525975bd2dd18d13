"""A vocabulary from the texts of a shelf: words, and pairs of words that stand together more often than by chance.

What MetaCLIP takes from Wikipedia: unigrams by count, bigrams by count and pointwise mutual information,
PMI(x y) = log2(N c(x y) / (c(x) c(y))), c the counts and N the count of all words. A word is what stands between spaces
in a text as `annotators.concepts` spaces it, and has a letter; the words of a bigram have no mark between them. DuckDB
counts and spills, so a corpus of any size goes through, a few bytes a text in Python.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from annotators.concepts import read_entries, read_lines, spaced
from pipelines.shelf.in_duckdb import prepare, tables
from pipelines.shelf.shelf import Shelf
from pipelines.store.address import file_system
from schemas.errors import BadInput
from schemas.publish import put


class Thresholds(Struct, frozen=True):
    """The count of an entry and the PMI of a bigram, in bits, at the least."""

    count: int = 5
    pmi_bits: float = 6.0


class Made(Struct, frozen=True):
    """What was made: texts and words read, and the unigrams, bigrams and entries of other lists written."""

    texts: int
    words: int
    unigrams: int
    bigrams: int
    added: int


def make_vocabulary(shelf: Shelf, to: str, least: Thresholds, also: Sequence[str] = (), memory: str = "4GB") -> Made:
    """Write a vocabulary, gzipped where its name ends in .gz, by count and then by alphabet; `also` names lists whose
    entries and heads are added where they are not in it.

    Raises BadInput where the shelf has no samples, where a list cannot be read, or where nothing is left to write.
    """
    import duckdb

    shelf.need_shards()
    lists = [(read_lines(url)[0], read_entries(url)) for url in also]
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(":memory:") as db:
        prepare(db, shelf, folder)
        db.execute(f"SET memory_limit = '{memory}'")
        texts, words = _count(db, shelf)
        entries = _chosen(db, words, least)
        sources = _sources(db, shelf)
    bigrams = sum(" " in entry for entry in entries)
    known = dict.fromkeys(entries)
    known.update(dict.fromkeys(entry for _, more in lists for entry in more))
    made = Made(texts, words, len(entries) - bigrams, bigrams, len(known) - len(entries))
    if not known:
        raise BadInput(
            f"no word of {texts} texts comes {least.count} times", where=shelf.url, remedy="lower --least-count"
        )
    _write(to, [*_head(made, least, sources), *(line for head, _ in lists for line in head), *known])
    return made


def _count(db: Any, shelf: Shelf) -> tuple[int, int]:
    """Count words, and two side by side, into `counts`; return how many texts and words there are."""
    db.create_function("spaced", _folded, ["VARCHAR"], "VARCHAR")
    db.execute(f"""
        CREATE VIEW texts AS SELECT unnest(json_extract_string(parts, '$[*].text')) AS text
        FROM {tables(shelf, "catalog")} WHERE failed = ''""")
    db.execute(r"""
        CREATE TEMP TABLE counts AS
        WITH tokens AS (SELECT string_split(spaced(text), ' ') AS token FROM texts),
        pairs AS (SELECT unnest(token) AS first, unnest(list_append(token[2:], '')) AS second FROM tokens),
        words AS (SELECT first, second FROM pairs WHERE regexp_matches(first, '\pL'))
        SELECT first AS gram, count(*) AS n FROM words GROUP BY first
        UNION ALL
        SELECT concat(first, ' ', second), count(*) FROM words WHERE regexp_matches(second, '\pL')
        GROUP BY first, second""")
    [texts] = db.execute("SELECT count(*) FROM texts").fetchone()
    [words] = db.execute("SELECT coalesce(sum(n), 0)::BIGINT FROM counts WHERE NOT contains(gram, ' ')").fetchone()
    return texts, words


def _folded(text: str) -> str:
    """Return a text as `Concepts` looks at it; DuckDB takes a function of as many parameters as columns."""
    return spaced(text)


def _chosen(db: Any, words: int, least: Thresholds) -> list[str]:
    found = db.execute(
        """
        SELECT c.gram FROM counts c
        LEFT JOIN counts x ON x.gram = split_part(c.gram, ' ', 1) AND contains(c.gram, ' ')
        LEFT JOIN counts y ON y.gram = split_part(c.gram, ' ', 2) AND contains(c.gram, ' ')
        WHERE c.n >= $count AND (NOT contains(c.gram, ' ') OR log2(c.n * $words::DOUBLE / (x.n::DOUBLE * y.n)) >= $pmi)
        ORDER BY c.n DESC, c.gram""",
        {"count": least.count, "words": words, "pmi": least.pmi_bits},
    )
    return [entry for [entry] in found.fetchall()]


def _sources(db: Any, shelf: Shelf) -> list[tuple[str, str, int]]:
    """Return dataset, licence and samples of what the texts come from."""
    found: list[tuple[str, str, int]] = db.execute(f"""
        SELECT dataset, licence, count(*) FROM {tables(shelf, "catalog")} WHERE failed = '' AND texts > 0
        GROUP BY ALL ORDER BY ALL""").fetchall()
    return found


def _head(made: Made, least: Thresholds, sources: Iterable[tuple[str, str, int]]) -> list[str]:
    return [
        f"# {made.unigrams} words, {made.bigrams} pairs of words and {made.added} entries of other lists, made by "
        "`ostraka vocabulary`.",
        f"# Words and pairs come at least {least.count} times in {made.texts} texts of {made.words} words, pairs with "
        f"a PMI of at least {least.pmi_bits:g} bits; by count, then by alphabet.",
        *(
            f"# From {samples} samples of {name}, licence {licence or 'not stated'}."
            for name, licence, samples in sources
        ),
    ]


def _write(to: str, lines: Sequence[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    fs, path = file_system(to)
    put(fs, path, gzip.compress(data, 9, mtime=0) if to.endswith(".gz") else data)
