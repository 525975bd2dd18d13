"""Text in a video: each followed from frame to frame, from where it appears to where it goes."""

from __future__ import annotations

from schemas.vocabulary.name import Name

TEXT_TRACKS = Name("text_tracks", "list<string>", "", "what each text in the video says, by when it appears")
TEXT_TRACK_CONFIDENCES = Name("text_track_confidences", "list<float64>", "", "how sure of each", 0, 1)
TEXT_TRACK_LANGUAGES = Name(
    "text_track_languages", "list<string>", "ISO 639-1", "language of each, empty where it is too short to tell"
)
TEXT_TRACK_FIRST_FRAMES = Name("text_track_first_frames", "list<uint32>", "", "the frame that each is seen in first")
TEXT_TRACK_SIGHTINGS = Name("text_track_sightings", "list<uint32>", "", "frames in which each was read", 1)
TEXT_TRACK = Name("text_track", "string", "", "what a text says, a note on its corners over time")
TEXT_TRACK_CONFIDENCE = Name("text_track_confidence", "float64", "", "how sure of it, on the same corners", 0, 1)
TEXT_TRACK_LANGUAGE = Name("text_track_language", "string", "ISO 639-1", "its language, on the same corners")
