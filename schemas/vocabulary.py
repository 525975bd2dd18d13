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
    "list<uint64>",
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

RESPONSES = Name("responses", "list<string>", "", "what was answered to a task, thinking and all, in the order asked")
RESPONSE_FINISH = Name("response_finish", "list<string>", "", "why each response ended: stop, length, told, ...")
RESPONSE_BY = Name("response_by", "list<string>", "", "who gave each response: a model, and its weights where told")
RESPONSE_TOKENS = Name("response_tokens", "uint32", "tokens", "completion tokens of all responses, 0 if nobody counts")
TASK_DOMAIN = Name("task_domain", "string", "", "the domain whose verifier graded the responses")
TASK_REFERENCE = Name("task_reference", "string", "", "the answer that the task's source says is right")
TASK_SKILL = Name("task_skill", "string", "", "the skill that the task's source names, else its domain")
REWARDS = Name("rewards", "list<float64>", "", "what each response earns", 0, 1)
GRADES = Name("grades", "list<string>", "", "the reason of each grade: right, wrong, unknown, several_boxes, ...")
EXTRACTED = Name("extracted", "list<string>", "", "the answer that was taken from each response")
ANSWERED = Name("answered", "uint32", "", "responses that were graded")
RIGHT_ANSWERS = Name("right_answers", "uint32", "", "responses that earn all of the reward")
PASS_RATE = Name("pass_rate", "float64", "", "share of the responses that earn all of the reward", 0, 1)
DIFFICULTY = Name("difficulty", "string", "", "very_easy to very_hard, from the pass rate and from people's word")
ANSWER_TASK = Name("answer_task", "string", "", "the key of the task that an answer was taken from")
ANSWER_BY = Name("answer_by", "string", "", "who gave an answer: a model, and its weights where told")
ANSWER_ROUND = Name("answer_round", "uint32", "", "the round of enhancement that an answer came with, 0 the cold start")

ROLLOUT_RUN = Name("rollout_run", "string", "", "the run of reinforcement learning whose rollouts these are")
ROLLOUT_STEP = Name("rollout_step", "uint32", "", "the step of reinforcement learning whose rollouts these are")
ROLLOUT_REWARD = Name("rollout_reward", "float64", "", "mean of what a step paid the answers to a task")
ROLLOUT_REWARDS = Name("rollout_rewards", "list<float64>", "", "what a step paid each answer, penalties and all")
REWARD_PARTS = Name("reward_parts", "list<string>", "", "what each function of the reward said: verifier 1 format -0.5")
ROLLOUT_PAID = Name(
    "rollout_paid", "list<string>", "", "paid, paid_in_part, not_paid, fined or not_graded, of each answer"
)
ROLLOUT_ADVANTAGES = Name("rollout_advantages", "list<float64>", "", "how far each answer's pay stands off its group's")
ROLLOUT_LEARNT = Name("rollout_learnt", "bool", "", "whether the step learnt from these answers")
ROLLOUT_TOKENS = Name("rollout_tokens", "list<uint32>", "tokens", "tokens of each answer, those put in among them")
ROLLOUT_PUT_IN = Name("rollout_put_in", "list<uint32>", "tokens", "tokens put into each answer to end its thinking")
ROLLOUT_WEIGHTS = Name("rollout_weights", "list<string>", "", "the version of the weights that said each answer")

REFERENCE_REWARD = Name("reference_reward", "float64", "", "what a task's verifier pays its own reference", 0, 1)
WRONG_PAID = Name("wrong_paid", "uint32", "", "answers that are surely wrong and that the task's verifier calls right")
THOUGHT_CHARS = Name("thought_chars", "uint32", "code points", "characters of all thinking")
THOUGHT_REPEATED = Name("thought_repeated", "float64", "", "largest share of 400 words said before in them", 0, 1)
THOUGHT_DOUBTS = Name("thought_doubts", "uint32", "", "how often the thinking turns on itself: wait, ...")
THOUGHT_CONTRADICTS = Name("thought_contradicts", "bool", "", "the number that it ends with is not in the box")

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

