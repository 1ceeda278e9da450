"""What happens to pictures on their way to a viewer, as fixed changes that can be repeated.

To measure how robust a detector is, not to train one: `augment` varies at random, and here the
same picture always gives the same result, in any thread and in any order.

Every change takes (H, W, 3) uint8 RGB in [0, 255], down to a single pixel, leaves it as it is and
returns a new one. Where no source stands beside a number, it is our choice.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from src import InputError

BLUR = 1.5  # sigma in pixels
NOISE = 8.0  # sigma in levels of 255

# Width and height in pixels of what a phone of 1080 by 2400 leaves to a picture, less margins and
# bars. They are primes, so that the display scale is a whole number for next to no picture.
SCREEN = (1049, 2333)
SCREEN_GAMMA = 1.06
SCREENSHOT_QUALITY = 80

SHARPEN_AMOUNT = 0.3
SHARPEN_RADIUS = 1.0  # sigma in pixels

MAX_SIDE = 65_500  # pixels, of what libjpeg writes

MILD_QUALITIES = range(75, 96)
MILD_SCALES = (1.0, 0.9, 0.8, 0.95, 0.85)
# The lengths of both have no common divisor, so that in step they meet in every combination once.
MILD = len(MILD_QUALITIES) * len(MILD_SCALES)


@dataclass(frozen=True)
class Platform:
    """What a social network makes of an upload: a smaller picture, sharpened and compressed."""

    longest: int  # the longest side that it keeps, in pixels
    scale: float  # what becomes of smaller pictures, in (0, 1]
    quality: int  # of its JPEG, in 1..100


# Longest sides after hundreds of uploads by J. Harmon, phototacopodcast.com, 2021: Instagram 1080,
# Facebook 1920, Twitter 4096. Instagram's quality is 65 to 75 by pictuary.com's glossary.
FEED = Platform(longest=1080, scale=0.9, quality=75)
# WhatsApp once kept 800 pixels at a quality of 50, so the blog of built.io; we are kinder.
MESSENGER = Platform(longest=800, scale=0.95, quality=60)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Save as JPEG, colour at half the resolution of light (4:2:0), and open again.

    Args:
        image: (H, W, 3) uint8 RGB in [0, 255]; it is not changed.
        quality: As libjpeg counts it, in 1..100.

    Returns:
        (H, W, 3) uint8 RGB in [0, 255]; scaled down to `MAX_SIDE` where a side was longer.
    """
    import cv2

    if (fit := MAX_SIDE / max(image.shape[:2])) < 1:
        image = _scale(image, fit)
    half = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, half]
    # JPEG stores colour more coarsely than light, so the channel order matters here.
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return cv2.cvtColor(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)


def mild(image: np.ndarray, number: int) -> np.ndarray:
    """Encode anew in one of many ways that no viewer would notice: does a verdict survive it?

    Args:
        image: (H, W, 3) uint8 RGB in [0, 255]; it is not changed.
        number: Which way, in 0..`MILD` - 1. Each has another pair of quality, 75 to 95, and scale,
            0.8 to 1, and neighbours lie far apart.

    Returns:
        (h, w, 3) uint8 RGB in [0, 255], smaller by the scale, and at most `MAX_SIDE` a side.
    """
    if not 0 <= number < MILD:
        raise InputError(f"mild re-encodings have numbers from 0 to {MILD - 1}, got {number}")
    # 13 and the number of qualities have no common divisor: each quality comes once in a round. It
    # starts at 82 because to save a picture again at its own quality, most often a multiple of 5,
    # changes next to nothing.
    quality = MILD_QUALITIES[(7 + 13 * number) % len(MILD_QUALITIES)]
    return jpeg(_scale(image, MILD_SCALES[number % len(MILD_SCALES)]), quality)


def _scale(image: np.ndarray, scale: float) -> np.ndarray:
    """Scale both sides, antialiased, to at least one pixel."""
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return _resize(image, width, height)


def _resize(
    image: np.ndarray,
    width: int,
    height: int,
    method: Image.Resampling = Image.Resampling.BICUBIC,
) -> np.ndarray:
    return np.array(Image.fromarray(image).resize((width, height), method))


def _blur(image: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(image, (0, 0), BLUR)


def _noise(image: np.ndarray) -> np.ndarray:
    """Add independent Gaussian noise that the content of the image seeds."""
    digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
    rng = np.random.default_rng(int.from_bytes(digest))
    noisy = image + NOISE * rng.standard_normal(image.shape, np.float32)
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def _screenshot(image: np.ndarray) -> np.ndarray:
    """Show on a phone, take a screenshot, crop it, and share it at the picture's first size.

    Screens scale with the bilinear filter of their graphics chip and have a tone of their own.
    The screenshot itself loses nothing; it is compressed when it is shared.
    """
    import cv2

    height, width = image.shape[:2]
    fit = min(SCREEN[0] / width, SCREEN[1] / height)
    across, down = (max(1, round(side * fit)) for side in (width, height))
    shown = _resize(image, across, down, Image.Resampling.BILINEAR)
    levels = 255 * (np.arange(256) / 255) ** SCREEN_GAMMA
    screen = cv2.LUT(shown, np.rint(levels).astype(np.uint8))
    return jpeg(_resize(screen, width, height), SCREENSHOT_QUALITY)


def _social_media(image: np.ndarray, platforms: tuple[Platform, ...]) -> np.ndarray:
    """Upload to one platform, download, upload to the next."""
    for platform in platforms:
        scale = min(platform.scale, platform.longest / max(image.shape[:2]))
        image = jpeg(_sharpen(_scale(image, scale)), platform.quality)
    return image


def _sharpen(image: np.ndarray) -> np.ndarray:
    """Add what a blur takes away (unsharp masking)."""
    import cv2

    soft = cv2.GaussianBlur(image, (0, 0), SHARPEN_RADIUS)
    return cv2.addWeighted(image, 1 + SHARPEN_AMOUNT, soft, -SHARPEN_AMOUNT, 0)


CORRUPTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **{f"jpeg {quality}": partial(jpeg, quality=quality) for quality in (90, 70, 50, 30)},
    "half size": partial(_scale, scale=1 / 2),
    "quarter size": partial(_scale, scale=1 / 4),
    "blur": _blur,
    "noise": _noise,
    "screenshot": _screenshot,
    "social media": partial(_social_media, platforms=(FEED,)),
    "social media twice": partial(_social_media, platforms=(FEED, MESSENGER)),
}
