"""What a file says of itself before one pixel is decoded: format, size, tables, metadata."""

import zlib
from collections import Counter

import numpy as np
from PIL import Image, JpegImagePlugin

FORMATS = ("other", "JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
# Which columns of `read` make up each cue.
CUES = {
    "format": (0,),
    "width": (1,),
    "height": (2,),
    "aspect": (3,),
    "quantisation tables": (4, 5, 6),
    "chroma subsampling": (7,),
    "progressive": (8,),
    "EXIF": (9,),
    "colour profile": (10,),
}
COLUMNS = 11


def read(picture: Image.Image) -> np.ndarray:
    """Return the container facts of an opened picture.

    Args:
        picture: what `pixels.identify` returned; its pixels need not be decoded.

    Returns:
        `(COLUMNS,)` float32. Width and height are in pixels as stored, aspect is their quotient,
        the quantisation tables stand as mean luma step, mean chroma step and a number for the
        whole (0 where there are none), the subsampling counts `SUBSAMPLINGS` from 1, the colour
        profile is a number for its content, 0 for none.
    """
    info = picture.info
    jpeg = isinstance(picture, JpegImagePlugin.JpegImageFile)
    tables = list(getattr(picture, "quantization", {}).values())
    steps = [float(np.mean(table)) for table in tables[:2]] + [0.0, 0.0]
    facts = (
        FORMATS.index(picture.format) if picture.format in FORMATS else 0,
        picture.width,
        picture.height,
        picture.width / max(1, picture.height),
        *steps[:2],
        _number(repr(tables).encode()) if tables else 0,
        JpegImagePlugin.get_sampling(picture) + 1 if jpeg else 0,
        bool(info.get("progressive") or info.get("progression")),
        bool(info.get("exif")),
        _number(info["icc_profile"]) if info.get("icc_profile") else 0,
    )
    return np.array(facts, np.float32)


def _number(content: bytes) -> int:
    """Return a number for some content that float32 holds exactly, and that is never 0."""
    return (zlib.crc32(content) & 0xFFFFFE) + 1


def describe(cue: str, facts: np.ndarray) -> str:
    """Say in a few words what the images of one class mostly have.

    Args:
        facts: `(N, COLUMNS)` of that class.
    """
    values = [_words(cue, row) for row in facts[:, CUES[cue]]]
    word, count = Counter(values).most_common(1)[0]
    return f"{word} in {count / len(values):.0%}"


def _words(cue: str, value: np.ndarray) -> str:
    first = float(value[0])
    if cue == "format":
        return FORMATS[int(first)]
    if cue == "chroma subsampling":
        return SUBSAMPLINGS[int(first) - 1] if first else "none"
    if cue == "quantisation tables":
        return f"a mean step of {first:.1f}" if value[2] else "none"
    if cue == "aspect":
        return f"{first:.2f}"
    if cue in ("width", "height"):
        return f"{first:.0f} px"
    return "yes" if first else "no"
