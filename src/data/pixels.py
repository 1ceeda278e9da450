"""Read an image file into pixels: the one doorway that training and inference share."""

import io
import os
import struct
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from src import InputError, install

# Which files in a folder count as images. `read` itself looks at the content, never at the name.
_SUFFIXES = "jpg jpeg jpe jfif png webp tif tiff bmp gif heic heif avif"
EXTENSIONS = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
MAX_BYTES = 200_000_000
UNNAMED = "image data"
# Just below the number at which Pillow itself starts to warn, so that an image we accept never
# sets off its warning, whatever the process has done to the (global) warning filters.
MAX_PIXELS = 89_000_000

# A closed list, because some of Pillow's other readers start external programs (EPS: Ghostscript).
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
_HEIF_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 msf1".split())

# What Pillow raises on files, and on metadata, that are broken in one way or another.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
)
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(InputError):
    """A file cannot be used as an image; the message names the file and what is wrong with it."""


class NotAnImage(ImageError):
    """The content is of no format that is read."""


class TooManyPixels(ImageError):
    """The image is too large to be decoded."""


def content(path: str | Path) -> bytes:
    """Return the bytes of an image file, for callers that need them beside the pixels.

    Raises:
        ImageError: If the file is missing, empty or too large.
    """
    try:
        with Path(path).open("rb") as file:
            _require_size(os.fstat(file.fileno()).st_size, str(path))
            return file.read()
    except IsADirectoryError as error:
        raise ImageError(f"{path}: this is a folder, not an image file") from error
    except (OSError, ValueError) as error:
        # A ValueError is a path with a NUL character.
        raise ImageError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def identify(data: bytes, name: str = UNNAMED) -> Image.Image:
    """Open an image from its content without decoding its pixels: format, size, tables, metadata.

    Raises:
        ImageError: If it is no image, or broken at its start.
    """
    heif = data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS
    formats = (*_FORMATS, "HEIF") if heif and _heif_registered() else _FORMATS
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except _BOMB as error:
        raise _too_many_pixels(name) from error
    except UnidentifiedImageError as error:
        if heif and "HEIF" not in formats:
            raise NotAnImage(
                f"{name}: HEIC images need one more package: {install('heif')}"
            ) from error
        raise NotAnImage(
            f"{name}: not an image, or damaged at its start; expected one of "
            f"{', '.join(_FORMATS)} or HEIC"
        ) from error
    except BROKEN as error:
        raise ImageError(f"{name}: the image is damaged ({error})") from error


