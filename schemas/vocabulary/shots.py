"""Shots: where they begin and how, and who saw it."""

from __future__ import annotations

from schemas.vocabulary.name import Name

SHOT_FIRST_FRAMES = Name("shot_first_frames", "list<uint32>", "", "the first frame of each shot, by its place from 0")
SHOT_BEGINS = Name("shot_begins", "list<string>", "", "how each shot begins: start, cut, fade or dissolve")
SHOT_VOTES = Name("shot_votes", "list<float64>", "", "share of the detectors that saw it begin, 1 for the first", 0, 1)
SHOT = Name("shot", "string", "", "how a shot begins, a note on its time span")
SHOT_VOTE = Name("shot_vote", "float64", "", "share of the detectors that saw it begin, on the same span", 0, 1)
SHOTS_SEEN_BY = Name("shots_seen_by", "list<string>", "", "who saw each shot begin: both, pyscenedetect or transnetv2")
SHOT_SEEN_BY = Name("shot_seen_by", "string", "", "who saw a shot begin, on the same span as shot")
SHOT_DISAGREEMENT = Name(
    "shot_disagreement", "float64", "", "share of the boundaries that one of two detectors did not see", 0, 1
)
TRANSITION = Name("transition", "string", "", "fade or dissolve, a note on the time that it takes")