PHASHES = Name("phashes", "list<uint64>", "", "perceptual hash of every picture that can be decoded, in order")
PHASH_PARTS = Name("phash_parts", "list<uint16>", "", "the place among the sample's parts of each of them")

BENCHMARK_RUN = Name(
    "benchmark_run", "string", "", "benchmark/item that the texts come nearest to holding, by runs of its words"
)
BENCHMARK_RUN_WORDS = Name(
    "benchmark_run_words", "uint32", "words", "the longest of these runs, without the benchmark's form", 0
)
BENCHMARK_RUN_SHARE = Name("benchmark_run_share", "float64", "", "the share of the item's words that they cover", 0, 1)
BENCHMARK_WHOLE = Name(
    "benchmark_whole", "string", "", "benchmark/item whose short question is a whole text, or a line, of the sample"
)
BENCHMARK_WHOLE_WORDS = Name("benchmark_whole_words", "uint32", "words", "how long that question is", 0)
BENCHMARK_WHOLE_PICTURED = Name("benchmark_whole_pictured", "bool", "", "whether pictures belong to that question")
BENCHMARK_SPAN = Name(
    "benchmark_span", "string", "", "benchmark/item and what a text shares with it, on these characters"
)
BENCHMARK_PICTURE = Name("benchmark_picture", "string", "", "benchmark/item of the picture that is likest by its hash")
BENCHMARK_PICTURE_PART = Name("benchmark_picture_part", "uint32", "", "the part of the sample that is like it", 0)
BENCHMARK_PICTURE_BITS = Name(
    "benchmark_picture_bits", "uint32", "bits", "distance of the two hashes, 64 where none is near", 0, 64
)
BENCHMARK_PICTURE_LEVELS = Name(
    "benchmark_picture_levels",
    "uint32",
    "8-bit levels",
    "the greatest difference of brightness of the two at 32 x 32 pixels",
    0,
    255,
)

BENCHMARK_NEAREST = Name("benchmark_nearest", "string", "", "benchmark/item of the picture with the nearest embedding")
BENCHMARK_COSINE = Name("benchmark_cosine", "float64", "cosine", "its similarity to the sample's, -1 for none", -1, 1)
TURNS = Name("turns", "uint32", "", "answers in a dialogue, none in what is no dialogue")
QUESTION_CHARS = Name("question_chars", "uint64", "characters", "length of all its questions")
ANSWER_CHARS = Name("answer_chars", "uint64", "characters", "length of all its answers")
CONTROL_CHARS = Name("control_chars", "uint32", "", "control characters in all texts besides line breaks and tabs")

CATEGORY = Name("category", "string", "", "the category of a taxonomy that a dialogue's questions are of")
CATEGORY_BY = Name("category_by", "string", "", "what placed it: rule, embedding, endpoint, or undecided")
CATEGORY_SIMILARITY = Name(
    "category_similarity", "float64", "cosine", "with the nearest category, NaN where no embedding was looked at", -1, 1
)