def read(source: str | Path | bytes, name: str = UNNAMED) -> np.ndarray:
    """Decode an image, turn it upright and bring its colours to sRGB.

    The format is found from the content. Of an animation or a multi-page file the first frame
    is read, and transparency is laid over white. The size in bytes and the number of pixels are
    checked before anything is decoded. Safe to call from many threads.

    Args:
        source: The path of an image file, or the content of one.
        name: What the content goes by in messages; a path goes by itself.

    Returns:
        The upright image, (H, W, 3) uint8 sRGB in [0, 255], RGB order, writable.

    Raises:
        ImageError: If the file is missing, empty, too large, broken or no image.
    """
    if isinstance(source, bytes):
        _require_size(len(source), name)
    else:
        source, name = content(source), str(source)
    with identify(source, name) as picture:
        if min(picture.size) < 1:
            raise ImageError(f"{name}: the image has no pixels")
        if picture.width * picture.height > MAX_PIXELS:
            raise _too_many_pixels(name)
        try:
            picture.load()
            return np.array(_upright(_to_srgb(_plain(picture, name)), _orientation(picture)))
        except _BOMB as error:
            raise _too_many_pixels(name) from error
        except BROKEN as error:
            raise ImageError(f"{name}: the image is damaged or incomplete ({error})") from error


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Scale an image to the square that the network takes.

    Pillow's bicubic filter widens with the scale when it shrinks, so fine patterns average out
    instead of turning into false ones. The aspect is not kept.

    Args:
        image: (H, W, 3) uint8 RGB in [0, 255].
        size: Side of the result in pixels.

    Returns:
        (size, size, 3) uint8 RGB in [0, 255]; `image` itself when it has that size already.
    """
    if image.shape[:2] == (size, size):
        return image
    return np.array(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def load(source: str | Path | bytes, size: int, name: str = UNNAMED) -> np.ndarray:
    """Read an image file and scale it to the network's square.

    Args:
        source: The path of an image file, or the content of one.
        size: Side of the result in pixels.
        name: What the content goes by in messages; a path goes by itself.

    Returns:
        (size, size, 3) uint8 sRGB in [0, 255], RGB order.

    Raises:
        ImageError: If the file cannot be read as an image.
    """
    return resize(read(source, name), size)


def _require_size(size: int, name: str) -> None:
    if size == 0:
        raise ImageError(f"{name}: the file is empty (0 bytes)")
    if size > MAX_BYTES:
        raise ImageError(
            f"{name}: the file has {size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are read"
        )


def _too_many_pixels(name: str) -> TooManyPixels:
    return TooManyPixels(
        f"{name}: the image has more than {MAX_PIXELS / 1e6:.0f} million pixels; scale it down"
    )


def _heif_registered() -> bool:
    """Add HEIF to what Pillow can open, if the optional package is there."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8, of an image whose pixels are loaded.

    Before loading the answer could be wrong: Pillow turns TIFF files upright on its own.
    """
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except BROKEN:
        # Broken metadata is common and says nothing about the pixels.
        return 1


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    method = _UPRIGHT.get(orientation)
    return picture if method is None else picture.transpose(method)


def _plain(picture: Image.Image, name: str) -> Image.Image:
    """Convert any of Pillow's modes to 8-bit L, LA, RGB, RGBA or CMYK."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _eight_bits(picture, name)
    if picture.mode == "CMYK":
        return picture
    mode = "L" if picture.mode in ("1", "L", "LA", "La") else "RGB"
    if picture.has_transparency_data:
        mode += "A"
    return picture if picture.mode == mode else picture.convert(mode)


def _eight_bits(picture: Image.Image, name: str) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion would clip it to white."""
    values = np.asarray(picture)
    if picture.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ImageError(
            f"{name}: pixels of 32 bits have no agreed white; save it with 8 or 16 bits a channel"
        )
    grey = Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    grey.info = {"icc_profile": picture.info.get("icc_profile")}
    return grey


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Convert L, LA, RGB, RGBA or CMYK to RGB in sRGB, laid over white where transparent.

    White is what a page behind a picture most often is, and one fixed choice gives one result.
    """
    colour = picture
    if picture.mode in ("LA", "RGBA"):
        colour = picture.convert(picture.mode[:-1])
    transform = _transform(picture.info.get("icc_profile") or b"", colour.mode)
    if transform is not None:
        colour = transform.apply(colour)
    elif colour.mode != "RGB":
        colour = colour.convert("RGB")
    if picture.mode in ("LA", "RGBA"):
        white = Image.new("RGB", picture.size, "white")
        colour = Image.composite(colour, white, picture.getchannel("A"))
    return colour


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from an embedded colour profile to sRGB; None where none is needed.

    That is without a profile, with a broken one or one that does not belong to the image's mode
    (viewers ignore those too), or with sRGB itself.
    """
    if not profile:
        return None
    try:
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(io.BytesIO(profile), srgb, mode, "RGB")
    except ImageCms.PyCMSError:
        return None
    return transform if mode == "CMYK" or _changes_colours(transform, mode) else None


def _changes_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tell whether a transform moves any of a grid of colours by more than rounding.

    Two levels are the rounding between the many versions of the sRGB profile, most of which do
    not call themselves by one name.
    """
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    before = Image.fromarray(grid).convert(mode)
    after = np.asarray(transform.apply(before), np.int16)
    return bool(np.abs(after - np.asarray(before.convert("RGB"))).max() > 2)
