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
    "int64",
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


WIDTH_PX = Name("width_px", "uint32", "px", "width as stored, before EXIF orientation or a video's rotation", 1)
HEIGHT_PX = Name("height_px", "uint32", "px", "height as stored, before EXIF orientation or a video's rotation", 1)
FORMAT = Name("format", "string", "", "the format that the bytes are in, whatever the name says: jpeg, png, webp, ...")
MODE = Name("mode", "string", "", "Pillow's pixel mode: RGB, L, CMYK, I;16, ...")
ORIENTATION = Name("orientation", "uint32", "", "EXIF orientation, 1 where none is stated", 1, 8)
FRAMES = Name("frames", "uint32", "", "frames of an animated picture, 1 for a still one", 1)

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

CONTAINER = Name("container", "string", "", "the format of the file that holds the video: mov, matroska, avi, ...")
CODEC = Name("codec", "string", "", "how the video is encoded: h264, hevc, vp9, av1, ...")
PIXEL_FORMAT = Name("pixel_format", "string", "", "FFmpeg's name of its pixels: yuv420p, yuv420p10le, ...")
ROTATION_DEG = Name("rotation_deg", "uint32", "degrees", "how far it is to be turned, counter-clockwise", 0, 270)
START_PTS = Name("start_pts", "int64", "time base", "when its first frame is shown")
END_PTS = Name("end_pts", "int64", "time base", "when its last frame is shown no more")
TIME_BASE_NUM = Name("time_base_num", "uint32", "s", "numerator of the unit of its times", 1)
TIME_BASE_DEN = Name("time_base_den", "uint32", "1/s", "denominator of the unit of its times", 1)
DURATION_S = Name("duration_s", "float64", "s", "from the first frame to the end of the last", 0)
STATED_DURATION_S = Name(
    "stated_duration_s", "float64", "s", "how long the file says that it is, 0 where it says not", 0
)
VIDEO_FRAMES = Name("video_frames", "uint32", "", "frames that the container holds", 1)
FRAME_RATE_NUM = Name("frame_rate_num", "uint32", "1/s", "numerator of its frames per second", 1)
FRAME_RATE_DEN = Name("frame_rate_den", "uint32", "s", "denominator of its frames per second", 1)
FRAMES_PER_S = Name("frames_per_s", "float64", "1/s", "the same as one number", 0)
VARIABLE_RATE = Name("variable_rate", "bool", "", "whether some frames last longer than others")
VIDEO_STREAMS = Name(
    "video_streams", "uint32", "", "video streams in the file; looked at is the one it calls default", 1
)
AUDIO_STREAMS = Name("audio_streams", "uint32", "", "audio streams in the file", 0)

FRAMES_DECODED = Name("frames_decoded", "uint32", "", "frames that came out when all was decoded", 0)
PACKETS_BROKEN = Name(
    "packets_broken", "uint32", "", "packets that the decoder refused, and frames it called corrupt", 0
)
TIMES_BACK = Name("times_back", "uint32", "", "decoded frames whose time is not after that of the frame before", 0)
BLACK_SHARE = Name("black_share", "float64", "", "share of the time in which all is black", 0, 1)
STILL_SHARE = Name("still_share", "float64", "", "share of the time in which nothing changes", 0, 1)
BLACK = Name("black", "bool", "", "all is black, a note on a time span")
STILL = Name("still", "bool", "", "nothing changes, a note on a time span")

SHOT_FIRST_FRAMES = Name("shot_first_frames", "list<uint32>", "", "the first frame of each shot, by its place from 0")
SHOT_BEGINS = Name("shot_begins", "list<string>", "", "how each shot begins: start, cut or fade")
SHOT_VOTES = Name("shot_votes", "list<float64>", "", "share of the detectors that saw it begin, 1 for the first", 0, 1)
SHOT = Name("shot", "string", "", "how a shot begins, a note on its time span")
SHOT_VOTE = Name("shot_vote", "float64", "", "share of the detectors that saw it begin, on the same span", 0, 1)

CAMERA_MOTIONS = Name("camera_motions", "list<string>", "", "what the camera does, by the time that it takes")
CAMERA_MOTION_SHARES = Name("camera_motion_shares", "list<float64>", "", "share of the time that each takes", 0, 1)
CAMERA_SHAKE = Name("camera_shake", "float64", "widths", "how far the picture jitters about its smooth path", 0)
CAMERA_SEEN_SHARE = Name(
    "camera_seen_share", "float64", "", "share of the time in which the motion could be told", 0, 1
)
CAMERA_MOTION = Name("camera_motion", "string", "", "what the camera does, a note on a time span")
CAMERA_MOTION_CONFIDENCE = Name("camera_motion_confidence", "float64", "", "how sure of it, on the same span", 0, 1)
CAMERA_SPEED = Name("camera_speed", "float64", "widths, e-folds or radians a second", "how fast, on the same span", 0)

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
        CONTAINER,
        CODEC,
        PIXEL_FORMAT,
        ROTATION_DEG,
        START_PTS,
        END_PTS,
        TIME_BASE_NUM,
        TIME_BASE_DEN,
        DURATION_S,
        STATED_DURATION_S,
        VIDEO_FRAMES,
        FRAME_RATE_NUM,
        FRAME_RATE_DEN,
        FRAMES_PER_S,
        VARIABLE_RATE,
        VIDEO_STREAMS,
        AUDIO_STREAMS,
        FRAMES_DECODED,
        PACKETS_BROKEN,
        TIMES_BACK,
        BLACK_SHARE,
        STILL_SHARE,
        BLACK,
        STILL,
        SHOT_FIRST_FRAMES,
        SHOT_BEGINS,
        SHOT_VOTES,
        SHOT,
        SHOT_VOTE,
        CAMERA_MOTIONS,
        CAMERA_MOTION_SHARES,
        CAMERA_SHAKE,
        CAMERA_SEEN_SHARE,
        CAMERA_MOTION,
        CAMERA_MOTION_CONFIDENCE,
        CAMERA_SPEED,
        OBJECT,
    )
}
