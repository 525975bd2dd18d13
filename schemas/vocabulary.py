"""The names a note may have: each with its type, unit and range.

An annotator outside these rooms declares names of its own in `writes`; these are the ones that ostraka writes.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal[
    "bool",
    "uint32",
    "uint64",
    "float64",
    "string",
    "list<uint16>",
    "list<uint32>",
    "list<float32>",
    "list<float64>",
    "list<string>",
]


class Name(Struct, frozen=True):
    """A note's name: the column type that holds it, its unit, its range where it has one, and what it says."""

    name: str
    kind: Kind
    unit: str
    says: str
    low: float | None = None
    high: float | None = None


WIDTH_PX = Name("width_px", "uint32", "px", "width as stored, before EXIF orientation", 1)
HEIGHT_PX = Name("height_px", "uint32", "px", "height as stored, before EXIF orientation", 1)
FORMAT = Name("format", "string", "", "the format that the bytes are in, whatever the name says: jpeg, png, webp, ...")
MODE = Name("mode", "string", "", "Pillow's pixel mode: RGB, L, CMYK, I;16, ...")
ORIENTATION = Name("orientation", "uint32", "", "EXIF orientation, 1 where none is stated", 1, 8)
FRAMES = Name("frames", "uint32", "", "frames of an animated picture, 1 for a still one", 1)

PICTURE_PART = Name("picture_part", "list<uint32>", "", "place of each picture among the parts")
PICTURE_WIDTH_PX = Name("picture_width_px", "list<uint32>", "px", "width of each picture as stored, 0 if unreadable")
PICTURE_HEIGHT_PX = Name("picture_height_px", "list<uint32>", "px", "height of each picture as stored, 0 if unreadable")
PICTURE_FORMAT = Name("picture_format", "list<string>", "", "format of each picture, empty if unreadable")
PICTURE_FRAMES = Name("picture_frames", "list<uint32>", "", "frames of each picture, 0 if unreadable")

PHASH = Name("phash", "uint64", "", "64-bit perceptual hash of the upright picture, top left coefficient first")
TOP_COLOUR_SHARE = Name("top_colour_share", "float64", "", "share of the most common colour", 0, 1)
CHANNEL_STD = Name("channel_std", "float64", "8-bit levels", "standard deviation of the most varied channel", 0, 128)
SHARPNESS = Name(
    "sharpness", "float64", "8-bit levels squared", "variance of the Laplacian at 128 px of shorter side", 0
)

TEXT_LANGUAGE = Name("text_language", "list<string>", "ISO 639-1", "language of each text, in the order of the texts")
TEXT_LANGUAGE_SHARE = Name("text_language_share", "list<float64>", "", "its probability among all languages", 0, 1)
TEXT_EMAILS = Name("text_emails", "list<uint32>", "", "e-mail addresses in each text, in the order of the texts")
TEXT_PHONES = Name("text_phones", "list<uint32>", "", "telephone numbers in each text, in the order of the texts")

CONCEPTS = Name(
    "concepts", "list<uint32>", "", "entries of the vocabulary in the sample's texts, by place from 0, ascending"
)
SIGNATURE_PLACES = 112
"""How many values a MinHash signature has: what writes it and what compares it must agree."""
MINHASH = Name("minhash", "list<uint16>", "", "112 minima over the texts' runs of words, none where there is no word")
EMBEDDING = Name("embedding", "list<float32>", "", "unit vector of the picture in a model's space", -1, 1)

RECAPTION = Name("recaption", "string", "", "the caption rewritten, empty where the original stands")
RECAPTION_STATUS = Name("recaption_status", "string", "", "rewritten, or why the original stands")
RECAPTION_DETAIL = Name(
    "recaption_detail", "string", "", "what was lost or added, and what was answered instead of a recaption"
)
REWRITTEN = "rewritten"
ORIGINAL_STANDS = (
    "no_caption",
    "rejected",
    "refused",
    "cut_off",
    "empty",
    "not_a_caption",
    "noisy",
    "unrelated",
    "facts_lost",
    "facts_added",
)
"""What `recaption_status` is where it is not REWRITTEN: why the original stands."""

CLIP_SCORE = Name("clip_score", "float64", "cosine", "similarity of picture and first text in CLIP's space", -1, 1)
NSFW_SCORE = Name("nsfw_score", "float64", "", "how likely the picture is not safe for work, by open_nsfw", 0, 1)
WATERMARK = Name("watermark", "string", "", "which kind of mark is written over the picture, empty where none is")
WATERMARK_TEXT = Name("watermark_text", "string", "", "what the mark says")
WATERMARKS = ("stock_mark", "proof_mark", "tiled_text", "copyright_line", "handle", "link")
"""What `watermark` may be, the surest first."""
SCENE_TEXTS = Name("scene_texts", "list<string>", "", "lines of text in the picture, in rows from the top down")
SCENE_TEXT_CONFIDENCES = Name("scene_text_confidences", "list<float64>", "", "how sure OCR is of each line", 0, 1)
SCENE_TEXT_HEIGHTS_PX = Name("scene_text_heights_px", "list<float64>", "px", "how high each line is written", 0)
SCENE_TEXT_BOXES = Name(
    "scene_text_boxes",
    "list<float64>",
    "",
    "left, top, right, bottom of each line as shares of the upright picture",
    0,
    1,
)
SCENE_TEXT = Name("scene_text", "string", "", "a line of text, a note on its four corners")
SCENE_TEXT_CONFIDENCE = Name("scene_text_confidence", "float64", "", "how sure OCR is of it, on the same corners", 0, 1)

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

OBJECT = Name("object", "string", "", "what a box shows, a note on a place")

NAMES: dict[str, Name] = {
    name.name: name
    for name in (
        WIDTH_PX,
        HEIGHT_PX,
        FORMAT,
        MODE,
        ORIENTATION,
        FRAMES,
        PICTURE_PART,
        PICTURE_WIDTH_PX,
        PICTURE_HEIGHT_PX,
        PICTURE_FORMAT,
        PICTURE_FRAMES,
        PHASH,
        TOP_COLOUR_SHARE,
        CHANNEL_STD,
        SHARPNESS,
        TEXT_LANGUAGE,
        TEXT_LANGUAGE_SHARE,
        TEXT_EMAILS,
        TEXT_PHONES,
        CONCEPTS,
        MINHASH,
        EMBEDDING,
        RECAPTION,
        RECAPTION_STATUS,
        RECAPTION_DETAIL,
        CLIP_SCORE,
        NSFW_SCORE,
        WATERMARK,
        WATERMARK_TEXT,
        SCENE_TEXTS,
        SCENE_TEXT_CONFIDENCES,
        SCENE_TEXT_HEIGHTS_PX,
        SCENE_TEXT_BOXES,
        SCENE_TEXT,
        SCENE_TEXT_CONFIDENCE,
        TEXT_WORDS,
        PICTURE_WORDS_AFTER,
        PICTURE_AD_SIGNALS,
        PICTURE_QR_CODES,
        PICTURE_QR_SHARE,
        QR_CODE,
        PICTURE_CLIP_SCORE,
        EMBEDDINGS,
        PICTURE_KNOWLEDGE,
        KNOWLEDGE_VALUE,
        OBJECT,
    )
}
