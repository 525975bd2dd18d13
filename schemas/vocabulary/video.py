"""Video: what its container says, and what came out when all of it was decoded."""

from __future__ import annotations

from schemas.vocabulary.name import Name

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
