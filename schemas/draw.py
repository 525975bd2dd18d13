"""Randomness from a keyed hash of the sample's key: the same on every machine, in any order."""

from __future__ import annotations

from hashlib import sha256


def fraction(key: str, seed: str) -> float:
    """Return a number in [0, 1) drawn from `key` under `seed`: the top 53 bits of SHA-256(seed, NUL, key)."""
    head = sha256(f"{seed}\0{key}".encode()).digest()[:8]
    return (int.from_bytes(head, "big") >> 11) / 2**53
