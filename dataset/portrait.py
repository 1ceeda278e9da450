"""Portraits drawn from numbers: a person, a pose, and the painter that puts them on a canvas."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
Colour = Floats


def floats(values: ArrayLike) -> Floats:
    """Return an array of float32."""
    return np.asarray(values, np.float32)


SUPERSAMPLING = 2
SKIN = floats([[244, 214, 196], [232, 190, 162], [205, 155, 122], [158, 108, 80], [104, 70, 54]])
HAIR = floats(
    [[30, 24, 22], [62, 42, 30], [112, 76, 46], [186, 146, 92], [146, 72, 40], [150, 148, 146]]
)
IRIS = floats([[70, 44, 28], [96, 116, 70], [84, 120, 150], [110, 110, 104]])


@dataclass(frozen=True)
class Person:
    """What stays the same when one person is drawn twice; colours in RGB, [0, 255].

    Lengths are in face units: half the width of the face is 1.
    """

    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    jaw: float
    height: float
    eye_gap: float
    eye_width: float
    eye_height: float
    brow_lift: float
    brow_weight: float
    nose_length: float
    nose_width: float
    mouth_width: float
    mouth_weight: float
    hairline: float
    parting: float
    hair_length: float
    beard: float
    glasses: bool
    strands: Floats
    cloth: Colour
    stripes: tuple[float, float]

    @classmethod
    def draw_lots(cls, rng: np.random.Generator) -> "Person":
        """Make up a person."""
        tone = rng.uniform(0, len(SKIN) - 1)
        skin = floats([np.interp(tone, range(len(SKIN)), SKIN[:, c]) for c in range(3)])
        dark_hair = tone > 2.2
        hair = HAIR[rng.integers(2 if dark_hair else len(HAIR))] * rng.uniform(0.8, 1.15)
        blush = floats([rng.uniform(0.78, 1.0), 0.62, 0.62])
        return cls(
            skin=skin * rng.uniform(0.94, 1.04, 3).astype(np.float32),
            hair=floats(hair),
            iris=IRIS[0 if dark_hair else rng.integers(len(IRIS))],
            lips=skin * blush,
            jaw=rng.uniform(0.08, 0.34),
            height=rng.uniform(1.26, 1.46),
            eye_gap=rng.uniform(0.40, 0.47),
            eye_width=rng.uniform(0.20, 0.25),
            eye_height=rng.uniform(0.085, 0.125),
            brow_lift=rng.uniform(0.24, 0.31),
            brow_weight=rng.uniform(0.035, 0.075),
            nose_length=rng.uniform(0.44, 0.56),
            nose_width=rng.uniform(0.17, 0.25),
            mouth_width=rng.uniform(0.32, 0.44),
            mouth_weight=rng.uniform(0.07, 0.13),
            hairline=rng.uniform(-0.92, -0.66),
            parting=rng.uniform(-0.6, 0.6),
            hair_length=float(rng.choice([0.0, 0.0, 0.8, 1.6])),
            beard=float(rng.choice([0.0, 0.0, 0.0, 0.25, 0.5])),
            glasses=bool(rng.random() < 0.15),
            strands=rng.uniform(0, 2 * np.pi, 5).astype(np.float32),
            cloth=floats(rng.uniform(70, 150) + rng.uniform(-45, 45, 3)),
            stripes=(rng.choice([0, 0, 1]) * rng.uniform(0.05, 0.3), rng.uniform(8, 30)),
        )


@dataclass(frozen=True)
class Pose:
    """Where the face is and how the light falls.

    `x`, `y` and `width` are fractions of the frame, `tilt` is in radians, `turn` and the
    light direction are in face units, `smile` is in [0, 1].
    """

    x: float
    y: float
    width: float
    tilt: float
    turn: float
    smile: float
    light: tuple[float, float]

    @classmethod
    def draw_lots(cls, rng: np.random.Generator) -> "Pose":
        """Make up a pose; the face is near a crossing of the thirds, seldom in the middle."""
        return cls(
            x=0.5 + rng.choice([-1, 1]) * rng.uniform(0.1, 0.2),
            y=0.5 + rng.choice([-1, 1]) * rng.uniform(0.05, 0.15),
            width=rng.uniform(0.42, 0.54),
            tilt=rng.normal(0, 0.1),
            turn=rng.uniform(-0.14, 0.14),
            smile=rng.uniform(0, 1),
            light=(rng.uniform(-0.7, 0.7), rng.uniform(-0.7, -0.1)),
        )

    def to_frame(self, size: int) -> Floats:
        """Return the 2x3 matrix that takes face units to pixels of a `size` x `size` frame."""
        scale = self.width * size / 2
        cos, sin = scale * np.cos(self.tilt), scale * np.sin(self.tilt)
        return floats([[cos, -sin, self.x * size - 0.5], [sin, cos, self.y * size - 0.5]])


class Canvas:
    """A picture in RGB, [0, 255], that is painted on in face units."""

    def __init__(self, picture: Floats, pose: Pose) -> None:
        """Put the face coordinates of `pose` over a square picture."""
        size = picture.shape[0]
        inverse = cv2.invertAffineTransform(pose.to_frame(size))
        rows, columns = np.mgrid[:size, :size].astype(np.float32)
        self.picture = picture
        self.x = inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]
        self.y = inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2]
        self.pixel = float(np.hypot(inverse[0, 0], inverse[0, 1]))

    def ellipse(self, x: float, y: float, rx: float, ry: float) -> Floats:
        """Return about the signed distance to an ellipse, negative inside."""
        return (np.hypot((self.x - x) / rx, (self.y - y) / ry) - 1) * min(rx, ry)

    def paint(self, distance: Floats, colour: Colour, opacity: float = 1, soft: float = 0) -> None:
        """Lay a colour, (3,) or (H, W, 3), over all that lies at a negative distance.

        The edge is one pixel wide, or `soft` face units where that is more.
        """
        alpha = np.clip(0.5 - distance / max(soft, 1.5 * self.pixel), 0, 1)
        alpha = opacity * alpha * alpha * (3 - 2 * alpha)
        self.picture += alpha[..., None] * (colour - self.picture)

    def shade(self, distance: Floats, factor: float, soft: float, opacity: float = 1) -> None:
        """Darken or brighten softly."""
        self.paint(distance, self.picture * factor, opacity, soft)


def draw_portrait(person: Person, pose: Pose, backdrop: Floats) -> Floats:
    """Draw a person in front of a backdrop.

    Args:
        person: Who is drawn.
        pose: Where and how.
        backdrop: float32 (S, S, 3), RGB in [0, 255], S the side of the picture to return.

    Returns:
        float32 (S, S, 3), RGB in [0, 255], without noise.
    """
    size = backdrop.shape[0]
    large = floats(cv2.resize(backdrop, None, fx=SUPERSAMPLING, fy=SUPERSAMPLING))
    canvas = Canvas(large, pose)
    _draw_body(canvas, person)
    head = _draw_head(canvas, person, pose)
    _draw_relief(canvas, person, pose, head)
    for side in (-1, 1):
        _draw_eye(canvas, person, pose, side)
    _draw_nose(canvas, person, pose)
    _draw_mouth(canvas, person, pose)
    _draw_fringe(canvas, person, head)
    if person.glasses:
        _draw_glasses(canvas, person, pose)
    return np.clip(cv2.resize(canvas.picture, (size, size), interpolation=cv2.INTER_AREA), 0, 255)


def draw_backdrop(rng: np.random.Generator, size: int) -> Floats:
    """Draw a wall, plain, spotted or striped; float32 (size, size, 3), RGB in [0, 255]."""
    spots = rng.uniform(-1, 1, (rng.integers(3, 9), rng.integers(3, 9), 1)).astype(np.float32)
    spots = floats(cv2.resize(spots, (size, size), interpolation=cv2.INTER_CUBIC))[..., None]
    start, end = rng.uniform(40, 215, (2, 3)).astype(np.float32)
    start, end = (c.mean() + 0.5 * (c - c.mean()) for c in (start, end))
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    ramp = (0.5 + 0.35 * (np.cos(angle) * columns + np.sin(angle) * rows))[..., None]
    across = np.cos(angle) * rows - np.sin(angle) * columns
    stripes = np.tanh(3 * np.sin(rng.uniform(8, 60) * across + rng.uniform(0, 6)))[..., None]
    wall = start + ramp * (end - start) + rng.uniform(4, 22) * spots
    wall += rng.choice([0, 0, 1]) * rng.uniform(2, 14) * stripes
    return np.clip(wall, 0, 255).astype(np.float32)


def _hair_colour(canvas: Canvas, person: Person) -> Floats:
    """Return the hair's colour with strands that run outward from the crown."""
    angle = np.arctan2(canvas.x - person.parting, canvas.y + 2.2)
    waves = sum(np.sin((9 + 11 * k) * angle + p) for k, p in enumerate(person.strands))
    glow = np.exp(-4 * (canvas.y + 0.95) ** 2)
    return person.hair * (1 + 0.09 * waves + 0.35 * glow)[..., None] + 10 * glow[..., None]