PROSE_WORDS = Name("prose_words", "uint32", "", "words of the text to be learnt that are more than punctuation")
PROSE_WORD_CHARS = Name("prose_word_chars", "float64", "characters", "mean length of those words", 0)
PROSE_HASHES = Name("prose_hashes", "float64", "", "hashes for each word", 0)
PROSE_ELLIPSES = Name("prose_ellipses", "float64", "", "ellipses for each word", 0)
PROSE_BULLETS = Name("prose_bullets", "float64", "", "share of lines that begin with a bullet", 0, 1)
PROSE_ELLIPSIS_LINES = Name("prose_ellipsis_lines", "float64", "", "share of lines that end in an ellipsis", 0, 1)
PROSE_ALPHABETIC = Name("prose_alphabetic", "float64", "", "share of words with a letter in them", 0, 1)
PROSE_STOP_WORDS = Name("prose_stop_words", "uint32", "", "how many of eight English stop words stand in it", 0, 8)
TOP_GRAMS = (2, 3, 4)
DUPLICATE_GRAMS = (5, 6, 7, 8, 9, 10)
REPEATED_PLACES = 4 + len(TOP_GRAMS) + len(DUPLICATE_GRAMS)
PROSE_REPEATED = Name(
    "prose_repeated",
    "list<float64>",
    "",
    "shares of what is repeated: lines, paragraphs, characters of either; characters of the most frequent 2, 3, 4 words"
    " (counted in full, so that overlapping ones may come to more than 1); characters of 5 to 10 words said before",
    0,
)
C4_SENTENCES = Name("c4_sentences", "uint32", "", "sentences on the lines that C4 would keep")
C4_LINE_SHARE = Name("c4_line_share", "float64", "", "share of characters on the lines that C4 would keep", 0, 1)
C4_BANNED = Name("c4_banned", "string", "", "lorem_ipsum or curly_bracket where C4 would drop the text for it")
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

CAMERA_MOTIONS = Name("camera_motions", "list<string>", "", "what the camera does, by the time that it takes")
CAMERA_MOTION_SHARES = Name("camera_motion_shares", "list<float64>", "", "share of the time that each takes", 0, 1)
CAMERA_SHAKE = Name("camera_shake", "float64", "widths", "how far the picture jitters about its smooth path", 0)
CAMERA_SEEN_SHARE = Name(
    "camera_seen_share", "float64", "", "share of the time in which the motion could be told", 0, 1
)
CAMERA_MOTION = Name("camera_motion", "string", "", "what the camera does, a note on a time span")
CAMERA_MOTION_CONFIDENCE = Name("camera_motion_confidence", "float64", "", "how sure of it, on the same span", 0, 1)
CAMERA_SPEED = Name("camera_speed", "float64", "widths, e-folds or radians a second", "how fast, on the same span", 0)

SPAN_QUESTION = Name("span_question", "string", "", "a question about what a time span shows, a note on it")
SPAN_ANSWER = Name("span_answer", "string", "", "the answer to it, on the same span")
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

FRAME_EMBEDDING = Name("frame_embedding", "list<float32>", "", "unit vector of the video, the mean of frames", -1, 1)
SHOT_EMBEDDINGS = Name("shot_embeddings", "list<float32>", "", "unit vectors of the shots, one behind the other", -1, 1)
TEXT_EMBEDDING = Name("text_embedding", "list<float32>", "", "unit vector of the caption, empty without one", -1, 1)

