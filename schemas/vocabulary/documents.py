"""Documents of texts and pictures in turn: how the two lie, and which pictures are worth their place."""

from __future__ import annotations

from schemas.vocabulary.name import Name

TEXT_WORDS = Name(
    "text_words", "list<uint32>", "words", "words of each text, a letter of Chinese or Japanese as one", 0
)
PICTURE_WORDS_AFTER = Name("picture_words_after", "list<uint32>", "words", "words that stand behind each picture", 0)
PICTURE_AD_SIGNALS = Name(
    "picture_ad_signals", "list<string>", "", "signs that a picture advertises, spaces between them"
)
AD_SIGNALS = ("ad_server", "ad_words", "tracked_link", "other_site", "ad_name", "ad_size", "at_end")
"""What `picture_ad_signals` may hold, the surest first."""
PICTURE_QR_CODES = Name("picture_qr_codes", "list<uint32>", "", "QR codes that were read in each picture", 0)
PICTURE_QR_SHARE = Name(
    "picture_qr_share", "list<float64>", "", "share of the area that the largest of them takes", 0, 1
)
QR_CODE = Name("qr_code", "string", "", "what a QR code says, a note on its four corners")
PICTURE_CLIP_SCORE = Name(
    "picture_clip_score", "list<float64>", "cosine", "greatest similarity of a picture to a text around it", -1, 1
)
EMBEDDINGS = Name("embeddings", "list<float32>", "", "unit vectors of the pictures, one behind the other", -1, 1)
PICTURE_KNOWLEDGE = Name(
    "picture_knowledge", "list<float64>", "", "how likely a picture is a chart, diagram, schematic or map", 0, 1
)
KNOWLEDGE_VALUE = Name("knowledge_value", "float64", "", "the greatest of them, 0 where there is none", 0, 1)
