"""Self-blended images: fakes out of one real face, with the traces that every swap leaves.

Shiohara & Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022. A swapped face
differs a little from its surroundings in colour, sharpness and place, and there is a seam. Here
both parts come from the same photograph, so nothing else gives the fake away: neither the person
nor the camera nor the pose.

Everything is drawn from the generator that is handed in and from nothing else, so the same
generator state gives the same image in any thread or process.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data import face_mask

# How often the target, and not the source, is the version that is altered, and that is moved.
TARGET_PROBABILITY = 0.25
RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
SHIFT_X, SHIFT_Y = 0.08, 0.04  # of the distance of the eyes
MAX_ZOOM = 1 / 0.95

MAX_RGB = 16 / 255  # each channel
RGB_PROBABILITY = 0.3
MAX_HUE = 2.5  # degrees
MAX_SATURATION, MAX_VALUE = 1.15, 1.05  # factors
MAX_BRIGHTNESS = 0.07  # of the range
MAX_CONTRAST = 1.1
SHRINK = (1.5, 4.0)  # by which factor the image is shrunk and enlarged again
SHARPEN = (0.3, 1.5)  # how much of its fine detail is added to the image
# Frequencies are those of an image of this side in pixels: the network sees larger ones shrunk.
SIDE = 256
# How far apart the eyes are in a picture that a face fills, as a share of its side.
TYPICAL_EYES = 0.35


@dataclass(frozen=True)
class Blend:
    """A self-blended fake."""

    image: np.ndarray  # (H, W, 3) uint8 RGB, the fake
    mask: np.ndarray  # (H, W) float32 in [0, 1]; the fake equals `real` where it is 0
    # (H, W, 3) uint8 RGB, what stands around the blended face. It is to be the fake's real
    # counterpart, since often it is not the photograph itself: beside plain photographs, a tint or
    # blur of the surroundings would mark the fakes.
    real: np.ndarray
    parameters: dict[str, Any]  # what was drawn, by name; numbers and words


def self_blend(image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> Blend:
    """Make a fake out of a real face.

    Of the two versions of the image, the one inside the face (the source) and the one around it
    (the target), one is changed in colour and sharpness and one is moved. In the paper it is
    always the source that is moved; then every fake's face is a little softer than its
    surroundings by the resampling alone, and the whole fake softer than its real counterpart.

    Args:
        image: (H, W, 3) uint8 RGB in [0, 255]; it is not changed.
        landmarks: (5, 2) float, see `face_mask.draw`.
    """
    face = face_mask.frame(landmarks)
    drawn = _draw(rng)
    target = _version(image, face, drawn, "target")
    source = _version(image, face, drawn, "source").astype(np.float32)
    if drawn["moved"] == "target":
        landmarks = np.column_stack([landmarks, np.ones(5)]) @ _motion(face, drawn).T
    mask = face_mask.draw(landmarks, image.shape[:2], rng)
    ratio = float(rng.choice(RATIOS))
    blended = target + ratio * mask.weights[..., None] * (source - target)
    first, second = mask.kernels
    drawn |= {"outline": mask.outline, "blur_1": first, "blur_2": second, "ratio": ratio}
    return Blend(_to_uint8(blended), mask.weights, target, drawn)


def counterpart(
    image: np.ndarray, landmarks: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Return what `self_blend` would return as `real`, given a generator of the same state.

    Without landmarks, a face that fills the image is taken: for images of which no blend is
    made, which must not be told from the others by being the photograph as it was.

    Args:
        image: (H, W, 3) uint8 RGB in [0, 255]; it is not changed.
        landmarks: (5, 2) float, see `face_mask.draw`, or None.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    if landmarks is None:
        height, width = image.shape[:2]
        apart = TYPICAL_EYES * min(height, width)
        face = np.array([[apart, 0, width / 2], [0, apart, height / 2]])
    else:
        face = face_mask.frame(landmarks)
    return _version(image, face, _draw(rng), "target")


def _draw(rng: np.random.Generator) -> dict[str, Any]:
    """Draw how the source and the target are to differ."""
    altered, moved = ("target" if u < TARGET_PROBABILITY else "source" for u in rng.random(2))
    red, green, blue = rng.uniform(-MAX_RGB, MAX_RGB, 3) * (rng.random() < RGB_PROBABILITY)
    focus = "shrink" if rng.random() < 0.5 else "sharpen"
    strengths = SHRINK if focus == "shrink" else SHARPEN
    return {
        "altered": altered,
        "red": float(red),
        "green": float(green),
        "blue": float(blue),
        "hue": rng.uniform(-MAX_HUE, MAX_HUE),
        "saturation": MAX_SATURATION ** rng.uniform(-1, 1),
        "value": MAX_VALUE ** rng.uniform(-1, 1),
        "brightness": rng.uniform(-MAX_BRIGHTNESS, MAX_BRIGHTNESS),
        "contrast": MAX_CONTRAST ** rng.uniform(-1, 1),
        "focus": focus,
        "strength": float(np.exp(rng.uniform(*np.log(strengths)))),
        "moved": moved,
        "zoom": MAX_ZOOM ** rng.uniform(-1, 1),
        "shift_x": rng.uniform(-SHIFT_X, SHIFT_X),
        "shift_y": rng.uniform(-SHIFT_Y, SHIFT_Y),
    }


def _version(image: np.ndarray, face: np.ndarray, drawn: dict[str, Any], part: str) -> np.ndarray:
    """Return the "source" or the "target" that is made of an image: uint8."""
    if drawn["altered"] == part:
        tinted = _tint(image.astype(np.float32) / 255, drawn)
        image = _to_uint8(255 * _refocus(tinted, drawn))
    return _move(image, _motion(face, drawn)) if drawn["moved"] == part else image


def _tint(image: np.ndarray, drawn: dict[str, Any]) -> np.ndarray:
    """Change the colours of a float32 image in [0, 1]."""
    import cv2

    rgb = np.array([drawn[name] for name in ("red", "green", "blue")], np.float32)
    hsv = cv2.cvtColor((image + rgb).clip(0, 1), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + drawn["hue"]) % 360
    hsv[..., 1:] = (
        hsv[..., 1:] * np.array([drawn["saturation"], drawn["value"]], np.float32)
    ).clip(0, 1)
    shifted = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    contrast, middle = np.float32(drawn["contrast"]), np.float32(0.5)
    return ((shifted - middle) * contrast + middle + np.float32(drawn["brightness"])).clip(0, 1)


def _refocus(image: np.ndarray, drawn: dict[str, Any]) -> np.ndarray:
    """Soften a float32 image by shrinking and enlarging it, or sharpen it."""
    import cv2

    height, width = image.shape[:2]
    grain = max(1.0, min(height, width) / SIDE)
    if drawn["focus"] == "sharpen":
        fine = image - cv2.GaussianBlur(image, (0, 0), grain)
        return image + np.float32(drawn["strength"]) * fine
    small = [max(1, round(side / (grain * drawn["strength"]))) for side in (width, height)]
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_CUBIC)


def _motion(face: np.ndarray, drawn: dict[str, Any]) -> np.ndarray:
    """Return the (2, 3) matrix of a small move and resize around the face."""
    centre = face @ (*face_mask.CENTRE, 1)
    shift = face[:, :2] @ (drawn["shift_x"], drawn["shift_y"])
    return np.column_stack([drawn["zoom"] * np.eye(2), centre + shift - drawn["zoom"] * centre])


def _move(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    import cv2

    size, border = image.shape[1::-1], cv2.BORDER_REFLECT_101
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)


def _to_uint8(image: np.ndarray) -> np.ndarray:
    """Round levels in about [0, 255] to uint8."""
    return np.rint(image).clip(0, 255).astype(np.uint8)
