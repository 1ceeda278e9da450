"""What an image file says beside its pixels: format, compression, camera, software."""

import io
import re
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin

from src.data import pixels

# Programs that change pixels, as they write themselves into a file; compared without case.
EDITORS = (
    "photoshop", "lightroom", "gimp", "affinity", "snapseed", "picsart", "facetune", "faceapp",
    "pixlr", "canva", "paint.net", "krita", "capture one", "darktable", "luminar", "meitu",
)  # fmt: skip
# Entries that picture generators write into PNG files: the settings of a drawing.
GENERATOR_ENTRIES = (
    *("parameters", "prompt", "workflow", "sd-metadata", "invokeai_metadata", "Dream"),
)
# The vocabulary of IPTC, by the last part of its addresses: what a machine made. C2PA uses it too.
GENERATED = {
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicMedia",
    "compositeSynthetic",
}
# Quotation marks, which could end what we quote.
_QUOTES = dict.fromkeys(map(ord, '"“”„‟«»‹›'), "'")
# Qualities at which a JPEG is saved again to see which it was saved at before.
QUALITIES = tuple(range(40, 97, 2))
# The error of saving again must dip to this share of what lies around it to mean anything.
DIP = 0.75
# Below this mean squared change there is nothing that could dip: a plain colour, an empty margin.
LEAST = 0.05
SIDE = 512  # of the middle part that is looked at, in pixels


@dataclass(frozen=True)
class FileFacts:
    """What is known of a file."""

    format: str
    media_type: str  # such as `image/jpeg`
    width: int  # in pixels, as stored
    height: int  # in pixels, as stored
    # Of the JPEG compression, 1 to 100, by its tables; None where there are none.
    quality: int | None = None
    # The quality of an earlier and stronger JPEG compression of the same pixels, where the pixels
    # show one; None where they do not, which proves nothing.
    before: int | None = None
    exif: bool = False
    camera: str | None = None  # maker and model, as EXIF has them
    software: str | None = None  # what EXIF, XMP or a PNG entry says was used last
    editor: bool = False  # that software is known to change pixels
    generator: str | None = None  # the name of an entry that picture generators write
    says_generated: bool = False  # XMP says that a generator made the picture, or a part of it


def read(content: bytes, name: str, image: np.ndarray) -> FileFacts:
    """Read the facts of an image file.

    Args:
        image: its pixels, `(H, W, 3)` uint8 RGB.

    Raises:
        ImageError: it is no image.
    """
    with pixels.identify(content, name) as picture:
        tags = _exif(picture)
        xmp = _xmp(picture)
        software = (
            tags.get("Software")
            or _entry(xmp, "CreatorTool")
            or line(picture.info.get("Software", ""))
            or None
        )
        entries = [entry for entry in GENERATOR_ENTRIES if entry in picture.info]
        quality = _quality(picture)
        return FileFacts(
            format=picture.format or "",
            media_type=Image.MIME.get(picture.format or "", "application/octet-stream"),
            width=picture.width,
            height=picture.height,
            quality=quality,
            before=earlier_quality(image, quality),
            exif=bool(tags),
            camera=_camera(tags.get("Make", ""), tags.get("Model", "")),
            software=software,
            editor=software is not None and any(one in software.lower() for one in EDITORS),
            generator=entries[0] if entries else None,
            says_generated=_entry(xmp, "DigitalSourceType").rpartition("/")[2] in GENERATED,
        )


def _exif(picture: Image.Image) -> dict[str, str]:
    """Return the entries of EXIF as short lines of printable text, by name."""
    try:
        found = dict(picture.getexif())
    except pixels.BROKEN:
        # Broken metadata is common and says nothing about the picture.
        return {}
    return {ExifTags.TAGS.get(tag, str(tag)): line(value) for tag, value in found.items()}


def _camera(maker: str, model: str) -> str | None:
    """Return maker and model, the maker once."""
    if model.casefold().startswith(maker.casefold()):
        maker = ""
    return f"{maker} {model}".strip() or None


def _xmp(picture: Image.Image) -> str:
    found = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or ""
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)


def _entry(xmp: str, name: str) -> str:
    """Return an entry of XMP (attribute, element or `rdf:resource`); empty if there is none."""
    found = re.search(rf"\b{name}(?:\s+rdf:resource)?\s*(?:=\s*[\"']|>)([^\"'<]*)", xmp)
    return line(found.group(1)) if found else ""


def line(value: object) -> str:
    """Return a stranger's words as a short line of printable text that ends no quotation."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return " ".join(text.translate(_QUOTES).split())[:80]


def _quality(picture: Image.Image) -> int | None:
    """Return the quality of the standard's example tables that are nearest to a file's.

    The scaling of the tables is that of the Independent JPEG Group's library.
    """
    if not isinstance(picture, JpegImagePlugin.JpegImageFile) or not picture.quantization:
        return None
    table = np.array(next(iter(picture.quantization.values())), float)
    distances = {quality: np.abs(_table(quality) - table).mean() for quality in range(1, 101)}
    return min(distances, key=distances.__getitem__)


@cache
def _table(quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as picture:
        assert isinstance(picture, JpegImagePlugin.JpegImageFile)
        return np.array(picture.quantization[0], float)


def earlier_quality(image: np.ndarray, quality: int | None) -> int | None:
    """Find the quality of an earlier JPEG compression of the same pixels.

    Saved again as before, a picture hardly changes: the error, over the quality, dips there. After
    Farid, "Exposing Digital Forgeries from JPEG Ghosts", IEEE TIFS 2009. Only a compression on the
    same grid of blocks, and a stronger one than the last, leaves the dip.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        quality: of the compression that the file has; dips there and above are its own.
    """
    part = _middle(image)
    limit = 97 if quality is None else quality - 3
    tried = [one for one in QUALITIES if one < limit]
    if len(tried) < 5 or min(part.shape[:2]) < 64:
        return None
    errors = np.array([_error(part, one) for one in tried])
    around = np.minimum(errors[:-4], errors[4:])
    dips = np.where(around < LEAST, 1, errors[2:-2] / np.maximum(around, LEAST))
    lowest = int(np.argmin(dips))
    return tried[lowest + 2] if dips[lowest] < DIP else None


def _middle(image: np.ndarray) -> np.ndarray:
    """Return the middle of a picture, cut where the blocks of a JPEG begin."""
    top, left = (max(0, side - SIDE) // 2 // 8 * 8 for side in image.shape[:2])
    return image[top : top + SIDE, left : left + SIDE]


def _error(image: np.ndarray, quality: int) -> float:
    """Return the mean squared change of the brightness by saving it as JPEG."""
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    _, stored = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE))
    return float(np.mean((again.astype(np.float32) - grey) ** 2))
