"""The columns of every table on a shelf and in an export, as names and types."""

from __future__ import annotations

from msgspec import Struct


class Column(Struct, frozen=True):
    """A column: its name and its type in the small language that `pipelines/shelf/table.py` reads.

    Types: bool, uint8, uint16, uint32, uint64, int64, float32, float64, string, dictionary (a string repeated often),
    uuid (16 bytes), list<T>.
    """

    name: str
    kind: str


def columns(**kinds: str) -> tuple[Column, ...]:
    """Return columns in the order given."""
    return tuple(Column(name, kind) for name, kind in kinds.items())


PLAN = columns(dataset="dictionary", name="string", payload="string")
"""Rows that make a shard, in order: `payload` is the row as JSON, whole, so that a rerun reads no source."""

CATALOG = columns(
    row="uint32",
    key="uuid",
    digest="uuid",
    size_bytes="int64",
    images="uint16",
    videos="uint16",
    texts="uint16",
    text_chars="list<uint32>",
    text_parts="list<uint16>",
    dataset="dictionary",
    name="string",
    uri="string",
    licence="dictionary",
    parent="string",
    failed="dictionary",
    parts="string",
    meta="string",
    media="dictionary",
    offsets="list<int64>",
)
"""A row per sample, in order. `digest`: first half of the SHA-256 of the picture or video, of all their digests where
there are several, of the texts' where there is neither; `parts`: JSON; `media`: the tar that holds the bytes, relative
to the shelf or absolute; `offsets`: where each picture or video of the parts begins in it; `failed`: why the source's
row is no sample."""

SEEN = columns(row="uint32", failed="dictionary")
"""Every note piece begins with these: a row per sample looked at; `failed` is the reason, empty where notes follow."""

PLACES = "places"
"""The column of a note piece that holds notes on places, a JSON list per row; there only where an annotator has any."""

DECISION = columns(
    shard="dictionary", row="uint32", reason="dictionary", measured="float64", witness="uuid", part="int64"
)
"""What a corpus filter dropped: which sample, why, and the key of the sample that it lost to; `part` is the place of
the part that goes while the sample stays, -1 where the sample goes."""

COUNTS = columns(entry="uint32", before="uint64", after="uint64")
"""How many samples matched each entry of a vocabulary before a corpus filter decided by these counts, and after."""

VERDICT = columns(
    row="uint32",
    outcome="dictionary",
    step="uint8",
    decided_by="dictionary",
    reason="dictionary",
    measured="float64",
    witness="uuid",
    left_out="list<uint16>",
    left_out_why="list<string>",
)
"""A row per sample, in the catalogue's order. `step`: the place in the recipe of the step that decided, its length
where the sample is kept. `left_out_why`: the reason of each part left out, empty where its filter tells none."""

SIDECAR = columns(
    key="string",
    url="string",
    caption="string",
    status="string",
    error_message="string",
    width="int64",
    height="int64",
    original_width="int64",
    original_height="int64",
    exif="string",
    sha256="string",
    dataset="string",
    row="string",
    licence="string",
    parent="string",
    kind="string",
    estimated_tokens="int64",
    texts="list<string>",
    members="list<string>",
    offsets="list<int64>",
    sizes="list<int64>",
)
"""img2dataset's columns first, by its names; then ours. `members`: the extensions of the sample's members in tar
order, with the offset and size of each member's bytes."""

CLIP_SIDECAR = (
    *SIDECAR,
    *columns(
        cut="string",
        part="int64",
        start_pts="int64",
        end_pts="int64",
        time_base_num="int64",
        time_base_den="int64",
        frames="int64",
        duration_s="float64",
        spans="list<string>",
    ),
)
"""The sidecar of an export of spans: what of its parent each sample shows, and how it was cut (`schemas/clip.py`)."""

PEOPLE = columns(people="string")
"""The last column of a sidecar whose shelf holds what people say: their words as JSON, `[]` where nobody was asked."""

WAITING = columns(group="string", form="string")
"""What spans that were cut out of a shard's videos and wait to be put into shards have behind a sidecar's columns: the
group that stays on one side of a split, and the folder's form."""
