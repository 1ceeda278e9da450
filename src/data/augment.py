"""Vary training images anew in every epoch, the way images vary on their way to a viewer.

Every operation takes and returns a (S, S, 3) uint8 RGB image in [0, 255], leaves its input as it
is, and draws from the generator it is handed and from nothing else, so the same generator state
gives the same image in any thread or process.
"""

from collections.abc import Callable

import numpy as np

from src import InputError
from src.data.corruptions import jpeg

MAX_ROTATION = 10.0  # degrees
MAX_SHEAR = 5.0  # degrees
MAX_ZOOM = 1.1
MIN_PART = 0.7  # of the side that is seen when an image is looked at more closely
MAX_BRIGHTNESS = 25.0  # levels of 255
MAX_CONTRAST = 1.25
MIN_SCALE = 0.5
MIN_BLUR, MAX_BLUR = 0.3, 1.5  # sigma in pixels; below 0.3 nothing changes
MAX_NOISE = 8.0  # sigma in levels of 255
JPEG_QUALITY = (40, 95)


def augment(image: np.ndarray, rng: np.random.Generator, level: str) -> np.ndarray:
    """Vary one training image at random.

    Args:
        image: (S, S, 3) uint8 RGB in [0, 255]; it is not changed.
        level: "none" returns the image. "light" mirrors it and varies brightness and contrast:
            nothing is resampled or compressed, so the traces of forgery stay as they are. "full"
            adds a small affine warp and what sharing does to images: rescaling, blur, noise and
            JPEG compression, so that the detector cannot lean on traces which all of these wipe
            out. "traces" does all that more seldom, and shows some images more closely, so that no
            source is told by its framing: about a quarter of the images keep their finest traces,
            which a network from random weights hardly finds where most are wiped out.

    Returns:
        (S, S, 3) uint8 RGB in [0, 255].
    """
    if level not in _RECIPES:
        raise InputError(f"unknown augmentation {level!r}; choose one of {', '.join(LEVELS)}")
    for operation, probability in _RECIPES[level]:
        if rng.random() < probability:
            image = operation(image, rng)
    return image


def _flip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


def _tone(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change brightness and contrast around mid-grey."""
    import cv2

    contrast = MAX_CONTRAST ** rng.uniform(-1, 1)
    brightness = rng.uniform(-MAX_BRIGHTNESS, MAX_BRIGHTNESS)
    levels = (np.arange(256) - 127.5) * contrast + 127.5 + brightness
    return cv2.LUT(image, np.rint(levels).clip(0, 255).astype(np.uint8))


def _warp(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotate, zoom and shear around the centre, resampling once."""
    import cv2

    size = image.shape[0]
    centre = np.full(2, (size - 1) / 2)
    turn, shear = np.radians(rng.uniform(-1, 1, 2) * (MAX_ROTATION, MAX_SHEAR))
    zoom = MAX_ZOOM ** rng.uniform(-1, 1)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = zoom * rotation @ np.array([[1.0, np.tan(shear)], [0.0, 1.0]])
    matrix = np.column_stack([linear, centre - linear @ centre])
    return cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101)


def _closer(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Show a square part in place of the whole, as a tighter crop of the face would."""
    import cv2

    size = image.shape[0]
    side = max(1, round(size * rng.uniform(MIN_PART, 1)))
    top, left = rng.integers(0, size - side + 1, 2)
    part = image[top : top + side, left : left + side]
    return cv2.resize(part, (size, size), interpolation=cv2.INTER_CUBIC)


def _rescale(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shrink and enlarge again, as a thumbnail that was blown up."""
    import cv2

    size = image.shape[0]
    small = max(1, round(size * rng.uniform(MIN_SCALE, 1)))
    shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_CUBIC)


def _blur(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(image, (0, 0), rng.uniform(MIN_BLUR, MAX_BLUR))


def _noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add independent Gaussian noise to every value, as a sensor in the dark does."""
    sigma = np.float32(rng.uniform(0, MAX_NOISE))
    noisy = image + sigma * rng.standard_normal(image.shape, np.float32)
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def _compress(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return jpeg(image, int(rng.integers(*JPEG_QUALITY, endpoint=True)))


_Operation = Callable[[np.ndarray, np.random.Generator], np.ndarray]

# Each operation with its probability, in the order in which a camera and then a network apply
# them: compression comes last.
_RECIPES: dict[str, tuple[tuple[_Operation, float], ...]] = {
    "none": (),
    "light": ((_flip, 0.5), (_tone, 0.8)),
    "traces": (
        (_flip, 0.5),
        (_closer, 0.3),
        (_warp, 0.2),
        (_tone, 0.3),
        (_blur, 0.1),
        (_noise, 0.1),
        (_rescale, 0.2),
        (_compress, 0.3),
    ),
    "full": (
        (_flip, 0.5),
        (_warp, 0.8),
        (_tone, 0.8),
        (_blur, 0.2),
        (_noise, 0.2),
        (_rescale, 0.3),
        (_compress, 0.5),
    ),
}
LEVELS = tuple(_RECIPES)
