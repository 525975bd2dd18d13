"""A tokenizer for those who have none: trained on the texts of the exports, and kept beside the first one's lengths.

It is named by the exports that it was trained on, so that the same ones find it again. Another stage of the same model
takes the checkpoint's, not one of its own data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import chain, islice
from typing import TYPE_CHECKING

from schemas.errors import BadInput, Unavailable
from schemas.publish import put
from trainer.data.export_index import Export, Shard

if TYPE_CHECKING:
    from trainer.documents.tokens import Tokens

MOST_TEXTS = 50_000
SIZE = 4096


def tokens_of(exports: Sequence[Export], path: str) -> Tokens:
    """Return the tokenizer at a path; without one, that of the exports, which is trained where it is not there yet."""
    from trainer.documents.tokens import Tokens, read_tokens, train_tokens

    if path:
        return read_tokens(path)
    first = exports[0]
    where = f"{first.root}.lengths/tokenizer-{_name(exports)}.json"
    if first.fs.exists(where):
        return Tokens(first.fs.cat_file(where).decode(), where)
    texts = list(islice(chain.from_iterable(map(_texts, exports)), MOST_TEXTS))
    if not texts:
        raise BadInput(
            "there is no text to train a tokenizer on", where=first.url, remedy="give one with --tokenizer PATH"
        )
    tokens = train_tokens(texts, SIZE)
    put(first.fs, where, tokens.json.encode())
    return Tokens(tokens.json, where)


def _name(exports: Sequence[Export]) -> str:
    return sha256("\0".join(export.digest for export in exports).encode()).hexdigest()[:10]


def _texts(export: Export) -> Iterator[str]:
    for shard in export.shards:
        yield from _texts_of_shard(export, shard)


def _texts_of_shard(export: Export, shard: Shard) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = export.path(f"{shard.path}.parquet")
    try:
        with export.fs.open(path, "rb") as file:
            lists = pq.read_table(file, columns=["texts"], use_threads=False)["texts"].to_pylist()
    except (pa.ArrowException, OSError, KeyError) as error:
        raise Unavailable(f"the sidecar cannot be read ({error})", where=path) from None
    return [text for texts in lists for text in texts or () if text.strip()]