def _draw_body(canvas: Canvas, person: Person) -> None:
    """Draw long hair, shoulders and neck."""
    if person.hair_length:
        bottom = canvas.ellipse(0, 0.25 * person.hair_length, 1.28, 1.35 + 0.5 * person.hair_length)
        canvas.paint(bottom, 0.7 * _hair_colour(canvas, person))
    shoulders = canvas.ellipse(0, 3.3, 2.3, 1.6)
    folds = 1 + 0.12 * np.sin(2.1 * canvas.x + 0.8 * canvas.y) - 0.1 * np.abs(canvas.x)
    folds += person.stripes[0] * np.tanh(3 * np.sin(person.stripes[1] * canvas.y))
    canvas.paint(shoulders, person.cloth * folds[..., None])
    neck = np.maximum(np.abs(canvas.x) - 0.56 - 0.1 * (canvas.y - 1.2) ** 2, canvas.y - 2.1)
    neck = np.maximum(neck, canvas.ellipse(0, 1.2, 1.0, 1.05))
    shadow = np.clip(1.25 - 0.45 * (canvas.y - 0.9), 0.8, 1.5)[..., None]
    canvas.paint(neck, 0.82 * person.skin / shadow)


def _draw_head(canvas: Canvas, person: Person, pose: Pose) -> Floats:
    """Draw the hair behind, the ears and the head, and return the distance to the head."""
    hair = canvas.ellipse(0, -0.28, 1.16, person.height)
    canvas.paint(np.maximum(hair, canvas.y - 0.35), _hair_colour(canvas, person))
    for side in (-1, 1):
        ear = canvas.ellipse(side * 1.0 - 0.4 * pose.turn, 0.08, 0.15, 0.28)
        canvas.paint(ear, 0.86 * person.skin)
        canvas.shade(canvas.ellipse(side * 1.02 - 0.4 * pose.turn, 0.08, 0.07, 0.17), 0.75, 0.08)
    narrowing = 1 - person.jaw * np.clip(canvas.y / person.height, 0, 1) ** 1.6
    x, y = canvas.x / narrowing, canvas.y / person.height
    radius = np.hypot(x, y)
    depth = np.sqrt(np.clip(1 - radius**2, 0.02, 1))
    facing = x * pose.light[0] + y * pose.light[1] + 0.75 * depth
    lit = 0.70 + 0.42 * np.clip(facing, -0.4, 1)
    canvas.paint(radius - 1, person.skin * lit[..., None])
    return radius - 1


