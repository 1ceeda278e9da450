"""Bring the colours of a decoded picture to sRGB."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms


def to_srgb(picture: Image.Image) -> Image.Image:
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
    """Build the transform from an embedded colour profile to sRGB.

    Returns:
        The transform, or None where there is nothing to do: no profile, a broken one, one that
        does not belong to the image's mode (viewers ignore those too), or sRGB itself.
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
