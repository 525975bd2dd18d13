"""Pseudonyms: who said something, for whoever may know what was said and not by whom.

A pseudonym is a keyed hash of the name, the key the digest of the ledger's first event: who has the ledger can tell
whose it is, and who has not cannot try names. It stays the same for as long as the ledger does, restored or moved.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

_DIGITS = 10


def pseudonym(name: str, secret: str) -> str:
    """Return a person's pseudonym at the desk of this secret; nobody has none."""
    if not name:
        return ""
    return f"p-{hmac.new(secret.encode(), name.encode(), sha256).hexdigest()[:_DIGITS]}"


def desk_id(secret: str) -> str:
    """Return what a desk is called where its notes lie, from which its secret cannot be had."""
    return f"people@{sha256(f'desk {secret}'.encode()).hexdigest()[:_DIGITS]}"
