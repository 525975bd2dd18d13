"""Probe: what a video's container says, exact times among it, without decoding more than a frame."""

from __future__ import annotations

from typing import ClassVar

from annotators.annotator import Annotator, Needs, Subject
from annotators.container import read_container
from schemas.note import Noted
from schemas.vocabulary import video as names
from schemas.vocabulary.pictures import HEIGHT_PX, WIDTH_PX


class Probe(Annotator, frozen=True):
    """Looks at the first video. A file that is no video, or of which not one frame decodes, is a failed row."""

    writes: ClassVar = (
        WIDTH_PX,
        HEIGHT_PX,
        names.CONTAINER,
        names.CODEC,
        names.PIXEL_FORMAT,
        names.ROTATION_DEG,
        names.START_PTS,
        names.END_PTS,
        names.TIME_BASE_NUM,
        names.TIME_BASE_DEN,
        names.DURATION_S,
        names.STATED_DURATION_S,
        names.VIDEO_FRAMES,
        names.FRAME_RATE_NUM,
        names.FRAME_RATE_DEN,
        names.FRAMES_PER_S,
        names.VARIABLE_RATE,
        names.VIDEO_STREAMS,
        names.AUDIO_STREAMS,
    )
    made_with: ClassVar = ("av",)
    extra: ClassVar = "video"

    @property
    def needs(self) -> Needs:
        return Needs(limit_s=60.0, memory_mib=6144)

    def look(self, subject: Subject) -> Noted:
        _, video = subject.video()
        found = read_container(subject.content(video), video.extension)
        return Noted(
            {
                "width_px": found.width_px,
                "height_px": found.height_px,
                "container": found.kind,
                "codec": found.codec,
                "pixel_format": found.pixel_format,
                "rotation_deg": found.rotation_deg,
                "start_pts": found.pts[0],
                "end_pts": found.end_pts,
                "time_base_num": found.time_base[0],
                "time_base_den": found.time_base[1],
                "duration_s": round(found.duration_s, 6),
                "stated_duration_s": round(found.stated_s, 6),
                "video_frames": len(found.pts),
                "frame_rate_num": found.rate[0],
                "frame_rate_den": found.rate[1],
                "frames_per_s": round(found.rate[0] / found.rate[1], 6),
                "variable_rate": found.is_variable,
                "video_streams": found.videos,
                "audio_streams": found.audios,
            }
        )
