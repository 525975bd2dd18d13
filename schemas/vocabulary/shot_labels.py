"""Labels of shots: how each is taken, by a model that was asked or by people."""

from __future__ import annotations

from schemas.vocabulary.name import Name

SHOT_SCALES = Name("shot_scales", "list<string>", "", "how large what each shot shows is seen, empty where not known")
SHOT_FRAMINGS = Name("shot_framings", "list<string>", "", "whom each shot frames, empty where not known")
SHOT_ANGLES = Name("shot_angles", "list<string>", "", "from where each shot looks, empty where not known")
SHOT_COMPOSITIONS = Name("shot_compositions", "list<string>", "", "how each is composed, tags with spaces between")
SHOT_LABEL_STATUS = Name("shot_label_status", "list<string>", "", "of each shot labelled, or why it has no labels")
SHOT_LABEL_DETAIL = Name("shot_label_detail", "list<string>", "", "what was answered instead, empty where labelled")
SHOT_SCALE = Name("shot_scale", "string", "", "how large what it shows is seen, a note on the shot's time")
SHOT_FRAMING = Name("shot_framing", "string", "", "whom the shot frames, on the same span")
SHOT_ANGLE = Name("shot_angle", "string", "", "from where the shot looks, on the same span")
SHOT_COMPOSITION = Name("shot_composition", "list<string>", "", "how the shot is composed, on the same span")
