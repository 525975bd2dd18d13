"""Benchmarks: what of a sample was held against them, and the items that it comes nearest to."""

from __future__ import annotations

from schemas.vocabulary.name import Name

PHASHES = Name("phashes", "list<uint64>", "", "perceptual hash of every picture that can be decoded, in order")
PHASH_PARTS = Name("phash_parts", "list<uint16>", "", "the place among the sample's parts of each of them")

BENCHMARK_RUN = Name(
    "benchmark_run", "string", "", "benchmark/item that the texts come nearest to holding, by runs of its words"
)
BENCHMARK_RUN_WORDS = Name(
    "benchmark_run_words", "uint32", "words", "the longest of these runs, without the benchmark's form", 0
)
BENCHMARK_RUN_SHARE = Name("benchmark_run_share", "float64", "", "the share of the item's words that they cover", 0, 1)
BENCHMARK_WHOLE = Name(
    "benchmark_whole", "string", "", "benchmark/item whose short question is a whole text, or a line, of the sample"
)
BENCHMARK_WHOLE_WORDS = Name("benchmark_whole_words", "uint32", "words", "how long that question is", 0)
BENCHMARK_WHOLE_PICTURED = Name("benchmark_whole_pictured", "bool", "", "whether pictures belong to that question")
BENCHMARK_SPAN = Name(
    "benchmark_span", "string", "", "benchmark/item and what a text shares with it, on these characters"
)
BENCHMARK_PICTURE = Name("benchmark_picture", "string", "", "benchmark/item of the picture that is likest by its hash")
BENCHMARK_PICTURE_PART = Name("benchmark_picture_part", "uint32", "", "the part of the sample that is like it", 0)
BENCHMARK_PICTURE_BITS = Name(
    "benchmark_picture_bits", "uint32", "bits", "distance of the two hashes, 64 where none is near", 0, 64
)
BENCHMARK_PICTURE_LEVELS = Name(
    "benchmark_picture_levels",
    "uint32",
    "8-bit levels",
    "the greatest difference of brightness of the two at 32 x 32 pixels",
    0,
    255,
)

BENCHMARK_NEAREST = Name("benchmark_nearest", "string", "", "benchmark/item of the picture with the nearest embedding")
BENCHMARK_COSINE = Name("benchmark_cosine", "float64", "cosine", "its similarity to the sample's, -1 for none", -1, 1)