def _draw_relief(canvas: Canvas, person: Person, pose: Pose, head: Floats) -> None:
    """Model eye sockets, cheeks, chin and beard by shading."""
    turn = pose.turn
    for side in (-1, 1):
        x = side * person.eye_gap + turn
        canvas.shade(canvas.ellipse(x, -0.16, 0.32, 0.2), 0.74, soft=0.3)
        canvas.shade(canvas.ellipse(x * 1.15, 0.36, 0.26, 0.18), 1.1, soft=0.36)
        canvas.paint(
            canvas.ellipse(x * 1.2, 0.42, 0.3, 0.22), person.skin * [1.06, 0.84, 0.82], 0.3, 0.4
        )
        fold = np.abs(canvas.x - side * (0.30 + 0.22 * (canvas.y - 0.42)) - turn) - 0.01
        fold = np.maximum(fold, np.abs(canvas.y - 0.6) - 0.14)
        canvas.shade(fold, 0.84, soft=0.1, opacity=0.4 + 0.6 * pose.smile)
    canvas.shade(canvas.ellipse(turn, 0.99, 0.24, 0.09), 0.86, soft=0.16)
    canvas.shade(canvas.ellipse(turn, 1.13, 0.2, 0.12), 1.07, soft=0.2)
    if person.beard:
        beard = np.maximum(head + 0.02, 0.42 + 0.25 * np.cos(3 * canvas.x) - canvas.y)
        canvas.paint(beard, person.hair, person.beard, soft=0.2)


