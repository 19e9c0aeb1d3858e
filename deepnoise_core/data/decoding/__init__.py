"""Image files to arrays, through one door: an array is right, or it is an `ImageError` naming the file."""

from deepnoise_core.data.decoding.header import MAX_PIXELS, ImageHeader
from deepnoise_core.data.decoding.planes import SUFFIXES, read_header, read_plane, read_planes
from deepnoise_core.data.decoding.png import read_png, read_png_header

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "ImageHeader",
    "read_header",
    "read_plane",
    "read_planes",
    "read_png",
    "read_png_header",
]
