"""Heatmaps over images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from src.report.plots.style import INK, PIXELS_PER_INCH, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A map and the box that it covers: left, top, width, height in pixels.
Heat = tuple[np.ndarray, tuple[int, int, int, int]]

HEAT_OPACITY = 0.65
# The renderer takes less than 65,536 pixels a side, margins included.
_LARGEST_SIDE = 60_000


def blend(image: np.ndarray, heats: Sequence[Heat], outlined: bool = True) -> np.ndarray:
    """Paint heatmaps over an image, at the image's own resolution.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        heats: each an `(h, w)` map in [0, 1] and the box that it covers: left, top, width, height
            in pixels. Where it is 0 the image stays as it is; of several the highest counts.
        outlined: a box that is not the whole image gets an outline.

    Returns:
        `(H, W, 3)` uint8 RGB.
    """
    import cv2
    from matplotlib import colormaps

    height, width = image.shape[:2]
    smooth = np.zeros((height, width), np.float32)
    outline = np.zeros((height, width), bool)
    for heat, (left, top, across, down) in heats:
        part = np.s_[top : top + down, left : left + across]
        grown = cv2.resize(heat.astype(np.float32), (across, down), interpolation=cv2.INTER_CUBIC)
        smooth[part] = np.maximum(smooth[part], np.clip(grown, 0.0, 1.0))
        if outlined and (across, down) != (width, height):
            line = max(1, min(across, down) // 150)
            inner = np.s_[top + line : top + down - line, left + line : left + across - line]
            kept = outline[inner].copy()
            outline[part] = True
            outline[inner] = kept
    colour = colormaps["inferno"](smooth, bytes=True)[..., :3]
    opacity = (HEAT_OPACITY * smooth)[..., None]
    painted = np.rint(image * (1 - opacity) + colour * opacity).astype(np.uint8)
    painted[outline] = 255
    return painted


def overlay(image: np.ndarray, heats: Sequence[Heat], title: str, unit: str) -> Figure:
    """Draw heatmaps over an image, one pixel of the image to one of the figure.

    Images of more than 60,000 pixels a side are scaled down to that.

    Args:
        image: `(H, W, 3)` uint8 RGB.
        heats: `(h, w)` maps in [0, 1] with their boxes, see `blend`.
        title: the line above.
        unit: what the colour bar measures.
    """
    from matplotlib.figure import Figure

    painted = _within_limits(blend(image, heats))
    height, width = painted.shape[:2]
    # Text and margins grow with the picture, so that they stay readable in large ones.
    points = max(8.0, min(width, height) / 45)
    em = points * PIXELS_PER_INCH / 72
    # A tiny picture stands in the corner of a figure that has room for the text.
    across, up = max(width, round(14 * em)), max(height, round(13 * em))
    margin = round(7 * em)
    figure = Figure(dpi=PIXELS_PER_INCH)
    lines = wrapped(title, figure, points, across + margin - em)
    top = round((1.35 * len(lines) + 0.8) * em)
    figure.set_size_inches((across + margin) / PIXELS_PER_INCH, (up + top) / PIXELS_PER_INCH)
    # Copied, where `imshow` would interpolate.
    figure.figimage(painted, 0, up - height, origin="upper")
    figure.text(
        0.5 * em / (across + margin),
        1 - 0.4 * em / (up + top),
        "\n".join(lines),
        va="top",
        fontsize=points,
        linespacing=1.3,
        color=INK,
        parse_math=False,
    )
    box = (
        (width + 0.8 * em) / (across + margin),
        0.1 * up / (up + top),
        1.2 * em / (across + margin),
        0.8 * up / (up + top),
    )
    _heat_scale(figure, box, unit, points)
    return figure


def _within_limits(image: np.ndarray) -> np.ndarray:
    """Scale an image down where the renderer could not take it."""
    import cv2

    height, width = image.shape[:2]
    scale = min(1.0, _LARGEST_SIDE / max(width, height))
    if scale == 1.0:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _heat_scale(
    figure: Figure, box: tuple[float, float, float, float], unit: str, points: float
) -> None:
    """Draw the colour bar into `box`, (left, bottom, width, height) in shares of the figure."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    colours = ScalarMappable(cmap=colormaps["inferno"])
    bar = figure.colorbar(colours, cax=figure.add_axes(box), ticks=[0, 0.5, 1])
    bar.set_label(unit, fontsize=points, color=INK, labelpad=0.5 * points)
    bar.ax.tick_params(
        labelsize=points, color=INK, labelcolor=INK, length=0.4 * points, pad=0.3 * points
    )
    bar.outline.set_visible(False)