def _draw_eye(canvas: Canvas, person: Person, pose: Pose, side: int) -> None:
    """Draw one eye with its lids and its brow."""
    centre = side * person.eye_gap + pose.turn
    width, height = person.eye_width, person.eye_height
    along = (canvas.x - centre) / width
    arch = height * (1 - along**2)
    y = canvas.y + 0.12 + 0.012 * side * along
    eye = np.maximum(np.abs(y + 0.2 * arch) - arch, np.abs(along) * width - width)
    canvas.paint(eye, floats([222, 216, 210]) * (0.72 + 0.2 * (person.skin.mean() / 255)))
    for radius, colour in ((0.095, person.iris), (0.045, floats([14, 12, 12]))):
        iris = np.hypot(canvas.x - centre - 0.15 * pose.turn, y + 0.015) - radius
        canvas.paint(np.maximum(iris, eye), colour)
    glint = np.hypot(canvas.x - centre - 0.03 * np.sign(pose.light[0]), y + 0.045) - 0.022
    canvas.paint(glint, floats([250, 250, 250]), 0.9)
    inside = np.abs(along) * width - width
    lash = np.maximum(np.abs(y + 1.2 * arch) - 0.022, inside)
    canvas.paint(lash, 0.3 * person.skin, 0.9, soft=0.03)
    canvas.paint(np.maximum(np.abs(y - 0.8 * arch) - 0.01, inside), 0.6 * person.skin, 0.5, 0.03)
    canvas.paint(
        np.maximum(np.abs(y + 1.5 * arch + 0.05) - 0.012, inside), 0.6 * person.skin, 0.5, 0.04
    )
    reach = (canvas.x - centre - 0.02 * side) / (1.35 * width)
    bow = 0.12 + person.brow_lift - 0.07 * reach**2 + 0.025 * side * -reach
    weight = person.brow_weight * (1 - 0.3 * side * reach)
    brow = np.maximum(np.abs(canvas.y + bow) - weight, np.abs(reach) * 1.35 * width - 1.35 * width)
    canvas.paint(brow, 0.75 * person.hair + 0.08 * person.skin, 0.85, soft=0.05)


