"""What people say: at a desk about a sample, and in a source about what is where in a picture."""

from __future__ import annotations

from schemas.vocabulary.name import Name

ACTION = Name("action", "string", "", "what is done, a note on a time span")
ACTION_ACTOR = Name("action_actor", "string", "", "who or what does it, on the same span")
ACTION_OBJECTS = Name("action_objects", "string", "", "what it is done to and with, on the same span")
ACTION_PHASE = Name("action_phase", "string", "", "which part of the action is seen, on the same span")
ACTION_COMPLETENESS = Name("action_completeness", "string", "", "whether the clip cuts it off, on the same span")
ACTION_DESCRIPTION = Name("action_description", "string", "", "the action in a sentence, on the same span")
SCENE_TEXT_KIND = Name("scene_text_kind", "string", "", "how text comes into the picture, a note on its track")
SCENE_TEXT_LEGIBILITY = Name("scene_text_legibility", "string", "", "how well it can be read, on the same track")
SCENE_TEXT_SURFACE = Name("scene_text_surface", "string", "", "what it is written on, on the same track")
CAMERA_CLEAR = Name("camera_clear", "string", "", "whether the camera's motion is clear and consistent: yes or no")
CAMERA_STEADINESS = Name("camera_steadiness", "string", "", "how steadily the camera is held")
CAMERA_PACE = Name("camera_pace", "string", "", "how fast a person finds the camera's motion: slow, regular, fast")
CAMERA_TRACKING = Name("camera_tracking", "string", "", "from which side the camera follows its subject")
CAMERA_DESCRIPTION = Name("camera_description", "string", "", "what the camera does, in a sentence")
SHOT_LENS = Name("shot_lens", "string", "", "how wide its lens looks, on the same span")
SHOT_LIGHTING = Name("shot_lighting", "string", "", "how it is lit, on the same span")
SHOT_FOCUS = Name("shot_focus", "string", "", "how deep its focus is, on the same span")
PERSON_CHOICE = Name("person_choice", "string", "", "what a person says of a sample: good, usable, bad")
PERSON_DIFFICULTY = Name("person_difficulty", "uint32", "", "how hard a person finds a sample, from 1 to 5", 1, 5)
PERSON_COMMENT = Name("person_comment", "string", "", "what else a person says of a sample")

OBJECT = Name("object", "string", "", "what a box shows, a note on a place")
