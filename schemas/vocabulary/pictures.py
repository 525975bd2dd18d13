"""Pictures: what their headers say, one or several to a sample, and their pixels."""

from __future__ import annotations

from schemas.vocabulary.name import Name

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