def _draw_nose(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw the nose: a bridge with a dark and a bright flank, wings, nostrils, a lit tip."""
    tip, turn, width = person.nose_length, 1.5 * pose.turn, person.nose_width
    dark = -np.sign(pose.light[0])
    slope = 0.08 + 0.5 * width * np.clip((canvas.y + 0.1) / tip, 0, 1)
    middle = turn * np.clip((canvas.y + 0.3) / tip, 0.6, 1)
    span = np.maximum(-0.12 - canvas.y, canvas.y - tip + 0.06)
    canvas.shade(np.maximum(np.abs(canvas.x - middle - dark * slope) - 0.05, span), 0.72, 0.14)
    canvas.shade(np.maximum(np.abs(canvas.x - middle) - 0.04, span), 1.12, 0.14)
    canvas.shade(canvas.ellipse(turn, tip + 0.04, width * 1.05, 0.07), 0.66, 0.12)
    canvas.paint(canvas.ellipse(turn, tip - 0.07, width * 0.55, 0.1), person.skin * 1.08, 0.5, 0.14)
    for side in (-1, 1):
        canvas.shade(canvas.ellipse(turn + side * width, tip - 0.05, 0.05, 0.09), 0.76, 0.07)
        nostril = canvas.ellipse(turn + side * 0.5 * width, tip + 0.02, 0.062, 0.03)
        canvas.paint(nostril, 0.3 * person.skin, 0.85, 0.04)


def _draw_mouth(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw lips that part, and show teeth, with the smile."""
    turn, half = 1.15 * pose.turn, person.mouth_width + 0.07 * pose.smile
    along = np.clip((canvas.x - turn) / half, -1, 1)
    inside = np.abs(canvas.x - turn) - half
    rise = 1 - along**2
    y = canvas.y - 0.74 - 0.09 * pose.smile * (rise - 0.6)
    opening = 0.09 * max(0.0, pose.smile - 0.45) * rise
    upper = person.mouth_weight * rise * (0.8 + 0.25 * np.cos(2.4 * np.pi * along + np.pi))
    lower = 1.15 * person.mouth_weight * rise + 2 * opening
    lips = np.maximum(np.maximum(-y - upper - opening, y - lower), inside)
    canvas.paint(lips, person.lips, 0.9, soft=0.03)
    canvas.shade(np.maximum(y, np.maximum(-y - upper, inside)), 0.88, 0.03)
    canvas.paint(
        canvas.ellipse(turn, 0.82 + 0.04 * pose.smile, 0.14, 0.03), person.lips * 1.25, 0.5, 0.06
    )
    gap = np.maximum(np.abs(y) - 0.014 - opening, inside)
    canvas.paint(gap, 0.28 * person.lips, 0.95, soft=0.02)
    if pose.smile > 0.6:
        teeth = np.maximum(np.abs(y) - 0.8 * opening, np.abs(canvas.x - turn) - 0.75 * half)
        canvas.paint(teeth, floats([232, 226, 214]) * (0.85 + 0.1 * pose.smile), 0.95)
    canvas.shade(canvas.ellipse(turn, 0.79 + lower.max() + 0.03, 0.2, 0.03), 0.82, 0.1)


def _draw_fringe(canvas: Canvas, person: Person, head: Floats) -> None:
    """Draw the hair over the forehead and the temples."""
    sweep = 0.28 * (canvas.x - 0.5 * person.parting) ** 2 + 0.12 * person.parting * canvas.x
    ripple = 0.025 * np.sin(13 * canvas.x + person.strands[0])
    line = canvas.y - person.hairline - 1.3 * sweep - ripple
    scalp = np.maximum(line, head - 0.06)
    canvas.shade(scalp - 0.06, 0.8, soft=0.14)
    canvas.paint(scalp, _hair_colour(canvas, person), soft=0.04)


def _draw_glasses(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Draw thin frames."""
    frame = floats([40, 34, 34])
    for side in (-1, 1):
        x = side * person.eye_gap + pose.turn
        rim = np.abs(canvas.ellipse(x, -0.1, 0.34, 0.27)) - 0.018
        canvas.paint(rim, frame, 0.85)
        arm = np.maximum(np.abs(canvas.y + 0.14) - 0.018, 0.34 - side * (canvas.x - x))
        canvas.paint(np.maximum(arm, np.abs(canvas.x) - 1.0), frame, 0.8)
    bridge = np.maximum(np.abs(canvas.y + 0.15) - 0.018, np.abs(canvas.x - pose.turn) - 0.12)
    canvas.paint(bridge, frame, 0.85)
