"""The plain layer on any sample: a choice, a grade of difficulty and a comment, below its video, pictures or texts."""

from __future__ import annotations

from annotators.desk.label_studio.sheet import Choice, Grade, Line, Sheet, Shows
from schemas.vocabulary import people as names


def plain(shows: Shows) -> Sheet:
    """Return the plain sheet for samples of a clip, of pictures (with their texts), or of texts alone."""
    return Sheet(
        f"plain_{shows}",
        (
            Choice(names.PERSON_CHOICE.name, ("good", "usable", "bad"), "Is this fit to learn from?", required=True),
            Grade(names.PERSON_DIFFICULTY.name, 5, "How hard is it?"),
            Line(names.PERSON_COMMENT.name, "What else should be known of it", rows=3),
        ),
        shows,
    )
