"""The names a note may have, a family a file: each with its type, unit and range.

An annotator outside these rooms declares names of its own in `writes`; these are the ones that ostraka writes.
"""

from __future__ import annotations

from schemas.vocabulary.name import Name as Name
