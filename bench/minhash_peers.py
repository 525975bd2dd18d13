"""Both sides of MinHash, for an environment that holds Daft and rensa: python -m bench.minhash_peers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.minima import Minima
from bench.duel import interleave, require
from bench.near_texts import NEAR, RUN, captions, pairs, planted, questions, runs
from filters.columns import Columns, Lists
from filters.textdedup import TextNearDedup
from schemas.vocabulary.compared import SIGNATURE_PLACES

BATCH, BANDS = 1024, 28
Signed = NDArray[np.generic]


def ours(texts: Sequence[str]) -> Signed:
    minima = Minima(RUN)
    cut = [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]
    return np.concatenate([minima.signatures([one.casefold() for one in some], [0] * len(some))[0] for some in cut])


def daft(texts: Sequence[str]) -> Signed:
    return np.array(_daft(texts).to_arrow()["signed"].combine_chunks().values).reshape(-1, SIGNATURE_PLACES)


def _daft(texts: Sequence[str]) -> Any:
    """Return Daft's table of signatures: punctuation, case and blanks evened out by Daft, as its guide does."""
    import daft
    from daft.functions import minhash, normalize

    even = normalize(daft.col("text"), remove_punct=True, lowercase=True, white_space=True)
    signed = minhash(even, num_hashes=SIGNATURE_PLACES, ngram_size=RUN).alias("signed")
    return daft.from_pydict({"text": list(texts), "row": list(range(len(texts)))}).select("row", signed)


def rensa(texts: Sequence[str]) -> Signed:
    from rensa import RMinHash

    return np.array(RMinHash.digests_from_token_sets(map(runs, texts), SIGNATURE_PLACES, 42))


def ours_near(texts: Sequence[str]) -> set[int]:
    """Return which texts go: the annotator's signatures as a column, and the filter's decision over it."""
    count, signed = len(texts), ours(texts)
    places = Lists(np.arange(count + 1) * SIGNATURE_PLACES, signed.ravel())
    chars = Lists(np.arange(count + 1), np.fromiter(map(len, texts), np.uint32, count))
    keys = np.array([f"{row:016d}".encode() for row in range(count)], "S16")
    columns = Columns(count, {"key": keys, "minhash": places, "text_chars": chars})
    return set(TextNearDedup(NEAR, BANDS).decide(columns, {}).rows.tolist())


def rensa_near(texts: Sequence[str]) -> set[int]:
    """Return which texts go, by its deduplicator over bands."""
    from rensa import RMinHash, RMinHashDeduplicator

    kept = RMinHashDeduplicator(NEAR, SIGNATURE_PLACES, use_lsh=True, num_bands=BANDS)
    signed = RMinHash.from_token_sets(map(runs, texts), SIGNATURE_PLACES, 42)
    added = kept.add_pairs([(str(row), one) for row, one in enumerate(signed)])
    return {row for row, stays in enumerate(added) if not stays}


def daft_near(texts: Sequence[str]) -> set[int]:
    """Return which texts go: bands, and who share one, in Daft; then their signatures compared."""
    import daft

    table = _daft(texts).collect()
    signed = np.array(table.to_arrow()["signed"].combine_chunks().values).reshape(-1, SIGNATURE_PLACES)
    wide = SIGNATURE_PLACES // BANDS
    band = [daft.col("signed").slice(at * wide, (at + 1) * wide).hash(daft.lit(at)) for at in range(BANDS)]
    rows = table.select("row", daft.functions.to_list(*band).alias("band")).explode("band")
    shared = rows.groupby("band").agg(daft.col("row").list_agg()).where(daft.col("row").list_count() > 1)
    told = shared.to_arrow()["row"].to_pylist()
    near = {(min(a, b), max(a, b)) for some in told for a in some for b in some if a != b}
    both = np.array(sorted(near), np.int64).reshape(-1, 2)
    same = (signed[both[:, 0]] == signed[both[:, 1]]).mean(axis=1) >= NEAR
    return set(both[same, 1].tolist())


SIGNING: dict[str, Callable[[Sequence[str]], Signed]] = {"ours": ours, "Daft": daft, "rensa": rensa}
FINDING: dict[str, Callable[[Sequence[str]], set[int]]] = {"ours": ours_near, "Daft": daft_near, "rensa": rensa_near}


def quality(texts: list[str], true: dict[tuple[int, int], float], sign: Callable[[Sequence[str]], Signed]) -> str:
    """Say how many near pairs a side's signatures call near, and how many that it calls near are."""
    signed, both = sign(texts), np.array(list(true))
    called = (signed[both[:, 0]] == signed[both[:, 1]]).mean(axis=1)
    near = np.array(list(true.values())) >= NEAR
    error = np.abs(called - np.array(list(true.values()))).mean()
    hits = int((near & (called >= NEAR)).sum())
    return f"{hits / near.sum():.3f}, {hits / (called >= NEAR).sum():.3f}, {error:.4f}"


def main() -> None:
    found: dict[str, Any] = {}
    for what, texts, few in (
        ("questions with answers", planted(questions()), 10),
        ("captions", planted(captions()), 1000),
    ):
        true = pairs(texts, few)
        near = sum(one >= NEAR for one in true.values())
        said = "; ".join(f"{name} {quality(texts, true, sign)}" for name, sign in SIGNING.items())
        print(f"- {len(texts):,} {what}, {near:,} near pairs: recall, precision, mean error of similarity: {said}")
        gone = {name: find(texts) for name, find in FINDING.items()}
        print(f"- {what} that go as near-copies: " + ", ".join(f"{name} {len(rows):,}" for name, rows in gone.items()))
        for name in ("Daft", "rensa"):
            require(abs(len(gone[name]) - len(gone["ours"])) < 0.1 * len(gone["ours"]), f"near-copies, {name}")
            for how, sides in (("signatures", SIGNING), ("near-copies found", FINDING)):
                times_s = interleave(lambda: sides["ours"](texts), lambda: sides[name](texts), pairs=3)
                found[f"{how} of {what}, against {name}'s"] = (times_s, len(texts))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
