"""What filters of a whole corpus compare and count samples by: concepts, runs of words, a picture's vector."""

from __future__ import annotations

from schemas.vocabulary.name import Name

CONCEPTS = Name(
    "concepts", "list<uint32>", "", "entries of the vocabulary in the sample's texts, by place from 0, ascending"
)
SIGNATURE_PLACES = 112
"""How many values a MinHash signature has: what writes it and what compares it must agree."""
MINHASH = Name("minhash", "list<uint16>", "", "112 minima over the texts' runs of words, none where there is no word")
EMBEDDING = Name("embedding", "list<float32>", "", "unit vector of the picture in a model's space", -1, 1)