SPAN_CAPTIONS = Name(
    "span_captions", "list<string>", "", "what each span shows, by a model; empty where it did not say"
)
SPAN_CAPTION_STATUS = Name(
    "span_caption_status", "list<string>", "", "of each span captioned, or why it has no caption"
)
SPAN_CAPTION = Name("span_caption", "string", "", "what a span of the video shows, a note on its time")

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
        RESPONSES,
        RESPONSE_FINISH,
        RESPONSE_BY,
        RESPONSE_TOKENS,
        TASK_DOMAIN,
        TASK_REFERENCE,
        TASK_SKILL,
        REWARDS,
        GRADES,
        EXTRACTED,
        ANSWERED,
        RIGHT_ANSWERS,
        PASS_RATE,
        DIFFICULTY,
        ANSWER_TASK,
        ANSWER_BY,
        ANSWER_ROUND,
        ROLLOUT_RUN,
        ROLLOUT_STEP,
        ROLLOUT_REWARD,
        ROLLOUT_REWARDS,
        REWARD_PARTS,
        ROLLOUT_PAID,
        ROLLOUT_ADVANTAGES,
        ROLLOUT_LEARNT,
        ROLLOUT_TOKENS,
        ROLLOUT_PUT_IN,
        ROLLOUT_WEIGHTS,
        REFERENCE_REWARD,
        WRONG_PAID,
        THOUGHT_CHARS,
        THOUGHT_REPEATED,
        THOUGHT_DOUBTS,
        THOUGHT_CONTRADICTS,
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
        PHASHES,
        PHASH_PARTS,
        BENCHMARK_RUN,
        BENCHMARK_RUN_WORDS,
        BENCHMARK_RUN_SHARE,
        BENCHMARK_WHOLE,
        BENCHMARK_WHOLE_WORDS,
        BENCHMARK_WHOLE_PICTURED,
        BENCHMARK_SPAN,
        BENCHMARK_PICTURE,
        BENCHMARK_PICTURE_PART,
        BENCHMARK_PICTURE_BITS,
        BENCHMARK_PICTURE_LEVELS,
        BENCHMARK_NEAREST,
        BENCHMARK_COSINE,
        TURNS,
        QUESTION_CHARS,
        ANSWER_CHARS,
        CONTROL_CHARS,
        CATEGORY,
        CATEGORY_BY,
        CATEGORY_SIMILARITY,
        PROSE_WORDS,
        PROSE_WORD_CHARS,
        PROSE_HASHES,
        PROSE_ELLIPSES,
        PROSE_BULLETS,
        PROSE_ELLIPSIS_LINES,
        PROSE_ALPHABETIC,
        PROSE_STOP_WORDS,
        PROSE_REPEATED,
        C4_SENTENCES,
        C4_LINE_SHARE,
        C4_BANNED,
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
        SHOTS_SEEN_BY,
        SHOT_SEEN_BY,
        SHOT_DISAGREEMENT,
        TRANSITION,
        CAMERA_MOTIONS,
        CAMERA_MOTION_SHARES,
        CAMERA_SHAKE,
        CAMERA_SEEN_SHARE,
        CAMERA_MOTION,
        CAMERA_MOTION_CONFIDENCE,
        CAMERA_SPEED,
        SPAN_QUESTION,
        SPAN_ANSWER,
        TEXT_TRACKS,
        TEXT_TRACK_CONFIDENCES,
        TEXT_TRACK_LANGUAGES,
        TEXT_TRACK_FIRST_FRAMES,
        TEXT_TRACK_SIGHTINGS,
        TEXT_TRACK,
        TEXT_TRACK_CONFIDENCE,
        TEXT_TRACK_LANGUAGE,
        FRAME_EMBEDDING,
        SHOT_EMBEDDINGS,
        TEXT_EMBEDDING,
        SPAN_CAPTIONS,
        SPAN_CAPTION_STATUS,
        SPAN_CAPTION,
        SHOT_SCALES,
        SHOT_FRAMINGS,
        SHOT_ANGLES,
        SHOT_COMPOSITIONS,
        SHOT_LABEL_STATUS,
        SHOT_LABEL_DETAIL,
        SHOT_SCALE,
        SHOT_FRAMING,
        SHOT_ANGLE,
        SHOT_COMPOSITION,
        ACTION,
        ACTION_ACTOR,
        ACTION_OBJECTS,
        ACTION_PHASE,
        ACTION_COMPLETENESS,
        ACTION_DESCRIPTION,
        SCENE_TEXT_KIND,
        SCENE_TEXT_LEGIBILITY,
        SCENE_TEXT_SURFACE,
        CAMERA_CLEAR,
        CAMERA_STEADINESS,
        CAMERA_PACE,
        CAMERA_TRACKING,
        CAMERA_DESCRIPTION,
        SHOT_LENS,
        SHOT_LIGHTING,
        SHOT_FOCUS,
        PERSON_CHOICE,
        PERSON_DIFFICULTY,
        PERSON_COMMENT,
        OBJECT,
    )
}
