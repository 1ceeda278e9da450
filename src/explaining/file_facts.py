"""What an image file says of itself: format, compression, camera, software."""

import re
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image

from src.data import pixels
from src.explaining import compression

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
        quality = compression.quality(picture)
        return FileFacts(
            format=picture.format or "",
            media_type=Image.MIME.get(picture.format or "", "application/octet-stream"),
            width=picture.width,
            height=picture.height,
            quality=quality,
            before=compression.earlier_quality(image, quality),
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
